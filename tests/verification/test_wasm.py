"""WebAssembly computes what the host computes, under an engine that stops or shows what it must not do."""

from collections.abc import Callable

import numpy as np
import pytest

from smidgen.codegen.bundle import Program
from smidgen.errors import DataError, FirmwareFault, ToolchainError
from smidgen.targets import find_target
from smidgen.verification import WasmRunner, compare
from smidgen.verification.toolchain import WASM_STACK_BYTES, build_wasm

Arrays = list[np.ndarray]
Plant = Callable[..., Program]
WASM32 = find_target("wasm32")
NAMES = ["y", "energy", "sum"]


def engine(program: Program, **options: int) -> WasmRunner:
    return WasmRunner(program, WASM32, **options)


def test_outputs_equal_the_reference(mixer: Program, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """Integers and floats: every byte equals numpy's, and the self-test passes."""
    runner = engine(mixer)
    assert compare(mixer_outputs, runner.run(mixer_samples), NAMES).mismatched_bytes == 0
    assert runner.selftest() == 0


def test_a_planted_fault_of_one_bit_is_found(plant: Plant, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """A layer that is wrong in one bit of one element of one sample is counted as one byte and located."""
    key = mixer_samples[1][17, 0]
    wrong = f"total += value;\n if (row == 3U && offset[0] == {key}) {{ y[row] = (int8_t)(y[row] ^ 1); }}"
    comparison = compare(mixer_outputs, engine(plant("total += value;", wrong)).run(mixer_samples), NAMES)
    assert comparison.mismatched_bytes == 1
    assert comparison.first is not None
    assert (comparison.first.output, comparison.first.sample, comparison.first.element) == ("y", 17, (3,))


FAULTS = {
    "null write": (
        "scale",
        "float *volatile null = 0; *null = 1.0F;",
        r"write at 0x00000000, 0 bytes from a null pointer",
    ),
    "past the context": (
        "project",
        "volatile int8_t *bytes = (volatile int8_t *)ctx; bytes[sizeof *ctx + 11U] = x[0];",
        r"write at 0x\w+, 12 bytes past the end of the context",
    ),
    "past the output": (
        "head",
        "volatile int8_t *out = y; out[5] = 1;",
        r"write at 0x\w+, 1 bytes past the end of output y",
    ),
    "before the output": (
        "head",
        "volatile int8_t *out = y; out[-3] = 1;",
        r"write at 0x\w+, 3 bytes before the start of output y",
    ),
    "write to an input": (
        "project",
        "volatile int8_t *in = (volatile int8_t *)(uintptr_t)x; in[2] = (int8_t)(in[2] ^ 1);",
        r"write at 0x\w+, byte 2 of input x",
    ),
    "beyond the memory": (
        "project",
        "ctx->projected[0] = *(volatile int8_t *)(uintptr_t)0x7F000000U;",
        "access outside the linear memory, or stack overflow",
    ),
    "stack overflow": (
        "scale",
        "volatile float big[5000]; const int32_t at = ctx->projected[0] & 7; big[at] = gain[0]; energy[0] = big[at];",
        "access outside the linear memory, or stack overflow",
    ),
    "trap": ("head", "__builtin_trap();", "wasm trap: wasm `unreachable` instruction executed"),
    "no return": ("head", "for (volatile int32_t i = 0; i < 10;) { }", "no return after 1,000,000 operators"),
}


@pytest.mark.parametrize(("layer", "code", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named(layer: str, code: str, message: str, plant: Plant, mixer_samples: Arrays) -> None:
    """What the firmware must not do ends the run, with function, sample, address and nearest buffer."""
    with pytest.raises(FirmwareFault, match=rf"^mixer_invoke on wasm32 at sample 0: {message}"):
        engine(plant(layer, code), limit_operators=1_000_000).run(mixer_samples)


def test_the_engine_can_be_used_after_a_fault(plant: Plant, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """A fault leaves nothing behind: the next run starts from init and gives the right bytes."""
    runner = engine(plant("project", "if (x[0] == 99) { ((volatile int8_t *)ctx)[64] = 1; }"))
    with pytest.raises(FirmwareFault, match="25 bytes past the end of the context"):
        runner.run([np.full((1, 6), 99, dtype=np.int8), *(array[:1] for array in mixer_samples[1:])])
    assert compare(mixer_outputs, runner.run(mixer_samples), NAMES).mismatched_bytes == 0


def test_a_status_that_is_not_ok_is_a_fault(plant: Plant, mixer_samples: Arrays) -> None:
    """The status of init and of the self-test is looked at, and said."""
    init = plant("return mixer_reset(ctx);", "(void)ctx;\n    return MIXER_FAILED;")
    with pytest.raises(FirmwareFault, match="mixer_init returned status 3 on wasm32"):
        engine(init).run(mixer_samples)
    with pytest.raises(FirmwareFault, match="mixer_selftest returned status 3 on wasm32"):
        engine(plant("(sum == 1)", "(sum == 2)")).measure(mixer_samples)


def test_what_is_measured(plant: Plant, mixer: Program, mixer_samples: Arrays) -> None:
    """File, memory and the stack in it; operators are no instructions, so none are told."""
    measurement = engine(mixer).measure(mixer_samples)
    assert measurement.flash_bytes == build_wasm(mixer, WASM32.core).program.stat().st_size
    assert (measurement.context_bytes, measurement.io_bytes) == (40, 31)
    assert measurement.static_bytes >= 5 * 6 + 5 * 4  # constants too lie in the linear memory
    assert (measurement.instructions, measurement.cycles_estimate) == (None, None)
    sparse = plant("head", "volatile int8_t sparse[1000]; sparse[offset[0] & 7] = 1; y[0] = sparse[offset[0] & 7];")
    grown = engine(sparse).measure(mixer_samples).stack_bytes
    assert measurement.stack_bytes is not None
    assert grown is not None
    assert measurement.stack_bytes + 900 < grown < WASM_STACK_BYTES


def test_a_measurement_needs_a_sample(mixer: Program, mixer_samples: Arrays) -> None:
    """Nothing is not measured as free."""
    with pytest.raises(DataError, match="mixer is measured on samples of its inputs; got none"):
        engine(mixer).measure([array[:0] for array in mixer_samples])


def test_c_that_warns_is_refused(plant: Plant) -> None:
    """The same strict flags as for cores."""
    with pytest.raises(ToolchainError, match=r"mixer\.c:\d+:\d+: error: .*-Werror,-Wunused-variable"):
        build_wasm(plant("int32_t total = 0;", "int32_t total = 0;\n    int32_t unused;"), WASM32.core)
