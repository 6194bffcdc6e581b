"""Builds happen once, in folders of their own, and fail with the compiler's words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from smidgen.errors import ToolchainError
from smidgen.verification import build_cache, zig

COMPILE = [["cc", "-c", "-fno-sanitize=all", "answer.c", "-o", "answer.o"]]
SOURCES = {"answer.c": "int answer(void);\nint answer(void)\n{\n    return 42;\n}\n"}


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let any further call of the compiler fail."""

    def refuse(*_arguments: object, **_options: object) -> None:
        raise AssertionError("the compiler was called")

    monkeypatch.setattr(subprocess, "run", refuse)


def test_the_same_input_is_built_once(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A second build of the same sources and commands returns the folder without calling the compiler."""
    first = zig.build(SOURCES, COMPILE, tmp_path)
    assert (first / "answer.o").stat().st_size > 0
    request.getfixturevalue("no_compiler")
    assert zig.build(SOURCES, COMPILE, tmp_path) == first


def test_another_source_or_command_is_built_apart(tmp_path: Path) -> None:
    """One changed character, or one more flag, gives another folder."""
    other_source = {"answer.c": SOURCES["answer.c"].replace("42", "43")}
    other_command = [[*COMPILE[0], "-O1"]]
    folders = {
        zig.build(SOURCES, COMPILE, tmp_path),
        zig.build(other_source, COMPILE, tmp_path),
        zig.build(SOURCES, other_command, tmp_path),
    }
    assert len(folders) == 3


def test_the_compilers_message_is_kept_and_shortened(tmp_path: Path) -> None:
    """The error starts with the first problem, tells how many lines follow, and leaves nothing in the folder."""
    broken = {"answer.c": "".join(f"int f{i}(void) {{ return missing{i}; }}\n" for i in range(15))}
    with pytest.raises(
        ToolchainError, match=r"answer\.c:1:23: error: use of undeclared identifier 'missing0'"
    ) as caught:
        zig.build(broken, COMPILE, tmp_path)
    assert str(caught.value).endswith("more lines")
    assert len(str(caught.value).splitlines()) == 1 + 12 + 1
    assert list(tmp_path.iterdir()) == []


def test_two_processes_may_build_the_same(tmp_path: Path) -> None:
    """Both succeed with the same folder; no half-built and no left-over folder is seen."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom smidgen.verification import zig\n"
        f"print(zig.build({SOURCES!r}, {COMPILE!r}, Path(sys.argv[1])))\n"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    printed = {process.communicate()[0].strip() for process in processes}
    assert [process.returncode for process in processes] == [0, 0]
    assert printed == {str(folder) for folder in tmp_path.iterdir()}


def test_a_build_that_lost_the_race_takes_the_winners_products(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process publishes first, its folder stays as it is and is returned."""
    run = build_cache.run_compiler

    def run_and_be_overtaken(name: str, words: list[str], folder: Path, environment: dict[str, str]) -> None:
        run(name, words, folder, environment)
        winner = tmp_path / folder.name.split(".")[0]
        winner.mkdir()
        (winner / "answer.o").write_text("of the winner")

    monkeypatch.setattr(zig, "run_compiler", run_and_be_overtaken)
    products = zig.build(SOURCES, COMPILE, tmp_path)
    assert (products / "answer.o").read_text() == "of the winner"
    assert list(tmp_path.iterdir()) == [products]


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """The error names the folder and the variable that chooses another one."""
    (tmp_path / "file").write_text("")
    with pytest.raises(ToolchainError, match=r"cannot build in .*file.*SMIDGEN_CACHE"):
        zig.build(SOURCES, COMPILE, tmp_path / "file")


def test_the_cache_folder_can_be_chosen_and_falls_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SMIDGEN_CACHE first, then the user's cache folder, then, where that cannot be written, a temporary one."""
    monkeypatch.setenv("SMIDGEN_CACHE", str(tmp_path / "chosen"))
    assert build_cache.cache_folder() == tmp_path / "chosen"
    monkeypatch.delenv("SMIDGEN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert build_cache.cache_folder() == tmp_path / "user" / "smidgen"
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    fallback = build_cache.cache_folder()
    assert fallback.parent == tmp_path
    assert fallback.stat().st_mode & 0o077 == 0


def test_a_temporary_cache_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that somebody else owns may hold a library that would be loaded and run."""
    stranger = os.getuid() + 1
    (tmp_path / f"smidgen-{stranger}").mkdir()
    (tmp_path / "file").write_text("")
    monkeypatch.delenv("SMIDGEN_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr("os.getuid", lambda: stranger)
    with pytest.raises(ToolchainError, match="belongs to another user; set SMIDGEN_CACHE"):
        build_cache.cache_folder()
