"""The whole way to a board: the delivered Makefile cross-compiles, the delivered sketch runs, its log is judged."""

import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from command_line import smidgen
from deliveries import GRAPHS, delivery_of, run_tool
from system_tools import needs

from smidgen.delivery import read_board_log, save_delivery
from smidgen.ir import Graph
from smidgen.verification.qemu import GCC, QEMU, QEMU_BOARDS, QemuBoard

CORE = Path(__file__).with_name("arduino")
BOARDS = {name: QEMU_BOARDS[name] for name in ("cortex-m0", "cortex-m3", "cortex-m4", "cortex-m33")}


def board_log(folder: Path, name: str, board: QemuBoard, scratch: Path) -> Path:
    """Return what a board prints on which the sketch of a delivered folder runs, built as its Makefile says."""
    flags = " ".join(["-O2", *board.gcc_flags])
    run_tool("make", ["library", f"CC={GCC}", "AR=arm-none-eabi-ar", f"CFLAGS={flags}"], folder)
    (scratch / "memory.ld").write_text(board.memory_script)
    script = files("smidgen.verification").joinpath("image.ld").read_text()
    (scratch / "image.ld").write_text(script)
    (sketch,) = (folder / "examples").rglob("*.ino")
    includes = [f"-I{CORE}", f"-I{folder / 'src'}", "-include", "Arduino.h"]
    link = ["-nostartfiles", "-nodefaultlibs", "-L.", "-Wl,-T,image.ld", "-Wl,--gc-sections"]
    sources = ["-x", "c++", CORE / "core.cpp", sketch, "-x", "none", folder / "build" / f"lib{name}.a"]
    cpp = ["-std=gnu++11", "-Os", "-fno-exceptions", "-fno-rtti", "-ffunction-sections"]
    words = [*board.gcc_flags, *cpp, *includes, *sources, *link, "-lm", "-lc", "-lgcc", "-o", "board.elf"]
    run_tool("arm-none-eabi-g++", words, scratch)
    semihosting = ["-semihosting-config", "enable=on,target=native", "-kernel", "board.elf"]
    silent = ["-nographic", "-monitor", "none", "-serial", "none"]
    done = subprocess.run(
        [QEMU, "-M", board.machine, *silent, *semihosting], cwd=scratch, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    log = scratch / "board.txt"
    log.write_text(done.stdout + done.stderr)
    return log


@needs(GCC, "arm-none-eabi-g++", QEMU, "make")
@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
@pytest.mark.parametrize("graph", GRAPHS.values(), ids=GRAPHS)
def test_a_board_agrees(graph: Graph, board: QemuBoard, tmp_path: Path) -> None:
    """Another compiler and another emulator: every byte as expected, on cores with and without FPU and DSP.

    These boards have no cycle counter that counts, so that the sketch falls back on microseconds.
    """
    delivery = delivery_of(graph)
    folder = save_delivery(delivery, tmp_path / "delivered")
    log = board_log(folder, delivery.program.name, board, tmp_path)
    assert read_board_log(log).ticks_unit == "us"
    outcome = smidgen("verify", "--log", log, folder)
    assert (outcome.status, outcome.stderr) == (0, "")
    assert "every byte as expected" in outcome.stdout
