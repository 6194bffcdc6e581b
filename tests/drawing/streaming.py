"""What a step reads of the frames before it, and of tables by position."""

from drawing.sketch import Generators, Sketch


def _history(s: Sketch, kind: str, x: str) -> str:
    x, axis = _one_frame(s, x, s.whole(0, 2))
    initial = 0.5 if s.tensors[x].is_float else s.whole(-128, 127)
    return s.history(x, axis, s.whole(2, 4), dilation=s.whole(1, 3), initial=initial)


def _recent(s: Sketch, kind: str, x: str) -> str:
    x, _ = _one_frame(s, x, 0)
    return s.recent(x, s.whole(1, 4))


def _stored_row(s: Sketch, kind: str, x: str) -> str:
    axis, shape = s.whole(0, 2), [s.whole(1, 4) for _ in range(3)]
    shape[axis] = s.whole(5, 40)
    return s.stored_row(s.drawn_constant(x, *shape), axis)


def _one_frame(s: Sketch, x: str, axis: int) -> tuple[str, int]:
    """Return x with an axis of one element."""
    x = s.ranked(x, 2)
    shape = s.shape(x)
    return s.reshape(x, *shape[:axis], 1, *shape[axis:]), axis


STEP_GENERATORS: Generators = {"history": _history, "recent": _recent, "stored_row": _stored_row}
