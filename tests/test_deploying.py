"""The page about deploying does what it says: its commands run here, its C compiles against the frameworks' names."""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from command_line import smidgen

from smidgen.verification import STRICT_FLAGS
from smidgen.verification.zig import build

PAGE = (Path(__file__).resolve().parent.parent / "docs/deploying.md").read_text(encoding="utf-8")

COMPILE, *COMMANDS = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PROGRAMS = re.findall(r"^```c\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def block(language: str) -> str:
    """Return the page's one block of a language."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    return code


def run(commands: str, folder: Path) -> str:
    """Return what a shell prints for the commands, every one of which must succeed."""
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", commands], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the page's model was made and compiled, as the page says, and where `smidgen` is this one."""
    folder = tmp_path_factory.mktemp("deploying")
    (folder / "bin").mkdir()
    verb = folder / "bin" / "smidgen"
    verb.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "from smidgen.cli import main; main()" "$@"\n')
    verb.chmod(0o755)
    torch.manual_seed(0)
    with contextlib.chdir(folder):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, about the GRU's flattened weights
            exec(block("python"), {"__name__": "deploying"})
        outcome = smidgen(*shlex.split(COMPILE)[1:])
    assert outcome.status == 0, outcome.stderr
    return folder


@pytest.fixture
def built(folder: Path) -> Path:
    """The same, with the self-test built."""
    if shutil.which("make") is None or shutil.which("cc") is None:
        pytest.skip("no make or no cc on this machine")
    run("make -s -C build/gestures all", folder)
    return folder


@pytest.mark.parametrize("commands", COMMANDS)
def test_the_commands_run(commands: str, built: Path) -> None:
    """Each block of shell, where its tools are installed."""
    for tool in ("cmake", "arm-none-eabi-gcc"):
        if tool in commands and shutil.which(tool) is None:
            pytest.skip(f"no {tool} on this machine")
    run(commands, built)


def test_the_verdict_shown_is_the_verdict_printed(built: Path) -> None:
    """Word for word; hashes, times and estimates are of another day."""
    printed = run(next(commands for commands in COMMANDS if "verify --log" in commands), built)
    shown = block("text")
    figures = r"0x[0-9A-F]{8}|\d[\d,]* to \d[\d,]* us|\d{3},\d{3}"
    assert re.sub(figures, "#", printed) == re.sub(figures, "#", shown)


def test_the_folder_is_as_drawn(folder: Path) -> None:
    """Every file that the page names is there, and every file that is there stands on the page, or its folder."""
    tree = PAGE[PAGE.index("    build/gestures/\n") : PAGE.index("The C stands once")]
    named: set[str] = set()
    for line in tree.splitlines()[1:]:
        place = ""
        for word in re.split(r"\s+", re.split(r"\s{3,}", line.strip())[0]):
            place = word.rpartition("/")[0] if "/" in word.rstrip("/") else place
            named.add(word if "/" in word or not place else f"{place}/{word}")
    delivered = folder / "build/gestures"
    for name in named:
        assert (delivered / name).exists(), name
    for path in (path.relative_to(delivered).as_posix() for path in delivered.rglob("*") if path.is_file()):
        assert any(path == name or path.startswith(name) for name in named) or path.startswith("build/"), path


def test_the_cmake_lines_add_the_library(folder: Path) -> None:
    """In a project with an executable called app."""
    if shutil.which("cmake") is None:
        pytest.skip("no cmake on this machine")
    (folder / "main.c").write_text('#include "gestures.h"\nint main(void) { return (int)gestures_selftest(0) - 1; }\n')
    (folder / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.13)\nproject(mine LANGUAGES C)\nadd_executable(app main.c)\n" + block("cmake")
    )
    run("cmake -S . -B mine && cmake --build mine && mine/app", folder)


#: What the two programs use of the frameworks, as their references declare it.
FRAMEWORKS = {
    "cmsis_core.h": """#include <stdint.h>
typedef struct { volatile uint32_t CTRL, CYCCNT; } DWT_Type;
typedef struct { volatile uint32_t DHCSR, DCRSR, DCRDR, DEMCR; } CoreDebug_Type;
#define DWT ((DWT_Type *)0xE0001000UL)
#define CoreDebug ((CoreDebug_Type *)0xE000EDF0UL)
#define DWT_CTRL_CYCCNTENA_Msk 1UL
#define CoreDebug_DEMCR_TRCENA_Msk (1UL << 24)
extern uint32_t SystemCoreClock;
""",
    "zephyr/kernel.h": "#include <stdint.h>\nint32_t k_msleep(int32_t ms);\n",
    "zephyr/sys/printk.h": "void printk(const char *format, ...);\n",
    "esp_cpu.h": "#include <stdint.h>\ntypedef uint32_t esp_cpu_cycle_count_t;\n"
    "esp_cpu_cycle_count_t esp_cpu_get_cycle_count(void);\n",
    "freertos/FreeRTOS.h": "#include <stdint.h>\ntypedef uint32_t TickType_t;\n"
    "#define pdMS_TO_TICKS(ms) ((TickType_t)((ms) / 10U))\n",
    "freertos/task.h": "void vTaskDelay(TickType_t ticks);\n",
    "sdkconfig.h": "#define CONFIG_ESP_DEFAULT_CPU_FREQ_MHZ 160\nvoid app_main(void);\n",
    "stdio.h": "int printf(const char *format, ...);\n",
}


@pytest.mark.parametrize("program", PROGRAMS, ids=["zephyr", "esp-idf"])
def test_the_programs_compile(program: str, folder: Path) -> None:
    """For a Cortex-M4, with every warning an error."""
    sources = {path.name: path.read_text() for path in (folder / "build/gestures/src").glob("*.h")}
    flags = [*STRICT_FLAGS, "-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp", "-I."]
    build({**sources, **FRAMEWORKS, "main.c": program}, [["cc", *flags, "-c", "main.c", "-o", "main.o"]])
