"""A board's log is read among the noise of a serial monitor, or refused with the line that makes no sense."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.delivery import BoardReport, read_board_log
from smidgen.errors import DeliveryError

LINES = (
    "smidgen=1",
    "name=rooms",
    "version=0.1.0",
    f"model_sha256={'ab' * 32}",
    f"weights_sha256={'cd' * 32}",
    "selftest=0",
    "crc32=0x0123ABCD",
    "calls=8",
    "ticks_unit=cycles",
    "ticks_min=50210",
    "ticks_max=50321",
    "clock_hz=64000000",
    "end=rooms",
)
REPORT = BoardReport(
    name="rooms",
    version="0.1.0",
    model_sha256="ab" * 32,
    weights_sha256="cd" * 32,
    selftest=0,
    crc32="0x0123ABCD",
    calls=8,
    ticks_unit="cycles",
    ticks_min=50210,
    ticks_max=50321,
    clock_hz=64000000,
)


def read(folder: Path, text: str | bytes) -> BoardReport:
    """Read a log of this content."""
    path = folder / "board.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_board_log(path)


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(LINES),
        "\r\n".join(LINES) + "\r\n",
        "boot\nclock=3\n" + "\n".join(LINES) + "\nname=other\n",
        "\n".join(f"12:01:02.345 -> {line}" for line in LINES),
        "\n".join(f"[00:00:01.5] I (33) main: {line}  " for line in LINES),
        "\n".join((*LINES[6:], *LINES, *LINES[:4])),
        "\n".join((*LINES[:6], *LINES)),
    ],
    ids=["plain", "windows", "noise", "arduino", "esp-idf", "from the middle on", "reset on the way"],
)
def test_the_last_whole_report_is_read(text: str, tmp_path: Path) -> None:
    """Whatever stands around the lines, and however often the board printed them."""
    assert read(tmp_path, text) == REPORT
    assert read(tmp_path, b"\xff\xfe\x00garbage\n" + text.encode()) == REPORT


def test_of_two_reports_the_last_counts(tmp_path: Path) -> None:
    """A board that goes on printing may get better or worse; the last word holds."""
    second = [line.replace("selftest=0", "selftest=3") for line in LINES]
    assert read(tmp_path, "\n".join((*LINES, *second))) == replace(REPORT, selftest=3)


@pytest.mark.parametrize(
    ("line", "wrong", "message"),
    [
        ("crc32=0x0123ABCD", "crc32=banana", r"line 7: crc32=banana makes no sense"),
        ("crc32=0x0123ABCD", "crc32=0x0123", r"line 7: crc32=0x0123 makes no sense"),
        ("selftest=0", "selftest=-1", r"line 6: selftest=-1 makes no sense"),
        ("ticks_unit=cycles", "ticks_unit=ms", r"line 9: ticks_unit=ms makes no sense"),
        ("calls=8", "calls=0", r"line 8: calls=0 makes no sense"),
        ("calls=8", "", r"line 13: the report ends without calls"),
        ("version=0.1.0", "name=other", r"line 3: name=other makes no sense, before it was rooms; were lines cut"),
        ("end=rooms", "end=doors", r"the report of rooms ends as that of doors; are two mixed"),
        ("smidgen=1", "smidgen=2", r"the report has format 2, this version reads 1"),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named(line: str, wrong: str, message: str, tmp_path: Path) -> None:
    """The message says which line holds what, and what may have happened."""
    with pytest.raises(DeliveryError, match=message):
        read(tmp_path, "\n".join(wrong if each == line else each for each in LINES))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no report: no line smidgen=1. Run the delivered example"),
        ("hello world\n", "holds no report"),
        ("\n".join(LINES[1:]), "holds no report"),
        ("\n".join(LINES[:6]), "breaks off after selftest=0; let the board print on"),
    ],
    ids=["empty", "no report", "without its beginning", "truncated"],
)
def test_a_log_without_a_whole_report_is_refused(text: str, message: str, tmp_path: Path) -> None:
    """What is missing, and how to get it."""
    with pytest.raises(DeliveryError, match=message):
        read(tmp_path, text)


def test_a_board_with_several_programs_reports_each(tmp_path: Path) -> None:
    """The last report of the program that is asked for; without one of its own, the last of all."""
    doors = [line.replace("rooms", "doors") for line in LINES]
    later = [line.replace("ticks_max=50321", "ticks_max=50400") for line in LINES]
    path = tmp_path / "board.txt"
    path.write_text("\n".join((*doors, *LINES, *doors, *later, *doors)))
    assert read_board_log(path, program="rooms") == replace(REPORT, ticks_max=50400)
    assert read_board_log(path, program="doors").name == "doors"
    assert read_board_log(path, program="lamps").name == "doors"
    assert read_board_log(path).name == "doors"


def test_a_missing_log_is_refused(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(DeliveryError, match=r"cannot read the board's log .*nowhere: No such file"):
        read_board_log(tmp_path / "nowhere")


@given(data=st.data())
def test_a_damaged_log_never_crashes(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Bytes cut, changed or added: the report that was meant, another legal one, or a DeliveryError."""
    content = bytearray("\n".join(LINES).encode())
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    try:
        read(tmp_path_factory.mktemp("log"), bytes(content))
    except DeliveryError:
        return
