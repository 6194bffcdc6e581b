"""What is compiled is what was asked: strict C, the target's features, and flash without the harness."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from smidgen.codegen.bundle import Program
from smidgen.errors import ToolchainError
from smidgen.targets import EMULATED_CORES, Target
from smidgen.verification import build_host_library, build_image

Plant = Callable[..., Program]
CORTEX_M4 = EMULATED_CORES["cortex-m4"]


@pytest.mark.parametrize(
    ("layer", "code", "flag"),
    [
        ("head", "int32_t unused;", "-Wunused-variable"),
        ("head", "y[0] = total;", "-Wimplicit-int-conversion"),
        ("head", "{ int32_t sum = 1; total += sum; }", "-Wshadow"),
        ("head", "y[0] = (int8_t)(offset[0] < sizeof(int32_t));", "-Wsign-compare"),
        ("head", "total += 0b11;", "-Wc23-extensions"),
    ],
)
def test_a_warning_is_an_error(layer: str, code: str, flag: str, plant: Plant) -> None:
    """C that does not compile silently on core and host is refused, with file, line and warning."""
    sloppy = plant("int32_t total = 0;", f"int32_t total = 0;\n    {code}")
    with pytest.raises(ToolchainError, match=rf"mixer\.c:\d+:\d+: error: .*\[-Werror,{flag}"):
        build_image(sloppy, CORTEX_M4)
    with pytest.raises(ToolchainError, match=rf"mixer\.c:\d+:\d+: error: .*\[-Werror,{flag}"):
        build_host_library(sloppy)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"zig_cpu": "cortex_m4"}, "soft float in disguise"),
        ({"has_fpu": False}, "the target has no FPU"),
        ({"zig_cpu": "cortex_m33+fp_armv8d16sp"}, "the target has the DSP extension, but"),
        ({"has_dsp": False}, "the target has no DSP extension"),
    ],
    ids=["no FPU", "an FPU", "no DSP", "DSP"],
)
def test_a_target_that_the_flags_contradict_is_refused(wrong: dict[str, object], message: str, mixer: Program) -> None:
    """FPU and DSP extension are asserted at compile time: zig leaves them out without a word."""
    with pytest.raises(ToolchainError, match=message):
        build_image(mixer, replace(CORTEX_M4, core=replace(CORTEX_M4.core, **wrong)))


@pytest.mark.parametrize("target", EMULATED_CORES.values(), ids=EMULATED_CORES)
@pytest.mark.parametrize("extension", ["has_fpu", "has_dsp"])
def test_every_core_is_held_to_what_it_has(extension: str, target: Target, mixer: Program) -> None:
    """Were the table of cores wrong in one extension of one core, nothing would compile for it."""
    wrong = replace(target.core, **{extension: not getattr(target.core, extension)})
    with pytest.raises(ToolchainError, match="but the compiler was"):
        build_image(mixer, replace(target, core=wrong))


def test_riscv_without_its_extensions_is_refused(mixer: Program) -> None:
    """RV32IMC has multiplication and compressed instructions; zig's generic core has neither."""
    target = EMULATED_CORES["rv32imc"]
    with pytest.raises(ToolchainError, match="multiplication and compressed instructions, but"):
        build_image(mixer, replace(target, core=replace(target.core, zig_cpu="generic_rv32")))


def test_flash_is_the_programs_and_not_the_harness(mixer: Program) -> None:
    """Code, constants and initial values count; the harness, which is in the file too, does not."""
    image = build_image(mixer, CORTEX_M4)
    with image.elf_path.open("rb") as stream:
        sections = {section.name: section["sh_size"] for section in ELFFile(stream).iter_sections()}
    assert sections[".harness"] > 0
    assert image.flash_bytes == sections[".text"] + sections[".rodata"]


def test_a_table_costs_its_size(plant: Plant, mixer: Program) -> None:
    """1000 more bytes of constants that a layer reads are 1000 more bytes of constants in flash."""
    with_table = plant(
        "static const volatile int32_t divisors",
        "static const volatile int8_t table[1000] = {1};\nstatic const volatile int32_t divisors",
    )
    grown = build_image(plant("head", "y[0] = table[offset[0] & 3];", with_table), CORTEX_M4)
    assert grown.section_bytes[".rodata"] - build_image(mixer, CORTEX_M4).section_bytes[".rodata"] == 1000


def test_what_no_entry_point_needs_costs_nothing(plant: Plant, mixer: Program) -> None:
    """A function that init, reset, invoke and the self-test do not call is not linked, nor is its table."""
    unused = (
        "static const volatile int8_t table[1000] = {1};\nint32_t unused(int32_t i);\n"
        "int32_t unused(int32_t i)\n{\n    return table[i];\n}\n\n"
    )
    image = build_image(plant("mixer_status mixer_init", unused + "mixer_status mixer_init"), CORTEX_M4)
    assert {"unused", "table"}.isdisjoint(image.symbols)
    assert image.section_bytes[".rodata"] == build_image(mixer, CORTEX_M4).section_bytes[".rodata"]


def test_compiler_helpers_count_as_flash(mixer: Program) -> None:
    """A core without a divider links a division; its bytes are the program's."""
    image = build_image(mixer, EMULATED_CORES["cortex-m0plus"])
    own = sum(s.n_bytes for s in image.symbols.values() if s.is_function and s.name.startswith("mixer_"))
    helper = image.symbols["__aeabi_idiv"]
    assert helper.n_bytes > 0
    assert image.section_bytes[".text"] >= own + helper.n_bytes


def test_a_small_memcpy_is_no_call(mixer: Program) -> None:
    """The freestanding string.h lets the compiler expand a copy of 4 bytes in place."""
    assert "memcpy" not in build_image(mixer, CORTEX_M4).symbols


def test_a_given_folder_takes_all_products(tmp_path: Path, mixer: Program) -> None:
    """Nothing of a program goes to the cache when a folder is named."""
    assert build_image(mixer, CORTEX_M4, tmp_path).elf_path.parent.parent == tmp_path
    assert build_host_library(mixer, tmp_path).parent.parent == tmp_path
