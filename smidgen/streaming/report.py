"""What a check of a stream saw, as a record that prints."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from smidgen.fidelity import Divergence
from smidgen.verification import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReport:
    """What `StreamingFirmware.check` saw. Printing gives a summary; `to_dict` what JSON can hold."""

    n_recordings: int
    n_frames: int  # of all recordings
    windows: Mapping[int, Comparison]  # by length: steps from reset against the graph of that length, both reference
    host: Comparison  # host C against the steps of the reference, over whole recordings; a sample is an answer
    emulated: Comparison  # the target's C, over the first frames
    n_emulated: int  # frames run on the target
    label: str  # of what ran the target's C: "emulated cortex-m4", "WebAssembly"
    divergence: Divergence | None = None  # of the host's C, followed layer by layer

    @property
    def mismatched_bytes(self) -> int:
        """Bytes that differ: steps from windows, host C or the target's C from the reference."""
        compared = (*self.windows.values(), self.host, self.emulated)
        return sum(comparison.mismatched_bytes for comparison in compared)

    @property
    def first_divergent_layer(self) -> str | None:
        """The first layer of the host's C whose bytes differ; None if all agree."""
        return None if self.divergence is None else self.divergence.layer

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return {
            "n_recordings": self.n_recordings,
            "n_frames": self.n_frames,
            "n_emulated": self.n_emulated,
            "lengths": list(self.windows),
            "mismatched_bytes": self.mismatched_bytes,
            "first_divergent_layer": self.first_divergent_layer,
        }

    def __str__(self) -> str:
        lines = [f"{self.n_recordings:,} recordings, {self.n_frames:,} frames"]
        lengths = ", ".join(f"{frames:,}" for frames in self.windows)
        if any(comparison.first for comparison in self.windows.values()):
            lines += [
                f"steps against the window of {frames:,} frames: {comparison}"
                for frames, comparison in self.windows.items()
                if comparison.first
            ]
        elif self.windows:
            total = sum(comparison.total_bytes for comparison in self.windows.values())
            lines.append(f"steps against windows of {lengths} frames: all {total} bytes are equal")
        lines.append(f"host C against the reference, whole recordings: {self.host}")
        lines.append(f"{self.label} against the reference, {self.n_emulated:,} frames: {self.emulated}")
        if self.divergence is not None:
            layer, frame = self.divergence.layer or "none when watched", self.divergence.sample
            lines.append(f"first layer to diverge on the host: {layer}, frame {frame}")
        return "\n".join(lines)
