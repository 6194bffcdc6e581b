"""Mean over one axis in integers. Twin of kernels/reduce.h."""

from smidgen.numerics.fixed_point import Integers, fixed_point, prove_accumulator, requantize, saturate
from smidgen.numerics.quantization import QParams


def mean_parameters(x: QParams, y: QParams, length: int) -> tuple[int, int]:
    """Return (multiplier, shift) of the mean over `length` elements; raise GraphError if their sum may overflow."""
    prove_accumulator(length * (65535 if x.dtype == "int16" else 255), "mean")
    multiplier, shift = fixed_point(x.scale / y.scale / length, "mean: ratio of scales")
    return int(multiplier[0]), shift


def mean(x: Integers, *, axis: int, zero_points: tuple[int, int], multiplier: int, shift: int, dtype: str) -> Integers:
    """Return the mean over `axis` in the output's scale; zero_points are those of input and output."""
    total = (x - zero_points[0]).sum(axis=axis)
    return saturate(requantize(total, multiplier, shift) + zero_points[1], dtype)
