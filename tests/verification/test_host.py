"""Programs on this machine: right bytes, clear refusals, and no crash that reaches this process."""

from collections.abc import Callable

import numpy as np
import pytest

from smidgen.codegen.bundle import Program
from smidgen.errors import DataError, FirmwareFault
from smidgen.verification import HostModel, compare, run_isolated

Arrays = list[np.ndarray]
Plant = Callable[..., Program]
NAMES = ["y", "energy", "sum"]


def test_outputs_equal_the_reference(mixer: Program, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """In this process and in one of its own: every byte equals numpy's, also for inputs that are not contiguous."""
    backwards = [np.asfortranarray(array) for array in mixer_samples]
    model = HostModel(mixer)
    assert compare(mixer_outputs, model.run(backwards), NAMES).mismatched_bytes == 0
    assert compare(mixer_outputs, run_isolated(mixer, backwards), NAMES).mismatched_bytes == 0
    assert model.selftest() == 0


def test_no_samples_give_empty_outputs(mixer: Program, mixer_samples: Arrays) -> None:
    """A batch of none is legal and keeps the outputs' shapes and types."""
    none = [array[:0] for array in mixer_samples]
    for outputs in (HostModel(mixer).run(none), run_isolated(mixer, none)):
        assert [(array.shape, str(array.dtype)) for array in outputs] == [
            ((0, 5), "int8"),
            ((0, 2), "float32"),
            ((0,), "int32"),
        ]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x, offset, gain: [x, offset], r"takes 3 inputs, x int8 \(n, 6\), .*; got 2 arrays"),
        (lambda x, offset, gain: [x.astype(float), offset, gain], r"for x got float64 \(40, 6\)"),
        (lambda x, offset, gain: [x, offset[:, :1], gain], r"for offset got int16 \(40, 1\)"),
        (lambda x, offset, gain: [x[0], offset, gain], r"for x got int8 \(6,\)"),
        (lambda x, offset, gain: [x, offset[:3], gain], r"as many samples of each input, got \[40, 3, 40\]"),
    ],
    ids=["too few", "element type", "shape", "no batch axis", "sample counts"],
)
def test_arrays_that_do_not_fit_are_refused(
    spoil: Callable[..., Arrays], message: str, mixer: Program, mixer_samples: Arrays
) -> None:
    """A wrong array never reaches native code; the message tells what is taken and what was given."""
    with pytest.raises(DataError, match=message):
        HostModel(mixer).run(spoil(*mixer_samples))
    with pytest.raises(DataError, match=message):
        run_isolated(mixer, spoil(*mixer_samples))


def test_a_status_that_is_not_ok_is_a_fault(plant: Plant, mixer_samples: Arrays) -> None:
    """The first status that is not 0 ends the batch and is reported with its sample."""
    scale = "    mixer_op_001_scale(ctx, gain, energy);"
    key = mixer_samples[0][5, 0]
    assert key not in mixer_samples[0][:5, 0]
    failing = plant(scale, f"if (*x == {key}) {{ return MIXER_FAILED; }} {scale}")
    with pytest.raises(FirmwareFault, match="mixer_invoke returned status 3 on the host at sample 5"):
        HostModel(failing).run(mixer_samples)
    with pytest.raises(FirmwareFault, match="mixer: invoke returned status 3 on the host at sample 5"):
        run_isolated(failing, mixer_samples)
    no_init = plant("return mixer_reset(ctx);", "(void)ctx;\n    return MIXER_FAILED;")
    with pytest.raises(FirmwareFault, match="mixer_init returned status 3 on the host"):
        HostModel(no_init).run(mixer_samples)
    assert HostModel(plant("(sum == 1)", "(sum == 2)")).selftest() == 3


@pytest.mark.parametrize(
    ("layer", "code", "message"),
    [
        (
            "project",
            "if (x[0] == KEY) { ctx->projected[0] = *(volatile int8_t *)(uintptr_t)4096U; }",
            "ended by SIGSEGV",
        ),
        (
            "project",
            "if (x[0] == KEY) { const int8_t *volatile null = 0; ctx->projected[0] = null[0]; }",
            r"undefined behaviour \(SIG\w+\) in mixer_op_000_project \+ 0x",
        ),
        (
            "project",
            "if (x[0] == KEY) { ctx->projected[1] = 2147483647; ctx->projected[1] += 1 - (x[0] == 0); }",
            r"undefined behaviour \(SIG\w+\) in mixer_op_000_project \+ 0x",
        ),
        (
            "project",
            "if (x[0] == KEY) { const uintptr_t odd = (uintptr_t)ctx + 1U; *(int32_t *)odd = x[0]; }",
            r"undefined behaviour \(SIG\w+\) in mixer_op_000_project \+ 0x",
        ),
        (
            "project",
            "if (x[0] == KEY) { const uint32_t at = 5U + (uint32_t)(x[0] == 0); ctx->projected[at] = 1; }",
            r"undefined behaviour \(SIG\w+\) in mixer_op_000_project \+ 0x",
        ),
        ("project", "if (x[0] == KEY) { for (volatile int32_t i = 0; i < 10;) { } }", "no end of 40 samples in 2 s"),
    ],
    ids=["wild read", "null read", "signed overflow", "misaligned write", "index beyond the array", "no return"],
)
def test_a_crash_is_a_fault_and_this_process_lives(
    layer: str, code: str, message: str, plant: Plant, mixer_samples: Arrays
) -> None:
    """What would kill this process kills another; signal, function and sample are told."""
    key = mixer_samples[0][5, 0]
    assert key not in mixer_samples[0][:5, 0]
    at = "" if "no end" in message else ".* at sample 5"
    with pytest.raises(FirmwareFault, match=f"^mixer: {message}{at}"):
        run_isolated(plant(layer, code.replace("KEY", str(key))), mixer_samples, timeout_s=2.0)
