"""Call C kernels one at a time, compiled for this machine, and compare what they compute."""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.verification import STRICT_FLAGS
from smidgen.verification.zig import build

_FLAGS = ["-mcpu=baseline", "-O2", "-ffp-contract=off", "-fno-math-errno", "-fno-sanitize=all", "-shared", "-fPIC"]
_C_TYPES = {"p": "void *", "u": "uint32_t ", "f": "float ", "i": "int32_t ", "l": "int64_t "}
_CTYPES = {
    "p": ctypes.c_void_p,
    "u": ctypes.c_uint32,
    "f": ctypes.c_float,
    "i": ctypes.c_int32,
    "l": ctypes.c_int64,
}


@cache
def kernel_files() -> Mapping[str, str]:
    """Return the text of every kernel header by file name."""
    folder = files("smidgen.codegen").joinpath("kernels")
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name.endswith(".h")}


def build_kernel_library(source: str, kernels: Mapping[str, str] | None = None) -> ctypes.CDLL:
    """Return the shared object of one C file that includes headers of `kernels`, by default those of the package."""
    command = ["cc", *_FLAGS, *STRICT_FLAGS, "-I.", "library.c", "-o", "library.so"]
    folder = build({**(kernel_files() if kernels is None else kernels), "library.c": source}, [command])
    return ctypes.CDLL(str(folder / "library.so"))


class Kernels:
    """Kernels by name, each called with arrays for its pointers and numbers for the rest."""

    def __init__(
        self, headers: Sequence[str], signatures: Mapping[str, str], kernels: Mapping[str, str] | None = None
    ) -> None:
        """Compile the kernels that `signatures` names, all of them returning void, from the files `headers`.

        A signature has a letter for each argument: `p` pointer, `u` uint32_t, `i` int32_t, `l` int64_t,
        `f` float.
        """
        lines = [f'#include "{header}"' for header in headers]
        for kernel, signature in signatures.items():
            parameters = ", ".join(f"{_C_TYPES[letter]}a{i}" for i, letter in enumerate(signature))
            arguments = ", ".join(f"a{i}" for i in range(len(signature)))
            lines.append(f"void exported_{kernel}({parameters});")
            lines.append(f"void exported_{kernel}({parameters}) {{ {kernel}({arguments}); }}")
        library = build_kernel_library("\n".join([*lines, ""]), kernels)
        self._functions = {kernel: getattr(library, f"exported_{kernel}") for kernel in signatures}
        for kernel, signature in signatures.items():
            self._functions[kernel].argtypes = [_CTYPES[letter] for letter in signature]
            self._functions[kernel].restype = None

    def __call__(self, kernel: str, *arguments: NDArray[Any] | float) -> None:
        """Run `kernel`; arrays that are not contiguous are refused, since a copy would take what it writes."""
        assert all(argument.flags.c_contiguous for argument in arguments if isinstance(argument, np.ndarray))
        self._functions[kernel](
            *(argument.ctypes.data if isinstance(argument, np.ndarray) else argument for argument in arguments)
        )


def integer_caller(kernels: Kernels) -> Callable[..., NDArray[np.int64]]:
    """Return a function that returns what a kernel writes into an output of some shape; None stands for that output."""

    def call(kernel: str, shape: tuple[int, ...], dtype: str, *arguments: object) -> NDArray[np.int64]:
        y = np.full(shape, -1, dtype)
        kernels(kernel, *(y if argument is None else argument for argument in arguments))
        return y.astype(np.int64)

    return call


def float_caller(kernels: Kernels) -> Callable[..., NDArray[np.generic]]:
    """Return a function that returns what a float kernel writes into an output; None stands for that output."""

    def call(kernel: str, shape: tuple[int, ...], *arguments: object, dtype: str = "float32") -> NDArray[np.generic]:
        y = np.full(shape, -1, dtype)
        kernels(kernel, *(y if argument is None else argument for argument in arguments))
        return y

    return call


def bits(*dtypes: str) -> list[int]:
    """Return the widths of types as kernels take them."""
    return [8 * np.dtype(dtype).itemsize for dtype in dtypes]


def narrow(array: NDArray[np.int64], dtype: str) -> NDArray[np.signedinteger]:
    """Return an array in the type in which C reads it; it must fit."""
    typed = np.ascontiguousarray(array, dtype)
    assert np.array_equal(typed, array)
    return typed


def assert_same_floats(expected: NDArray[np.generic], actual: NDArray[np.generic]) -> None:
    """Both are float32 of one shape, and every element has the same bits; a NaN equals any NaN."""
    assert expected.dtype == actual.dtype == np.float32
    assert expected.shape == actual.shape
    same = expected.view(np.uint32) == actual.view(np.uint32)
    differing = np.argwhere(~(same | (np.isnan(expected) & np.isnan(actual))))
    assert differing.size == 0, (
        f"{len(differing)} of {expected.size} differ, first at {tuple(differing[0])}: "
        f"expected {expected[tuple(differing[0])]!r}, actual {actual[tuple(differing[0])]!r}"
    )
