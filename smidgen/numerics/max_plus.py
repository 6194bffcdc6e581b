"""The best of sums with constant scores, in integers. Twin of kernels/max_plus.h.

Scores are steps of the operand's own scale, so that every sum is exact; the best one is rounded once, to the result's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.numerics.fixed_point import Integers, fixed_point, requantize, saturate
from smidgen.numerics.quantization import QParams

LARGEST_SCORE = 2**30 - 1
"""With an operand of 16 bits and its zero point, sums stay below 2**31."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxPlusParameters:
    """y = requantised(max over i of x[i] - zero_x + scores[o, i])."""

    scores: NDArray[np.int32]  # (o, i) steps of x
    multiplier: int
    shift: int


def max_plus_parameters(scores: NDArray[np.floating], x: QParams, y: QParams) -> MaxPlusParameters:
    """Return scores (o, i) in steps of x, and the ratio of the scales.

    Raises GraphError for a score beyond LARGEST_SCORE steps.
    """
    steps = np.rint(np.asarray(scores, np.float64) / x.scale)
    if np.abs(steps).max(initial=0) > LARGEST_SCORE:
        raise GraphError(
            f"max_plus: a score of {scores.flat[np.abs(steps).argmax()]:g} is {np.abs(steps).max():.0f} steps of "
            f"{x.scale:g}, {LARGEST_SCORE} are most; give what cannot be a score in the range of the others"
        )
    multiplier, shift = fixed_point(x.scale / y.scale, "max_plus: ratio of scales")
    return MaxPlusParameters(scores=steps.astype(np.int32), multiplier=int(multiplier[0]), shift=shift)


def max_plus(
    x: Integers, scores: Integers, *, zero_points: tuple[int, int], multiplier: int, shift: int, dtype: str
) -> Integers:
    """Return (..., o) of x (..., i) and scores (o, i); zero_points are those of input and output."""
    best = (x[..., None, :] + scores).max(axis=-1) - zero_points[0]
    return saturate(requantize(best, multiplier, shift) + zero_points[1], dtype)
