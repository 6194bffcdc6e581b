"""What a board printed: the lines of `<name>_report`, found among whatever else a serial monitor saved."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smidgen.errors import DeliveryError

LOG_FORMAT = "1"

#: Every key of a report, in the order in which a board prints them, with what its value must look like.
_VALUES: Mapping[str, str] = {
    "smidgen": r"[0-9]{1,10}",
    "name": r"[a-z][a-z0-9_]*",
    "version": r"\S+",
    "model_sha256": r"[0-9a-f]{64}",
    "weights_sha256": r"[0-9a-f]{64}",
    "selftest": r"[0-9]{1,10}",
    "crc32": r"0x[0-9A-F]{8}",
    "calls": r"[1-9][0-9]{0,9}",
    "ticks_unit": r"cycles|us",
    "ticks_min": r"[0-9]{1,10}",
    "ticks_max": r"[0-9]{1,10}",
    "clock_hz": r"[0-9]{1,10}",
    "end": r"[a-z][a-z0-9_]*",
}

#: Monitors put time stamps before a line; what stands before the key does not matter.
_LINE = re.compile(rf"(?:^|.*\s)({'|'.join(_VALUES)})=(.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardReport:
    """One whole report of a board."""

    name: str
    version: str  # of the smidgen that made the program
    model_sha256: str
    weights_sha256: str
    selftest: int  # status, 0: passed
    crc32: str  # of all outputs for the known input, e.g. "0x0123ABCD"
    calls: int  # of invoke or step that were timed
    ticks_unit: Literal["cycles", "us"]
    ticks_min: int  # of the fastest call
    ticks_max: int  # and of the slowest
    clock_hz: int  # of the core; 0: the board does not know


def read_board_log(path: str | Path, *, program: str | None = None) -> BoardReport:
    """Return the last whole report of a log.

    Args: program, whose report is wanted where a board runs several; if it has none, that of another is returned.
    Raises DeliveryError where there is none at all, or a value makes no sense.
    """
    try:
        text = Path(path).read_bytes().decode(errors="replace")
    except OSError as error:
        raise DeliveryError(f"cannot read the board's log {path}: {error.strerror}") from error
    whole: dict[str, str] | None = None
    current: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        found = _LINE.fullmatch(line.strip())
        if found is None:
            continue
        key, value = found[1], found[2].strip()
        if key == "smidgen":
            current = {}
        elif not current:
            continue  # the log begins in the middle of a report
        if not re.fullmatch(_VALUES[key], value) or current.get(key, value) != value:
            known = f", before it was {current[key]}" if key in current else ""
            raise DeliveryError(f"{path}, line {number}: {key}={value} makes no sense{known}; were lines cut or mixed?")
        current[key] = value
        if key == "end":
            missing = [name for name in _VALUES if name not in current]
            if missing:
                raise DeliveryError(f"{path}, line {number}: the report ends without {', '.join(missing)}")
            if whole is None or current["name"] == program or whole["name"] != program:
                whole = current
            current = {}
    if whole is None:
        raise DeliveryError(_nothing_whole(path, current))
    if whole["smidgen"] != LOG_FORMAT:
        raise DeliveryError(f"{path}: the report has format {whole['smidgen']}, this version reads {LOG_FORMAT}")
    if whole["end"] != whole["name"]:
        raise DeliveryError(f"{path}: the report of {whole['name']} ends as that of {whole['end']}; are two mixed?")
    return BoardReport(
        name=whole["name"],
        version=whole["version"],
        model_sha256=whole["model_sha256"],
        weights_sha256=whole["weights_sha256"],
        selftest=int(whole["selftest"]),
        crc32=whole["crc32"],
        calls=int(whole["calls"]),
        ticks_unit="cycles" if whole["ticks_unit"] == "cycles" else "us",
        ticks_min=int(whole["ticks_min"]),
        ticks_max=int(whole["ticks_max"]),
        clock_hz=int(whole["clock_hz"]),
    )


def _nothing_whole(path: str | Path, current: Mapping[str, str]) -> str:
    if current:
        last = list(current)[-1]
        return f"{path}: the report breaks off after {last}={current[last]}; let the board print on to its line end="
    return (
        f"{path} holds no report: no line smidgen={LOG_FORMAT}. "
        "Run the delivered example on the board and save the lines that it prints"
    )
