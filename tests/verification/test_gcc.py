"""Generated programs under another compiler: silent as C and as C++, the same bytes, nothing for its sanitizers."""

from collections.abc import Callable

import numpy as np
import pytest
from every_program import PROGRAMS, every_program
from system_tools import needs

from smidgen.codegen import Program
from smidgen.errors import FirmwareFault, ToolchainError
from smidgen.verification.gcc import SystemCompiler, compile_strictly, run_sanitized

Arrays = list[np.ndarray]
Plant = Callable[..., Program]
every_operator = pytest.mark.parametrize("name", PROGRAMS)


@needs("g++")
@every_operator
def test_every_operator_is_cpp_too(name: str) -> None:
    """The C file itself is C++11 under g++, with every warning an error."""
    compile_strictly(every_program()[name].program, "g++")


@needs("gcc", "g++")
@pytest.mark.parametrize(
    ("compiler", "code", "warning"),
    [
        ("gcc", "y[0] = total;", "-Werror=conversion"),
        ("g++", "y[0] = total;", "-Werror=conversion"),
        ("g++", "int32_t *table = (void *)sum; total += table[0];", "invalid conversion from 'void\\*'"),
    ],
)
def test_what_is_no_clean_c_is_refused(compiler: str, code: str, warning: str, plant: Plant) -> None:
    """The warning is told; C that is no C++ is told too."""
    sloppy = plant("int32_t total = 0;", f"int32_t total = 0;\n    {code}")
    with pytest.raises(ToolchainError, match=warning.replace("'", "['‘’]")):
        compile_strictly(sloppy, compiler)


@needs("gcc")
@every_operator
def test_sanitizers_find_nothing_in_any_operator(name: str) -> None:
    """Every byte equals the reference under address and undefined-behaviour sanitizers, extremes included."""
    case = every_program()[name]
    assert case.mismatched_bytes(lambda inputs: run_sanitized(case.program, inputs)) == 0


FINDINGS = {
    "past the output": (
        "head",
        "volatile int8_t *out = y; out[5] = 1;",
        "ERROR: AddressSanitizer: heap-buffer-overflow in mixer_op_002_head",
    ),
    "read before the input": (
        "project",
        "const volatile int8_t *in = x; ctx->projected[0] = in[-1];",
        "ERROR: AddressSanitizer: heap-buffer-overflow in mixer_op_000_project",
    ),
    "past the context": (
        "project",
        "volatile int8_t *bytes = (volatile int8_t *)ctx; bytes[sizeof *ctx] = x[0];",
        "ERROR: AddressSanitizer: global-buffer-overflow in mixer_op_000_project",
    ),
    "null read": ("head", "const int8_t *volatile null = 0; y[0] = null[0];", "runtime error: load of null pointer"),
    "signed overflow": (
        "project",
        "ctx->projected[1] = 2147483647; ctx->projected[1] += 1 - (x[0] == 127);",
        "runtime error: signed integer overflow",
    ),
    "a shift too far": (
        "head",
        "volatile uint32_t by = 40U; y[0] = (int8_t)(1U << by);",
        "runtime error: shift exponent 40 is too large",
    ),
}


@needs("gcc")
@pytest.mark.parametrize(("layer", "code", "message"), FINDINGS.values(), ids=FINDINGS.keys())
def test_a_planted_fault_is_found(layer: str, code: str, message: str, plant: Plant, mixer_samples: Arrays) -> None:
    """The sanitizer's finding is a fault, with function and sample; zig has no sanitizer of addresses."""
    with pytest.raises(FirmwareFault, match=rf"^mixer: {message}.* on the host at sample 0"):
        run_sanitized(plant(layer, code), mixer_samples)


def test_a_compiler_that_is_absent_is_named(plant: Plant, mixer: Program) -> None:
    """The message says that it is optional, and which one was looked for."""
    with pytest.raises(ToolchainError, match="no nosuch-gcc on PATH; it is optional"):
        compile_strictly(mixer, "nosuch-gcc")
    with pytest.raises(ToolchainError, match="no nosuch-g"):
        _ = SystemCompiler("nosuch-g++").version
