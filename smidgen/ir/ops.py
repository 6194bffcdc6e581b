"""What each kind of operator takes and gives: arity, parameters, output shape, work, scratch memory, use of time."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor

Shape = tuple[int, ...]

#: What an attribute may hold: a whole number between two ends, or a value of a type.
Legal = range | type


@dataclass(frozen=True, slots=True, kw_only=True)
class OpSpec:
    """The static side of one kind of operator.

    `integer_*` and `float_*` speak of the two arithmetics; params None means that the kind has no such form.
    `*_params`: role -> (dtype, axes) of a constant array. An axis is a letter: o and i for the last axis of the output
    and of the first input, n for that of the last input, t for the entries of a table over the first input, k for the
    knots of an int16 table, "." for any size. `*_attrs`: name -> legal values of a scalar.
    `time`: how the op behaves along the first axis, for the streaming pass (DESIGN section 5).
    """

    arity: int | None  # None: one or more
    shape: Callable[[Op, tuple[Tensor, ...]], Shape]
    time: str
    integer_params: Mapping[str, tuple[str, str]] | None = None
    float_params: Mapping[str, tuple[str, str]] | None = None
    integer_attrs: Mapping[str, Legal] = field(default_factory=dict)
    float_attrs: Mapping[str, Legal] = field(default_factory=dict)
    macs: Callable[[Op, tuple[Tensor, ...], Tensor], int] = lambda op, x, y: 0
    scratch_bytes: Callable[[Op, tuple[Tensor, ...], Tensor], int] = lambda op, x, y: 0


def _same_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    for other in x[1:]:
        if other.shape != x[0].shape:
            raise GraphError(f"{op.name}: operands differ in shape, {x[0].shape} and {other.shape}")
    return x[0].shape


def _linear_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    out_width, in_width = op.params["weight"].shape
    if x[0].shape[-1:] != (in_width,):
        raise GraphError(f"{op.name}: weight takes {in_width} features, input has shape {x[0].shape}")
    return (*x[0].shape[:-1], out_width)


def _linear_macs(op: Op, x: tuple[Tensor, ...], y: Tensor) -> int:
    return y.size * x[0].shape[-1]


def _conv1d_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    out_channels, group_width, taps = op.params["weight"].shape
    groups = _integer(op, "groups")
    if len(x[0].shape) != 2 or x[0].shape[1] != group_width * groups or out_channels % groups:
        raise GraphError(f"{op.name}: weight {(out_channels, group_width, taps)} in {groups} groups and {x[0].shape}")
    padded = x[0].shape[0] + _integer(op, "pad_left") + _integer(op, "pad_right")
    length = (padded - _integer(op, "dilation") * (taps - 1) - 1) // _integer(op, "stride") + 1
    return (length, out_channels)


def _conv1d_macs(op: Op, x: tuple[Tensor, ...], y: Tensor) -> int:
    return y.size * math.prod(op.params["weight"].shape[1:])


def _attention_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    q, k, v = (tensor.shape for tensor in x)
    if len(q) != 3 or k != v or q[1:] != k[1:]:
        raise GraphError(f"{op.name}: q, k, v must be (T, H, w), (S, H, w), (S, H, w); got {q}, {k}, {v}")
    return q


def _attention_macs(op: Op, x: tuple[Tensor, ...], y: Tensor) -> int:
    steps, heads, width = x[0].shape
    keys = x[1].shape[0]
    pairs = sum(min(i + 1, keys) for i in range(steps)) if op.attrs["causal"] else steps * keys
    return 2 * heads * width * pairs


def _scan_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    u, delta, B, C = (tensor.shape for tensor in x)
    if len(u) != 2 or len(B) != 2 or u != delta or B != C or B[0] != u[0]:
        raise GraphError(f"{op.name}: u, delta (t, d) and B, C (t, n) expected; got {u}, {delta}, {B}, {C}")
    return u


def _scan_state_bytes(op: Op, x: tuple[Tensor, ...], y: Tensor) -> int:
    return 4 * x[0].shape[1] * x[2].shape[1]


def _gru_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    rows, width = op.params["weight"].shape
    if rows != 3 * width or x[0].shape[1:] != (rows,):
        raise GraphError(
            f"{op.name}: weight {(rows, width)} does not fit gates {x[0].shape}; (t, 3h) and (3h, h) expected"
        )
    return (x[0].shape[0], width)


def _transpose_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    permutation = _integers(op, "permutation")
    if sorted(permutation) != list(range(len(x[0].shape))):
        raise GraphError(f"{op.name}: {permutation} does not permute the axes of {x[0].shape}")
    return tuple(x[0].shape[axis] for axis in permutation)


def _reshape_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    shape = _integers(op, "shape")
    if math.prod(shape) != x[0].size:
        raise GraphError(f"{op.name}: cannot view {x[0].shape} as {shape}")
    return shape


def _slice_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    axis, start, stop = _axis(op, x), _integer(op, "start"), _integer(op, "stop")
    shape = list(x[0].shape)
    if not 0 <= start < stop <= shape[axis]:
        raise GraphError(f"{op.name}: [{start}:{stop}] is outside axis {axis} of {x[0].shape}")
    shape[axis] = stop - start
    return tuple(shape)


def _concat_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    axis = _axis(op, x)
    first = x[0].shape
    for other in x[1:]:
        if len(other.shape) != len(first) or any(
            a != b for i, (a, b) in enumerate(zip(first, other.shape, strict=True)) if i != axis
        ):
            raise GraphError(f"{op.name}: cannot join {first} and {other.shape} along axis {axis}")
    return (*first[:axis], sum(other.shape[axis] for other in x), *first[axis + 1 :])


def _reduced_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    axis = _axis(op, x)
    return tuple(size for i, size in enumerate(x[0].shape) if i != axis)


def _axis(op: Op, x: tuple[Tensor, ...]) -> int:
    axis = _integer(op, "axis")
    if not 0 <= axis < len(x[0].shape):
        raise GraphError(f"{op.name}: {x[0].shape} has no axis {axis}")
    return axis


def _integer(op: Op, key: str) -> int:
    value = op.attrs[key]
    assert isinstance(value, int)
    return value


def _integers(op: Op, key: str) -> tuple[int, ...]:
    value = op.attrs[key]
    assert isinstance(value, tuple)
    return value


_SHIFT = range(-30, 32)
_MULTIPLIER = range(2**31)
_RIGHT_SHIFT = range(63)
_COUNT = range(2**31)
_SIZE = range(1, 2**31)

_AXIS = {"axis": _COUNT}
_SPAN = {**_AXIS, "start": _COUNT, "stop": _COUNT}
_SCALED = {"multiplier": _MULTIPLIER, "shift": _SHIFT}
_ACCUMULATOR = {"shift": _SHIFT, "accumulator_bound": range(2**31)}
_GEOMETRY = {"pad_left": _COUNT, "pad_right": _COUNT, "stride": _SIZE, "dilation": _SIZE, "groups": _SIZE}
_NORM = {
    "gain_shift": _RIGHT_SHIFT, "fraction_bits": range(17), "epsilon": range(1, 2**62),
    "mean_multiplier": _MULTIPLIER, "mean_shift": _SHIFT,
}  # fmt: skip
_NORM_PARAMS = {"gain": ("int16", "o"), "bias": ("int32", "o")}
_CHANNELS = {"bias": ("int32", "o"), "multiplier": ("int32", "o")}
_F32_LINEAR = {"weight": ("float32", "oi"), "bias": ("float32", "o")}

OP_SPECS: Mapping[str, OpSpec] = {
    "linear": OpSpec(
        arity=1, shape=_linear_shape, macs=_linear_macs, time="pointwise",
        integer_params={"weight": ("int8", "oi"), **_CHANNELS}, integer_attrs=_ACCUMULATOR, float_params=_F32_LINEAR,
    ),
    "conv1d": OpSpec(
        arity=1, shape=_conv1d_shape, macs=_conv1d_macs, time="window",
        integer_params={"weight": ("int8", "o.."), **_CHANNELS}, integer_attrs={**_ACCUMULATOR, **_GEOMETRY},
        float_params={"weight": ("float32", "o.."), "bias": ("float32", "o")}, float_attrs=_GEOMETRY,
    ),
    "table": OpSpec(arity=1, shape=_same_shape, time="pointwise", integer_params={"table": ("activation", "t")}),
    "pointwise": OpSpec(
        arity=1, shape=_same_shape, time="pointwise", float_params={}, float_attrs={"function": str},
    ),
    "select": OpSpec(arity=3, shape=_same_shape, time="pointwise", float_params={}),
    "add": OpSpec(
        arity=2, shape=_same_shape, time="pointwise", integer_params={}, float_params={},
        integer_attrs={
            "multiplier_a": range(2**30 + 1), "multiplier_b": range(-(2**30), 2**30 + 1),
            "offset": range(-(2**61), 2**61), "shift": range(1, 47),
        },
    ),
    "sub": OpSpec(arity=2, shape=_same_shape, time="pointwise", float_params={}),
    "mul": OpSpec(
        arity=2, shape=_same_shape, time="pointwise", integer_params={}, integer_attrs=_SCALED, float_params={}
    ),
    "div": OpSpec(arity=2, shape=_same_shape, time="pointwise", float_params={}),
    "rescale": OpSpec(arity=1, shape=_same_shape, time="pointwise", integer_params={}, integer_attrs=_SCALED),
    "rms_norm": OpSpec(
        arity=1, shape=_same_shape, time="pointwise", integer_params=_NORM_PARAMS, integer_attrs=_NORM,
        float_params={"gain": ("float32", "o")}, float_attrs={"eps": float},
    ),
    "layer_norm": OpSpec(
        arity=1, shape=_same_shape, time="pointwise", integer_params=_NORM_PARAMS, integer_attrs=_NORM,
        float_params={"gain": ("float32", "o"), "bias": ("float32", "o")}, float_attrs={"eps": float},
    ),
    "attention": OpSpec(
        arity=3, shape=_attention_shape, macs=_attention_macs, time="attention", integer_params={}, float_params={},
        integer_attrs={
            "causal": bool, "score_prescale": _RIGHT_SHIFT, "score_multiplier": _MULTIPLIER, "score_shift": _SHIFT,
            "score_limit": _COUNT, "value_shift": _RIGHT_SHIFT, "output_multiplier": _MULTIPLIER,
            "output_shift": range(-16, 47),
        },
        float_attrs={"causal": bool, "scale": float}, scratch_bytes=lambda op, x, y: 4 * x[1].shape[0],
    ),
    "selective_scan": OpSpec(
        arity=4, shape=_scan_shape, time="recurrence",
        integer_params={
            "decay_multiplier": ("int32", "on"), "drive_multiplier": ("int32", "o"),
            "output_multiplier": ("int32", "o"), "skip_multiplier": ("int32", "o"),
        },
        integer_attrs={
            "decay_shift": _SHIFT, "drive_shift": _SHIFT, "output_shift": _SHIFT, "state_limit": range(1, 2**29 + 1),
        },
        float_params={"A": ("float32", "on"), "D": ("float32", "o")},
        macs=lambda op, x, y: 3 * x[0].size * x[2].shape[1], scratch_bytes=_scan_state_bytes,
    ),
    "gru": OpSpec(
        arity=1, shape=_gru_shape, time="recurrence",
        integer_params={
            "weight": ("int8", "io"), "bias": ("int32", "i"), "multiplier": ("int32", "i"),
            "sigmoid": ("int16", "k"), "tanh": ("int16", "k"),
        },
        integer_attrs={**_ACCUMULATOR, "input_multiplier": _MULTIPLIER},
        float_params={"weight": ("float32", "io"), "bias": ("float32", "i")},
        macs=lambda op, x, y: x[0].size * y.shape[-1], scratch_bytes=lambda op, x, y: 4 * x[0].shape[-1],
    ),
    "transpose": OpSpec(
        arity=1, shape=_transpose_shape, time="layout", integer_params={}, float_params={},
        integer_attrs={"permutation": tuple}, float_attrs={"permutation": tuple},
    ),
    "reshape": OpSpec(
        arity=1, shape=_reshape_shape, time="layout", integer_params={}, float_params={},
        integer_attrs={"shape": tuple}, float_attrs={"shape": tuple},
    ),
    "slice": OpSpec(
        arity=1, shape=_slice_shape, time="layout", integer_params={}, float_params={},
        integer_attrs=_SPAN, float_attrs=_SPAN,
    ),
    "concat": OpSpec(
        arity=None, shape=_concat_shape, time="layout", integer_params={}, float_params={},
        integer_attrs=_AXIS, float_attrs=_AXIS,
    ),
    "mean": OpSpec(
        arity=1, shape=_reduced_shape, time="reduction", integer_params={}, float_params={},
        integer_attrs={**_AXIS, **_SCALED}, float_attrs=_AXIS,
    ),
    "argmax": OpSpec(
        arity=1, shape=_reduced_shape, time="reduction", integer_params={}, float_params={},
        integer_attrs=_AXIS, float_attrs=_AXIS,
    ),
}  # fmt: skip
