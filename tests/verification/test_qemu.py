"""Another compiler and another emulator, on cores up to the Cortex-M55, give the same bytes."""

from collections.abc import Callable

import numpy as np
import pytest
from every_program import PROGRAMS, every_program
from system_tools import needs

from smidgen.codegen import Program
from smidgen.errors import FirmwareFault, ToolchainError
from smidgen.verification import compare
from smidgen.verification.qemu import GCC, QEMU, QEMU_BOARDS, QemuBoard, run_in_qemu

Arrays = list[np.ndarray]
Plant = Callable[..., Program]

on_every_board = pytest.mark.parametrize("board", QEMU_BOARDS.values(), ids=QEMU_BOARDS)


@needs(GCC, QEMU)
@on_every_board
@pytest.mark.parametrize("name", PROGRAMS)
def test_every_operator_equals_the_reference(name: str, board: QemuBoard) -> None:
    """Code of gcc, with vectors on the M55 where it finds a use, soft float where there is no unit: every byte."""
    case = every_program()[name]
    assert case.mismatched_bytes(lambda inputs: run_in_qemu(case.program, board, inputs)) == 0


@needs(GCC, QEMU)
def test_outputs_of_all_types_come_back(mixer: Program, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """Three inputs and three outputs of several types, sample by sample."""
    found = run_in_qemu(mixer, QEMU_BOARDS["cortex-m4"], mixer_samples)
    assert compare(mixer_outputs, found, ["y", "energy", "sum"]).mismatched_bytes == 0


@needs(GCC, QEMU)
@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("__builtin_trap();", "mixer on QEMU's mps2-an386 ended with status 255"),
        ("for (volatile int32_t i = 0; i < 10;) { }", "no end of 40 samples in 2 s"),
    ],
    ids=["trap", "no return"],
)
def test_a_fault_ends_the_run(code: str, message: str, plant: Plant, mixer_samples: Arrays) -> None:
    """A fault of the core and a call that does not return are told."""
    with pytest.raises(FirmwareFault, match=message):
        run_in_qemu(plant("head", code), QEMU_BOARDS["cortex-m4"], mixer_samples, timeout_s=2.0)


@needs(GCC, QEMU)
def test_a_status_that_is_not_ok_is_a_fault(plant: Plant, mixer_samples: Arrays) -> None:
    """The status becomes the emulator's exit status."""
    failing = plant("return mixer_reset(ctx);", "(void)ctx;\n    return MIXER_FAILED;")
    with pytest.raises(FirmwareFault, match="ended with status 3"):
        run_in_qemu(failing, QEMU_BOARDS["cortex-m4"], mixer_samples)


def test_tools_that_are_absent_are_named(
    mixer: Program, mixer_samples: Arrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without them the error says which is optional and absent."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolchainError, match=f"no {GCC} on PATH; it is optional"):
        run_in_qemu(mixer, QEMU_BOARDS["cortex-m4"], mixer_samples)
