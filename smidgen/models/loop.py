"""A loop over time with a body of its own: what unrolled Python loops and torch's scan are rewritten to.

Shapes: b batch, t time. The body takes one frame (b, ...) of each looped tensor, the states (b, ...), and what every
step reads whole; it returns the states for the next step, then what this step emits.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def loop(
    body: Callable[..., Sequence[Tensor]],
    frames: Sequence[Tensor],
    states: Sequence[Tensor],
    whole: Sequence[Any],
    reverse: bool,
) -> list[Tensor]:
    """Run the body at every step; return the states after the last step, then what was emitted, (b, t, ...) each.

    Args: frames, the looped tensors (b, t, ...); states, before the first step; whole, tensors and sizes; reverse,
    begin with the last frame: what is emitted stands in the order of frames for all that.
    """
    steps, carried = range(frames[0].shape[1]), list(states)
    emitted: list[list[Tensor]] = []
    for t in reversed(steps) if reverse else steps:
        results = body(*(frame.select(1, t) for frame in frames), *carried, *whole)
        carried = list(results[: len(states)])
        emitted.append(list(results[len(states) :]))
    in_order = emitted[::-1] if reverse else emitted
    return [*carried, *(torch.stack(column, 1) for column in zip(*in_order, strict=True))]
