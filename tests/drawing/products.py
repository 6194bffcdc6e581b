"""Products with stored weights and of two tensors, rows of a table, and what slides a window over rows and columns."""

from drawing.sketch import SIZES, Generators, Sketch
from smidgen.numerics.quantization import QParams


def _linear(s: Sketch, kind: str, x: str) -> str:
    x, width = s.ranked(x, 1, 2, 3), s.draw(SIZES)
    form = s.one_of("weight", "int4", "palette")
    return s.scaled(lambda y: s.linear(x, width, y, form=form))


def _embedding(s: Sketch, kind: str, x: str) -> str:
    """Add rows that are told by positions, or by integers of scale 1 for numbers below 0 and beyond the table too."""
    x = s.ranked(x, 1, 2)
    if s.tensors[x].is_float or (s.tensors[x].qparams and s.chance()):
        x = s.argmax(x, s.axis(x), s.one_of("argmax", "argmin"))
    elif s.tensors[x].qparams:
        x = s.rescale(x, QParams(dtype=s.one_of("int8", "int16"), scale=1.0))
    return s.embedding(x, s.draw(SIZES), s.draw(SIZES), s.one_of(None, s.qparams()))


def _matmul(s: Sketch, kind: str, x: str) -> str:
    a = s.symmetric(s.ranked(x, 2, 3, 4))
    *leading, _, k = s.shape(a)
    if s.chance():
        return s.scaled(lambda y: s.matmul(a, a, transposed=True, y=y))
    n, transposed = s.draw(SIZES), s.chance()
    second = (n, k) if transposed else (k, n)
    b = s.drawn_constant(a, *s.one_of((), leading, [1] * len(leading)), *second)
    if s.chance():
        b = s.shaped(a, *second)
    return s.scaled(lambda y: s.matmul(a, b, transposed=transposed, y=y))


def _max_plus(s: Sketch, kind: str, x: str) -> str:
    x, width = s.ranked(x, 1, 2, 3), s.draw(SIZES)
    return s.scaled(lambda y: s.max_plus(x, width, y))


def _conv2d(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 2, 3, 4)
    groups = s.divisor(s.shape(x)[-1])
    width, window = groups * s.whole(1, 4), s.window(x)
    return s.scaled(lambda y: s.conv2d(x, width, window, groups=groups, y=y))


def _max_pool(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 2, 3, 4)
    return s.max_pool(x, s.window(x, spread=False))


def _average_pool(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 2, 3, 4)
    window, counted = s.window(x, spread=False), s.chance()
    return s.scaled(lambda y: s.average_pool(x, window, count_padding=counted, y=y))


GENERATORS: Generators = {
    "linear": _linear,
    "embedding": _embedding,
    "matmul": _matmul,
    "max_plus": _max_plus,
    "conv2d": _conv2d,
    "max_pool": _max_pool,
    "average_pool": _average_pool,
}
