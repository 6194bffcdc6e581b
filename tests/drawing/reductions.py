"""What takes lines or rows together: norms, softmax, reductions, second moments, and what tells all elements so far."""

from graph_maker import TRUTH

from drawing.sketch import Generators, Sketch


def _norm(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 1, 2, 3)
    return s.scaled(lambda y: s.norm(kind, x, y))


def _group_norm(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 1, 2, 3, 4)
    groups, spatial = s.divisor(s.shape(x)[-1]), s.axis(x)
    return s.scaled(lambda y: s.group_norm(x, groups, spatial=spatial, y=y))


def _softmax(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 1, 2, 3)
    seen = None
    if s.chance():
        shape = s.shape(x)
        marked = s.drawn_constant(x, *s.one_of(shape, shape[-1:]))
        seen = marked if s.tensors[x].is_float else s.rescale(marked, TRUTH)
    return s.scaled(lambda y: s.softmax(x, seen, y))


def _log_softmax(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 1, 2, 3)
    return s.scaled(lambda y: s.log_softmax(x, y))


def _mean(s: Sketch, kind: str, x: str) -> str:
    x, axis = _with_axis(s, x)
    return s.scaled(lambda y: s.mean(x, axis, y))


def _sum(s: Sketch, kind: str, x: str) -> str:
    x, axis = _with_axis(s, x)
    return s.scaled(lambda y: s.sum(x, axis, y))


def _extreme(s: Sketch, kind: str, x: str) -> str:
    return s.extreme(kind, *_with_axis(s, x))


def _position(s: Sketch, kind: str, x: str) -> str:
    return s.argmax(*_with_axis(s, x), kind)


def _with_axis(s: Sketch, x: str) -> tuple[str, int]:
    x = s.ranked(x, 1, 2, 3, 4)
    return x, s.axis(x)


def _second_moment(s: Sketch, kind: str, x: str) -> str:
    x, centred, root = s.ranked(x, 1, 2, 3), s.chance(), s.chance()
    return s.scaled(lambda y: s.second_moment(x, centred=centred, root=root, y=y))


def _running_mean(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 1, 2, 3)
    return s.scaled(lambda y: s.running_mean(x, y))


def _running_sum(s: Sketch, kind: str, x: str) -> str:
    x = s.ranked(x, 1, 2, 3)
    return s.scaled(lambda y: s.running_sum(x, y))


def _running_extreme(s: Sketch, kind: str, x: str) -> str:
    return s.running_extreme(kind, s.ranked(x, 1, 2, 3))


GENERATORS: Generators = {
    **dict.fromkeys(("rms_norm", "layer_norm"), _norm),
    "group_norm": _group_norm,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "mean": _mean,
    "sum": _sum,
    **dict.fromkeys(("max", "min"), _extreme),
    **dict.fromkeys(("argmax", "argmin"), _position),
    "second_moment": _second_moment,
    "running_mean": _running_mean,
    "running_sum": _running_sum,
    **dict.fromkeys(("running_max", "running_min"), _running_extreme),
}
