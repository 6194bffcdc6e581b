"""The ground rules of every float32 twin: float32 in, float32 throughout, each operation rounded once as IEEE 754 says.

No float64 in between, no BLAS, no fused multiply-add, no library exponential; sums run in one stated order, from +0.
The C kernels are compiled with -ffp-contract=off and keep the same order, so both give the same bytes for every finite
input. Beyond, infinities and NaNs pass through without undefined behaviour, but which NaN comes out is not promised.
"""

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError

Floats = NDArray[np.float32]

_P = ParamSpec("_P")
_R = TypeVar("_R")


def float32_only(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Refuse arrays of another type, which numpy would widen silently; let overflow give infinity as it does in C.

    Raises GraphError that names the function and the type found.
    """

    @wraps(function)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        for operand in (*args, *kwargs.values()):
            if isinstance(operand, np.ndarray) and operand.dtype != np.float32:
                raise GraphError(
                    f"{function.__name__} computes in float32, got an operand of {operand.dtype}; convert it"
                )
        with np.errstate(all="ignore"):
            return function(*args, **kwargs)

    return checked
