"""What only moves elements, of any type: positions too."""

from math import prod

from hypothesis import strategies as st

from drawing.sketch import Generators, Sketch


def _transpose(s: Sketch, kind: str, x: str) -> str:
    return s.transpose(x, *s.draw(st.permutations(range(len(s.shape(x))))))


def _reshape(s: Sketch, kind: str, x: str) -> str:
    size = prod(s.shape(x))
    first = s.divisor(size)
    second = s.divisor(size // first)
    rest = size // first // second
    return s.reshape(
        x, *s.one_of((size,), (first, size // first), (1, size), (first, second, rest), (first, 1, second, rest))
    )


def _slice(s: Sketch, kind: str, x: str) -> str:
    x, axis = _with_axis(s, x)
    start = s.whole(0, s.shape(x)[axis] - 1)
    return s.slice(x, axis, start, s.whole(start + 1, s.shape(x)[axis]))


def _strided_slice(s: Sketch, kind: str, x: str) -> str:
    x, axis = _with_axis(s, x)
    start, step = s.whole(0, s.shape(x)[axis] - 1), s.one_of(1, 2, 3, -1, -2, 0)
    room = s.shape(x)[axis] - 1 - start if step > 0 else start
    return s.strided_slice(x, axis, start, step, s.whole(1, room // abs(step) + 1 if step else 4))


def _take(s: Sketch, kind: str, x: str) -> str:
    x, axis = _with_axis(s, x)
    last = s.shape(x)[axis] - 1
    return s.take(x, axis, *s.draw(st.lists(st.integers(0, last), min_size=1, max_size=6)))


def _pad(s: Sketch, kind: str, x: str) -> str:
    x, axis = _with_axis(s, x)
    fill = (
        s.draw(st.floats(width=32, allow_nan=False, allow_infinity=False))
        if s.tensors[x].is_float
        else s.whole(-128, 127)
    )
    return s.pad(x, axis, s.whole(0, 3), s.whole(0, 3), fill)


def _concat(s: Sketch, kind: str, x: str) -> str:
    x, axis = _with_axis(s, x)
    parts = [x, *(s.alike(x, but_axis=axis) for _ in range(s.whole(0, 2)))]
    return s.concat(axis, *s.draw(st.permutations(parts)))


def _with_axis(s: Sketch, x: str) -> tuple[str, int]:
    x = s.ranked(x, 1, 2, 3, 4)
    return x, s.axis(x)


GENERATORS: Generators = {
    "reshape": _reshape,
    "transpose": _transpose,
    "slice": _slice,
    "strided_slice": _strided_slice,
    "take": _take,
    "pad": _pad,
    "concat": _concat,
}
