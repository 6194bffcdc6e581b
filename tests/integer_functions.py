"""The scalar functions of the integer kernels in C, over arrays."""

from ctypes import CDLL, c_uint32, c_void_p
from functools import cache

import numpy as np
from kernel_library import build_kernel_library
from numpy.typing import NDArray

from smidgen.numerics.decay import FRACTION_BITS

_HEADERS = ("decay.h", "exponential.h", "gates.h", "roots.h", "table.h")
#: name -> (type of each array argument, expression for element i, type of the result)
_FUNCTIONS = {
    "requantize": (("int32", "int32", "int32"), "requantize(a0[i], a1[i], a2[i])", "int32"),
    "rounded_shift_s64": (("int64", "int32"), "rounded_shift_s64(a0[i], a1[i])", "int64"),
    "rounded_shift_s32": (("int32", "int32"), "rounded_shift_s32(a0[i], a1[i])", "int32"),
    "tanh_gate": (("int64",), "tanh_gate(a0[i])", "int32"),
    "sigmoid_gate": (("int64",), "sigmoid_gate(a0[i])", "int32"),
    "exp2_negative": (("int32",), "exp2_negative(a0[i])", "int32"),
    "logarithm": (("int64",), "logarithm((uint64_t)a0[i])", "int32"),
    **{
        f"decay_q{q}_{bits}": (("int32", "int32"), f"decay_of(a0[i], a1[i], {bits}U, smidgen_decay_q{q})", "int32")
        for q in (28, 31)
        for bits in FRACTION_BITS
    },
    "reciprocal_mantissa": (("int64",), "reciprocal((uint64_t)a0[i]).mantissa", "int32"),
    "reciprocal_exponent": (("int64",), "reciprocal((uint64_t)a0[i]).exponent", "int32"),
    "reciprocal_sqrt_mantissa": (("int64",), "reciprocal_sqrt((uint64_t)a0[i]).mantissa", "int32"),
    "reciprocal_sqrt_exponent": (("int64",), "reciprocal_sqrt((uint64_t)a0[i]).exponent", "int32"),
}


@cache
def _library() -> CDLL:
    source = [f'#include "{header}"' for header in _HEADERS]
    for name, (types, expression, result) in _FUNCTIONS.items():
        arrays = ", ".join(f"const {dtype}_t *a{i}" for i, dtype in enumerate(types))
        head = f"void all_{name}({arrays}, {result}_t *y, uint32_t count)"
        source.append(f"{head};\n{head}\n{{\n    for (uint32_t i = 0U; i < count; i++) {{ y[i] = {expression}; }}\n}}")
    return build_kernel_library("\n".join([*source, ""]))


def in_c(name: str, *arguments: NDArray[np.int64] | int) -> NDArray[np.int64]:
    """Return what the C function gives for arrays of one shape, or for numbers."""
    types, _, result = _FUNCTIONS[name]
    arrays = np.broadcast_arrays(*(np.atleast_1d(argument) for argument in arguments))
    typed = [np.ascontiguousarray(array, dtype) for array, dtype in zip(arrays, types, strict=True)]
    assert all(np.array_equal(array, narrow) for array, narrow in zip(arrays, typed, strict=True))
    y = np.zeros(arrays[0].shape, result)
    getattr(_library(), f"all_{name}")(*(c_void_p(array.ctypes.data) for array in (*typed, y)), c_uint32(y.size))
    return y.astype(np.int64)
