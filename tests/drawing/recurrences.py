"""Selective scans, and GRU, LSTM and RNN layers over projected gates."""

from graph_maker import INT16

from drawing.sketch import Generators, Sketch
from smidgen.numerics.recurrent import HIDDEN

_GATES = {"gru": 3, "lstm": 4, "rnn": 1}


def _selective_scan(s: Sketch, kind: str, x: str) -> str:
    u = s.symmetric(s.ranked(x, 2))
    steps, channels = s.shape(u)
    heads, groups, n = s.divisor(channels), s.divisor(channels), s.whole(1, 4)
    delta, B, C = (s.shaped(s.rescaled(u, INT16), steps, width) for width in (heads, groups * n, groups * n))
    if s.tensors[u].is_float:
        delta = s.pointwise(delta, "softplus")
    form, state = s.one_of("each", "equal", "powers"), s.one_of("int32", "int16")
    return s.scaled(lambda y: s.selective_scan(u, delta, B, C, y, groups=groups, form=form, state=state))


def _recurrent(s: Sketch, kind: str, x: str) -> str:
    x = s.wide(s.ranked(x, 2))
    steps, _ = s.shape(x)
    width = s.whole(1, 5)
    gates = s.shaped(x, steps, _GATES[kind] * width)
    flags = {"reverse": s.chance(), **({"relu": s.chance()} if kind == "rnn" else {})}
    first: bool | list[str] = s.chance()
    if not s.is_step and s.chance():
        seen = s.shaped(x, width)
        first = [s.rescaled(seen, qparams) for qparams in (HIDDEN, INT16)[: 2 if kind == "lstm" else 1]]
    return s.recurrent(kind, gates, first=first, last_cell=kind == "lstm" and s.chance(), **flags)


GENERATORS: Generators = {"selective_scan": _selective_scan, **dict.fromkeys(_GATES, _recurrent)}
