"""Walks over several tensors at once as few nested loops: axes that can be walked as one are merged."""

import math
from collections.abc import Sequence

#: Loops that the kernels of two and three operands have.
MOST_AXES = 4

#: Size of an axis, and the step of each operand along it.
Axis = tuple[int, tuple[int, ...]]


def element_steps(shape: Sequence[int]) -> list[int]:
    """Return how many elements apart neighbours along each axis of a tensor are."""
    return [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]


def broadcast_steps(shape: Sequence[int], result: Sequence[int]) -> list[int]:
    """Return the steps by which an operand is walked along each axis of a result: 0 where it is repeated."""
    missing = len(result) - len(shape)
    steps = element_steps(shape)
    return [0] * missing + [0 if size == 1 else step for size, step in zip(shape, steps, strict=True)]


def collapsed(shape: Sequence[int], operands: Sequence[Sequence[int]]) -> list[Axis]:
    """Return the axes of a walk, outermost first, without those of one element and with neighbours merged.

    Args: shape, of the result; operands, for each the step along every axis.
    """
    axes: list[Axis] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        steps = tuple(operand[axis] for operand in operands)
        if axes and all(outer == inner * size for outer, inner in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * size, steps)
        else:
            axes.append((size, steps))
    return axes
