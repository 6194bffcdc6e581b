"""Analysers find nothing in generated C but the departures that docs/static-analysis.md lists with their reasons."""

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from every_program import every_program

from smidgen.delivery.packaging import packaging_files

PAGE = Path(__file__).resolve().parents[2] / "docs/static-analysis.md"
ROWS = re.findall(r"^\| (`[\w.-]+`.*?) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
DEPARTURES = {name for row in ROWS for name in re.findall(r"`([\w.-]+)`", row)}

CPPCHECK = (
    "cppcheck", "--std=c99", "--enable=warning,style,performance,portability", "--inconclusive", "--addon=misra",
    "--check-level=exhaustive", "--suppress=missingIncludeSystem", "--suppress=checkersReport", "--quiet",
    "--template={id}",
)  # fmt: skip
CLANG_TIDY = (
    "clang-tidy", "--quiet", "--header-filter=.*",
    "--checks=-*,bugprone-*,cert-*,clang-analyzer-*,misc-*,performance-*,portability-*",
)  # fmt: skip


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the C of every operator, windows and steps, and with what boards say of them."""
    folder = tmp_path_factory.mktemp("programs")
    for case in every_program().values():
        assert case.program.identity is not None
        delivered = packaging_files(case.program, case.program.identity)
        reports = {Path(path).name: text for path, text in delivered.items() if path.startswith("src/")}
        for name, text in {**case.program.files, **reports}.items():
            (folder / name).write_text(text, encoding="utf-8")
    return folder


def run_tool(command: Sequence[str], folder: Path) -> str:
    """Return what a tool of the extra `dev` prints; a tool that is not installed skips the test."""
    tool = Path(sys.executable).with_name(command[0])
    if not tool.exists():
        pytest.skip(f"{command[0]} is not installed; pip install {command[0]}")
    done = subprocess.run([tool, *command[1:]], cwd=folder, capture_output=True, text=True)
    return done.stdout + done.stderr


def cppcheck(folder: Path) -> set[str]:
    """Return the identifiers of what cppcheck finds in the C files of a folder."""
    printed = run_tool([*CPPCHECK, *(path.name for path in sorted(folder.glob("*.c")))], folder)
    return {line for line in printed.splitlines() if re.fullmatch(r"[\w.-]+", line)}


def clang_tidy(folder: Path) -> set[str]:
    """Return the names of the checks that clang-tidy fails for the C files of a folder."""
    sources = [path.name for path in sorted(folder.glob("*.c"))]
    printed = run_tool([*CLANG_TIDY, *sources, "--", "-std=c99"], folder)
    return {name for names in re.findall(r"\[([a-z][\w.,-]+)\]$", printed, re.MULTILINE) for name in names.split(",")}


def test_analysers_find_what_is_listed_and_nothing_else(programs: Path) -> None:
    """No finding is without a reason, and no reason without a finding."""
    assert cppcheck(programs) | clang_tidy(programs) == DEPARTURES


PLANTED = {
    "cppcheck": (cppcheck, "int32_t few[2] = {1, 2}; return few[i & 0] + few[2];", "arrayIndexOutOfBounds"),
    "misra": (cppcheck, "if (i) goto end; i = 2; end: return i;", "misra-c2012-15.1"),
    "clang-tidy": (clang_tidy, "int32_t none; return none + i;", "clang-analyzer-core.UndefinedBinaryOperatorResult"),
}


@pytest.mark.parametrize(("analyse", "code", "finding"), PLANTED.values(), ids=PLANTED)
def test_a_planted_finding_is_found(analyse, code: str, finding: str, tmp_path: Path) -> None:
    """Each analyser, and the addon, sees what is wrong with C: silence means something."""
    (tmp_path / "spoilt.c").write_text(
        f"#include <stdint.h>\nint32_t spoilt(int32_t i);\nint32_t spoilt(int32_t i) {{ {code} }}\n"
    )
    assert finding in analyse(tmp_path)
