"""What is read from a linked image agrees with what the program says."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from smidgen.codegen.bundle import Layer, Program
from smidgen.errors import ToolchainError
from smidgen.targets import TARGETS
from smidgen.verification import build_image

Plant = Callable[..., Program]
CORTEX_M4 = TARGETS["cortex-m4"]


def test_a_layer_without_a_function_is_refused(mixer: Program) -> None:
    """A layer whose function the compiler dropped cannot be measured: the error names it and the remedy."""
    phantom = Layer(name="phantom", op="linear", function="mixer_op_003_phantom", macs=0)
    with pytest.raises(ToolchainError, match=r"no function 'mixer_op_003_phantom'.*noinline"):
        build_image(replace(mixer, layers=(*mixer.layers, phantom)), CORTEX_M4)


def test_a_context_smaller_than_the_plan_is_refused(mixer: Program) -> None:
    """The struct must hold what the memory plan put into it."""
    with pytest.raises(ToolchainError, match=r"mixer_context takes 40 B on cortex-m4, less than the 44 B"):
        build_image(replace(mixer, context_bytes=44), CORTEX_M4)


def test_addresses_are_located_by_function(mixer: Program) -> None:
    """Every byte of a function is located in it, by offset; an address outside of all stays a number."""
    symbols = build_image(mixer, CORTEX_M4).symbols
    head = symbols["mixer_op_002_head"]
    assert symbols.locate(head.address) == "mixer_op_002_head + 0x0"
    assert symbols.locate(head.address + head.n_bytes - 1) == f"mixer_op_002_head + {head.n_bytes - 1:#x}"
    assert "mixer_op_002_head" not in symbols.locate(head.address + head.n_bytes)
    assert symbols.locate(0x2000_0000) == "0x20000000"


def test_flash_of_layers_is_their_code_and_their_own_tables(plant: Plant, mixer: Program) -> None:
    """A layer owns its function and the table that it alone reads; a table of two layers is nobody's."""
    image = build_image(mixer, CORTEX_M4)
    assert image.symbols["divisors"].n_bytes == 20  # read by project and head
    assert image.layer_flash_bytes == {
        "mixer_op_000_project": image.symbols["mixer_op_000_project"].n_bytes + 5 * 6,
        "mixer_op_001_scale": image.symbols["mixer_op_001_scale"].n_bytes,
        "mixer_op_002_head": image.symbols["mixer_op_002_head"].n_bytes,
    }


@pytest.mark.parametrize(("reader", "is_shared"), [("selftest", False), ("reset", True)])
def test_a_table_that_the_self_test_checks_stays_its_layers(
    reader: str, is_shared: bool, plant: Plant, mixer: Program
) -> None:
    """Weights read by their layer and by the self-test are the layer's; read by another entry point they are shared."""
    old = {"selftest": "    int32_t sum;\n", "reset": "    memset(ctx, 0, sizeof *ctx);\n"}[reader]
    new = {"selftest": "    int32_t sum = weights[0][0];\n", "reset": old + "    ctx->projected[0] = weights[0][0];\n"}
    image = build_image(plant(old, new[reader]), CORTEX_M4)
    own = image.layer_flash_bytes["mixer_op_000_project"] - image.symbols["mixer_op_000_project"].n_bytes
    assert own == (0 if is_shared else 5 * 6)


def test_flash_follows_pointers_through_tables_and_helpers(plant: Plant) -> None:
    """What a layer reaches through a helper or a table of pointers is the layer's, as long as it alone does."""
    head = "static __attribute__((noinline)) void mixer_op_002_head"
    through = (
        "static const volatile int8_t far_table[64] = {9};\n"
        "static const volatile int8_t *const volatile far_pointers[1] = {far_table};\n"
        "static __attribute__((noinline)) int32_t far_helper(int32_t i)\n{\n    return far_pointers[0][i];\n}\n\n"
    )
    image = build_image(
        plant("total += value;", "total += value + far_helper(row == 9U);", plant(head, through + head)), CORTEX_M4
    )
    own = sum(image.symbols[name].n_bytes for name in ("mixer_op_002_head", "far_helper", "far_table", "far_pointers"))
    assert image.layer_flash_bytes["mixer_op_002_head"] == own
