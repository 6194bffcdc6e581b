"""Does a real board agree with the folder that it was built from, and how do its cycles compare with the estimate?"""

from dataclasses import asdict, dataclass
from typing import Any

from smidgen.delivery.board_log import BoardReport
from smidgen.delivery.manifest import Manifest
from smidgen.errors import DeliveryError

#: Status of the self-test by what it found, as the generated header has it.
_SELFTEST = {1: "a null pointer", 2: "damaged constants in flash", 3: "another answer to the known input"}


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardVerdict:
    """A board's report beside the manifest. Printing says it in words; `to_dict` what JSON can hold."""

    manifest: Manifest
    report: BoardReport

    @property
    def agrees(self) -> bool:
        """True if the board computes what was proved: outputs equal in bytes, floats at least within the self-test."""
        return self.report.selftest == 0 and (self.same_bytes or self.manifest.has_float_outputs)

    @property
    def same_bytes(self) -> bool:
        """True if all outputs for the known input are those of the reference, bit by bit."""
        return self.report.crc32 == self.manifest.known_answer_crc32

    @property
    def cycles(self) -> int | None:
        """Cycles of the slowest call; from microseconds where the clock is known; None where nothing tells."""
        if self.report.ticks_max == 0:
            return None
        if self.report.ticks_unit == "cycles":
            return self.report.ticks_max
        return self.report.ticks_max * self.report.clock_hz // 1_000_000 or None

    @property
    def cycles_per_estimate(self) -> float | None:
        """How many times the estimated cycles the board took."""
        estimate = self.manifest.measurement.cycles_estimate
        return None if self.cycles is None or not estimate else self.cycles / estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as plain values."""
        return {
            "agrees": self.agrees,
            "same_bytes": self.same_bytes,
            "expected_crc32": self.manifest.known_answer_crc32,
            "recipe": self.manifest.recipe,
            "target": self.manifest.target,
            "cycles": self.cycles,
            "cycles_estimate": self.manifest.measurement.cycles_estimate,
            "cycles_per_estimate": self.cycles_per_estimate,
            "report": asdict(self.report),
        }

    def __str__(self) -> str:
        program = f"{self.manifest.name}, recipe {self.manifest.recipe}, compiled for {self.manifest.target}"
        answer = "the board agrees" if self.agrees else "the board does NOT agree"
        lines = [f"{program}: {answer}", f"self-test  {self._selftest()}", f"outputs    {self._outputs()}"]
        lines += [f"time       {self._time()}", f"cycles     {self._cycles()}"]
        if self.report.version != self.manifest.versions["smidgen"]:
            made = self.manifest.versions["smidgen"]
            lines.append(f"versions   the board runs C of smidgen {self.report.version}, the folder is of {made}")
        return "\n".join(lines)

    def _selftest(self) -> str:
        status = self.report.selftest
        return "passed" if status == 0 else f"status {status}: {_SELFTEST.get(status, 'not known to this version')}"

    def _outputs(self) -> str:
        if self.same_bytes:
            return f"CRC32 {self.report.crc32}, every byte as expected"
        found = f"CRC32 {self.report.crc32}, expected {self.manifest.known_answer_crc32}"
        if self.agrees:
            found += (
                "; floats within the self-test's tolerance: this build rounds otherwise (-ffp-contract, -ffast-math)"
            )
        return found

    def _time(self) -> str:
        report = self.report
        calls = f"{report.calls} calls of {self.manifest.entry}"
        return f"{report.ticks_min:,} to {report.ticks_max:,} {report.ticks_unit} over {calls}"

    def _cycles(self) -> str:
        estimate = self.manifest.measurement.cycles_estimate
        if estimate is None:
            return f"no estimate was made for {self.manifest.target}"
        told = f"estimated {estimate:,} for {self.manifest.target}"
        if self.cycles is None or self.cycles_per_estimate is None:
            return f"not measured: the board tells no cycles and no clock; {told}"
        about = "" if self.report.ticks_unit == "cycles" else "about "
        return f"{about}{self.cycles:,} measured, {told}: {self.cycles_per_estimate:.2f} times the estimate"


def judge_board(manifest: Manifest, report: BoardReport) -> BoardVerdict:
    """Hold a board's report against a delivery; raises DeliveryError if it is the report of another program."""
    for what in ("name", "model_sha256", "weights_sha256"):
        expected, found = getattr(manifest, what), getattr(report, what)
        if expected != found:
            raise DeliveryError(
                f"the log is of another program: its {what} is {found}, that of the folder {expected}. "
                "Flash the folder's own program, or give the folder that the board was built from"
            )
    return BoardVerdict(manifest=manifest, report=report)
