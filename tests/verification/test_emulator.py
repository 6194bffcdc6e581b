"""The emulated core computes what the host computes, names every fault, and measures exactly."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from smidgen.codegen.bundle import Program
from smidgen.errors import ConfigError, DataError, FirmwareFault
from smidgen.targets import EMULATED_CORES, Target, find_target
from smidgen.verification import Emulator, build_image, compare

Arrays = list[np.ndarray]
Plant = Callable[..., Program]
CORTEX_M4 = EMULATED_CORES["cortex-m4"]
NAMES = ["y", "energy", "sum"]
RV32IMC = EMULATED_CORES["rv32imc"]
one_core_of_each_architecture = pytest.mark.parametrize("target", [CORTEX_M4, RV32IMC], ids=lambda target: target.name)
on_all_cores = pytest.mark.parametrize("target", EMULATED_CORES.values(), ids=EMULATED_CORES.keys())


def emulate(program: Program, target: Target = CORTEX_M4, **options: int) -> Emulator:
    return Emulator(build_image(program, target), program, **options)


@on_all_cores
def test_outputs_equal_the_reference(
    target: Target, mixer: Program, mixer_samples: Arrays, mixer_outputs: Arrays
) -> None:
    """Seven pointers, of which three travel on the stack, and all element types: every byte equals numpy's."""
    assert compare(mixer_outputs, emulate(mixer, target).run(mixer_samples), NAMES).mismatched_bytes == 0


def test_a_planted_fault_of_one_bit_is_found(plant: Plant, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """A layer that is wrong in one bit of one element of one sample is counted as one byte and located."""
    key = mixer_samples[1][17, 0]
    assert np.count_nonzero(mixer_samples[1][:, 0] == key) == 1
    wrong = f"total += value;\n if (row == 3U && offset[0] == {key}) {{ y[row] = (int8_t)(y[row] ^ 1); }}"
    comparison = compare(mixer_outputs, emulate(plant("total += value;", wrong)).run(mixer_samples), NAMES)
    assert comparison.mismatched_bytes == 1
    assert comparison.first is not None
    assert (comparison.first.output, comparison.first.sample, comparison.first.element) == ("y", 17, (3,))


def test_an_output_that_is_not_written_differs(plant: Plant, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """An element that the firmware skips shows no value of the sample before, even where that would be right."""
    skips = plant("energy[1] = gain[0];", "if (gain[0] > 0.0F) { energy[1] = gain[0]; }")
    comparison = compare(mixer_outputs, emulate(skips).run(mixer_samples), NAMES)
    assert comparison.mismatched_samples == np.count_nonzero(mixer_samples[2] <= 0)


FAULTS = {
    "null read": (
        "head",
        "const int8_t *volatile null = 0; y[0] = null[8];",
        r"read of 1 B at 0x00000008, 8 bytes from a null pointer; in mixer_op_002_head \+ 0x",
    ),
    "null write": (
        "scale",
        "float *volatile null = 0; *null = 1.0F;",
        r"write of 4 B at 0x00000000, 0 bytes from a null pointer; in mixer_op_001_scale",
    ),
    "past the context": (
        "project",
        "volatile int8_t *bytes = (volatile int8_t *)ctx; bytes[sizeof *ctx + 11U] = x[0];",
        r"write of 1 B at 0x\w+, 12 bytes past the end of the context; in mixer_op_000_project",
    ),
    "past the output": (
        "head",
        "volatile int8_t *out = y; out[5] = 1;",
        r"write of 1 B at 0x\w+, 1 bytes past the end of output y; in mixer_op_002_head",
    ),
    "read past the input": (
        "project",
        "const volatile int8_t *in = x; ctx->projected[0] = in[6];",
        r"read of 1 B at 0x\w+, 1 bytes past the end of input x; in mixer_op_000_project",
    ),
    "half past the end": (
        "head",
        "volatile int32_t *wide = (volatile int32_t *)((uintptr_t)&y[3]); *wide = 1;",
        r"write of \d B at 0x\w+, 1 bytes past the end of output y; in mixer_op_002_head",
    ),
    "write to an input": (
        "project",
        "volatile int8_t *in = (volatile int8_t *)(uintptr_t)x; in[2] = 0;",
        r"write to read-only memory of 1 B at 0x\w+, byte 2 of input x; in mixer_op_000_project",
    ),
    "write to flash": (
        "scale",
        "volatile int32_t *table = (volatile int32_t *)(uintptr_t)divisors; *table = 1;",
        r"write to read-only memory of 4 B at 0x\w+, byte \d+ of constants; in mixer_op_001_scale",
    ),
    "jump into data": (
        "head",
        "void (*volatile code)(void) = (void (*)(void))((uintptr_t)divisors | 1U); code();",
        r"jump into data of \d B at 0x\w+, byte \d+ of constants",
    ),
    "jump to nowhere": (
        "head",
        "void (*volatile code)(void) = (void (*)(void))(uintptr_t)0x30000001U; code();",
        r"jump of \d B at 0x30000000",
    ),
    "stack overflow": (
        "scale",
        "volatile float big[5000]; const int32_t at = ctx->projected[0] & 7; big[at] = gain[0]; energy[0] = big[at];",
        r"stack overflow: write of 4 B at 0x1fff\w+, \d+ bytes before the start of the stack; in mixer_op_001_scale",
    ),
    "trap": ("head", "__builtin_trap();", r"(Invalid instruction|Unhandled CPU exception) .*; in mixer_op_002_head"),
    "no return": (
        "head",
        "for (volatile int32_t i = 0; i < 10;) { }",
        r"no return after 1,000,\d+ instructions; in mixer_op_002_head",
    ),
    "before the output": (
        "head",
        "volatile int8_t *out = y; out[-3] = 1;",
        r"write 3 bytes before the start of output y",
    ),
}


@one_core_of_each_architecture
@pytest.mark.parametrize(("layer", "code", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named(
    layer: str, code: str, message: str, target: Target, plant: Plant, mixer_samples: Arrays
) -> None:
    """What the firmware must not do ends the run, with function, access, address, nearest buffer, layer and sample."""
    with pytest.raises(FirmwareFault, match=rf"^mixer_invoke on {target.name} at sample 0: {message}"):
        emulate(plant(layer, code), target, limit_instructions=1_000_000).run(mixer_samples)


def test_endless_recursion_is_a_stack_overflow(plant: Plant, mixer_samples: Arrays) -> None:
    """Recursion runs into the unmapped memory below the stack, not into other data, and names the function."""
    head = "static __attribute__((noinline)) void mixer_op_002_head"
    deeper = (
        "static int32_t deeper(const volatile int32_t *at)\n"
        "{ const volatile int32_t here = *at; return (here == 77) ? 0 : deeper(&here) + here; }\n"
    )
    endless = plant("head", "total = deeper(ctx->projected);", plant(head, deeper + head))
    endless = plant("int32_t total = 0;", "", plant("total = deeper", "int32_t total = deeper", endless))
    with pytest.raises(FirmwareFault, match=r"stack overflow: write of 4 B .*; in deeper \+ 0x\w+, layer head"):
        emulate(endless).run(mixer_samples)


def test_a_status_that_is_not_ok_is_a_fault(plant: Plant, mixer_samples: Arrays) -> None:
    """The status of init, invoke and the self-test is looked at, and said."""
    scale = "    mixer_op_001_scale(ctx, gain, energy);"
    key = mixer_samples[0][5, 0]
    assert key not in mixer_samples[0][:5, 0]
    invoke = plant(scale, f"if (*x == {key}) {{ return MIXER_FAILED; }} {scale}")
    with pytest.raises(FirmwareFault, match="mixer_invoke returned status 3 on cortex-m4 at sample 5"):
        emulate(invoke).run(mixer_samples)
    init = plant("return mixer_reset(ctx);", "(void)ctx;\n    return MIXER_FAILED;")
    with pytest.raises(FirmwareFault, match="mixer_init returned status 3 on cortex-m4"):
        emulate(init).run(mixer_samples)
    selftest = plant("(sum == 1)", "(sum == 2)")
    assert emulate(selftest).selftest() == 3
    with pytest.raises(FirmwareFault, match="mixer_selftest returned status 3 on cortex-m4"):
        emulate(selftest).measure(mixer_samples)


def test_the_emulator_can_be_used_after_a_fault(plant: Plant, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """A fault leaves nothing behind: the next run starts from init and gives the right bytes."""
    picky = plant("project", "if (x[0] == 99) { ((volatile int8_t *)ctx)[64] = 1; }")
    emulator = emulate(picky)
    with pytest.raises(FirmwareFault):
        emulator.run([np.full((1, 6), 99, dtype=np.int8), *(array[:1] for array in mixer_samples[1:])])
    assert compare(mixer_outputs, emulator.run(mixer_samples), NAMES).mismatched_bytes == 0


def test_a_context_without_zeros_is_not_counted_on(plant: Plant, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """Firmware that forgets to initialise a field that it reads shows on the core."""
    forgetful = plant("memset(ctx, 0, sizeof *ctx);", "(void)ctx;")
    reads = plant("energy[0] = 0.0F;", "energy[0] = ctx->scaled[0];", forgetful)
    assert compare(mixer_outputs, emulate(reads).run(mixer_samples), NAMES).mismatched_bytes > 0


@pytest.mark.parametrize("name", ["wasm32", "host"])
def test_what_is_not_emulated_is_refused(name: str, mixer: Program) -> None:
    """The image of an emulated core is not that of a WebAssembly engine or of this machine."""
    image = replace(build_image(mixer, CORTEX_M4), target=find_target(name))
    with pytest.raises(ConfigError, match=f"{name} is not emulated; choose from cortex-m0plus, .*, rv32imc"):
        Emulator(image, mixer)


@on_all_cores
def test_layers_and_the_rest_add_up(target: Target, mixer: Program, mixer_samples: Arrays) -> None:
    """Instructions of the layers and of invoke itself are the total of the same invoke; two measurements are equal."""
    emulator = emulate(mixer, target)
    measurement = emulator.measure([array[:1] for array in mixer_samples])
    outside, *layers = emulator.core.counter.instructions.tolist()
    assert [layer.instructions for layer in measurement.layers] == layers
    assert outside + sum(layers) == measurement.instructions == measurement.instructions_min
    assert emulator.measure([array[:1] for array in mixer_samples]) == measurement


def test_helpers_are_charged_to_the_layer_that_calls_them(plant: Plant, mixer: Program, mixer_samples: Arrays) -> None:
    """On a core without a divider two layers call one library function; one more call costs only the layer it is in."""
    once_more = plant("project", "volatile int32_t quotient = 1000000; quotient = quotient / divisors[0];")
    before, after = (
        [
            layer.instructions
            for layer in emulate(program, EMULATED_CORES["cortex-m0plus"]).measure(mixer_samples).layers
        ]
        for program in (mixer, once_more)
    )
    assert after[0] > before[0] + 40
    assert after[1:] == before[1:]


def test_the_worst_invoke_is_reported(plant: Plant, mixer_samples: Arrays) -> None:
    """Where the inputs change the path, the most and the fewest instructions are both told, wherever they occur."""
    key = mixer_samples[1][17, 0]
    slow = plant("head", f"if (offset[0] == {key}) {{ for (volatile int8_t i = 0; i < 50; i++) {{ }} }}")
    emulator = emulate(slow)
    measurement = emulator.measure(mixer_samples)
    alone = [emulator.measure([array[i : i + 1] for array in mixer_samples]).instructions for i in range(40)]
    assert measurement.instructions == max(alone) == alone[17]
    assert measurement.instructions_min == min(alone) < alone[17]
    assert measurement.n_inputs == 40


def test_stack_of_parts_that_nothing_writes_counts(plant: Plant, mixer: Program, mixer_samples: Arrays) -> None:
    """A local array of 1000 B of which one byte is written costs all of its bytes."""
    sparse = plant("head", "volatile int8_t sparse[1000]; sparse[offset[0] & 7] = 1; y[0] = sparse[offset[0] & 7];")
    grown = emulate(sparse).measure(mixer_samples).stack_bytes - emulate(mixer).measure(mixer_samples).stack_bytes
    assert 1000 <= grown <= 1040


def test_memory_adds_up(mixer: Program, mixer_samples: Arrays) -> None:
    """RAM is context, buffers, stack and static data, from sizes that can be counted by hand."""
    measurement = emulate(mixer).measure(mixer_samples)
    assert measurement.context_bytes == 40
    assert measurement.io_bytes == 6 + 4 + 4 + 5 + 8 + 4
    assert measurement.static_bytes == 0
    assert measurement.ram_bytes == 40 + 31 + measurement.stack_bytes
    assert measurement.stack_bytes % 4 == 0


def test_static_data_is_initialised_and_counted(plant: Plant, mixer_samples: Arrays, mixer_outputs: Arrays) -> None:
    """Globals, which a generated program does not have, get their initial values and count as RAM, and as flash."""
    with_globals = plant("static const volatile int32_t divisors", "static volatile int32_t divisors")
    with_globals = plant("head", "static volatile int32_t calls; calls = calls + 1;", with_globals)
    emulator = emulate(with_globals)
    assert compare(mixer_outputs, emulator.run(mixer_samples), NAMES).mismatched_bytes == 0
    assert emulator.measure(mixer_samples).static_bytes == 5 * 4 + 4
    assert emulator.image.section_bytes[".data"] == 5 * 4


def test_only_cores_with_a_model_get_cycles(mixer: Program, mixer_samples: Arrays) -> None:
    """The Cortex-M4 estimate is above one cycle an instruction; other cores get none rather than a wrong one."""
    m4 = emulate(mixer).measure(mixer_samples)
    assert m4.cycles_estimate is not None
    assert m4.instructions < m4.cycles_estimate < 3 * m4.instructions
    assert emulate(mixer, EMULATED_CORES["cortex-m0plus"]).measure(mixer_samples).cycles_estimate is None


def test_a_measurement_needs_a_sample(mixer: Program, mixer_samples: Arrays) -> None:
    """Nothing is not measured as free."""
    with pytest.raises(DataError, match="mixer is measured on samples of its inputs; got none"):
        emulate(mixer).measure([array[:0] for array in mixer_samples])
