"""Functions of one tensor, and arithmetic of two or three whose shapes are broadcast."""

from graph_maker import INT8, TRUTH
from hypothesis import strategies as st

from drawing.sketch import Generators, Sketch, go_together
from smidgen.numerics import float32

_REAL = st.floats(-8.0, 8.0, width=32) | st.sampled_from([0.0, -0.0, 1.0, 2.0**-140, 2.0**100])


def _table(s: Sketch, kind: str, x: str) -> str:
    return s.table(x, s.qparams())


def _steps(s: Sketch, kind: str, x: str) -> str:
    return s.steps(s.wide(x), s.one_of(TRUTH, INT8, s.qparams()))


def _pointwise(s: Sketch, kind: str, x: str) -> str:
    function = s.one_of(*float32.POINTWISE)
    scalars = sorted(s.draw(_REAL) for _ in float32.SCALARS.get(function, ()))
    return s.pointwise(x, function, **dict(zip(float32.SCALARS.get(function, ()), scalars, strict=True)))


def _binary(s: Sketch, kind: str, x: str) -> str:
    a, b = _turned(s, x, s.partner(x))
    return s.scaled(lambda y: s.binary(kind, a, b, y))


def _extreme(s: Sketch, kind: str, x: str) -> str:
    return s.binary(kind, *_turned(s, x, s.partner(x, same_scale=True)), s.tensors[x].qparams)


def _turned(s: Sketch, a: str, b: str) -> tuple[str, str]:
    return (b, a) if s.chance() else (a, b)


def _select(s: Sketch, kind: str, x: str) -> str:
    condition = s.symmetric(s.partner(x))
    if not s.tensors[x].is_float and s.chance():
        condition = s.steps(s.wide(x))
    other = s.partner(x, same_scale=True)
    if not go_together(s.tensors[condition].shape, s.tensors[other].shape):
        other = x  # each goes with x, which may have one element where they have different numbers of them
    return s.select(condition, *_turned(s, x, other))


def _rescale(s: Sketch, kind: str, x: str) -> str:
    return s.scaled(lambda y: s.rescale(x, y))


GENERATORS: Generators = {
    "table": _table,
    "steps": _steps,
    "pointwise": _pointwise,
    **dict.fromkeys(("add", "sub", "mul", "div"), _binary),
    **dict.fromkeys(("maximum", "minimum"), _extreme),
    "select": _select,
    "rescale": _rescale,
}
