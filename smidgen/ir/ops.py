"""What each kind of operator takes and gives: arity, parameters, output shape, work, scratch memory, use of time."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, Tensor

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpSpec:
    """The static side of one kind of operator.

    `integer_params`/`float_params`: role -> dtype of its constant arrays in each arithmetic (None: kind not available).
    `time`: how the op behaves along the first axis, for the streaming pass (DESIGN section 5).
    """

    arity: int | None  # None: one or more
    shape: Callable[[Op, tuple[Tensor, ...]], Shape]
    integer_params: Mapping[str, str] | None
    float_params: Mapping[str, str] | None
    time: str
    macs: Callable[[Op, tuple[Tensor, ...], Tensor], int] = lambda op, x, y: 0
    scratch_bytes: Callable[[Op, tuple[Tensor, ...], Tensor], int] = lambda op, x, y: 0


def _same_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    for other in x[1:]:
        if other.shape != x[0].shape:
            raise GraphError(f"{op.name}: operands differ in shape, {x[0].shape} and {other.shape}")
    return x[0].shape


def _linear_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    out_width, in_width = op.params["weight"].shape
    if x[0].shape[-1] != in_width:
        raise GraphError(f"{op.name}: weight takes {in_width} features, input has shape {x[0].shape}")
    return (*x[0].shape[:-1], out_width)


def _linear_macs(op: Op, x: tuple[Tensor, ...], y: Tensor) -> int:
    return y.size * x[0].shape[-1]


def _conv1d_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    out_channels, group_width, taps = op.params["weight"].shape
    steps, channels = x[0].shape
    groups = _integer(op, "groups")
    if channels != group_width * groups or out_channels % groups:
        raise GraphError(
            f"{op.name}: weight {op.params['weight'].shape} with {groups} groups does not fit {channels} channels"
        )
    padded = steps + _integer(op, "pad_left") + _integer(op, "pad_right")
    length = (padded - _integer(op, "dilation") * (taps - 1) - 1) // _integer(op, "stride") + 1
    return (length, out_channels)


def _conv1d_macs(op: Op, x: tuple[Tensor, ...], y: Tensor) -> int:
    return y.size * math.prod(op.params["weight"].shape[1:])


def _attention_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    q, k, v = x
    if len(q.shape) != 3 or k.shape != v.shape or q.shape[1:] != k.shape[1:]:
        raise GraphError(
            f"{op.name}: q, k, v must be (T, H, w), (S, H, w), (S, H, w); got {q.shape}, {k.shape}, {v.shape}"
        )
    return q.shape


def _attention_macs(op: Op, x: tuple[Tensor, ...], y: Tensor) -> int:
    steps, heads, width = x[0].shape
    keys = x[1].shape[0]
    pairs = steps * (steps + 1) // 2 if op.attrs["causal"] else steps * keys
    return 2 * heads * width * pairs


def _scan_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    u, delta, B, C = x
    if u.shape != delta.shape or B.shape != C.shape or B.shape[0] != u.shape[0]:
        raise GraphError(f"{op.name}: u, delta (t, d) and B, C (t, n) expected; got {[t.shape for t in x]}")
    return u.shape


def _scan_state_bytes(op: Op, x: tuple[Tensor, ...], y: Tensor) -> int:
    return 4 * x[0].shape[1] * x[2].shape[1]


def _gru_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    rows, width = op.params["weight"].shape
    if rows != 3 * width or x[0].shape[-1] != rows:
        raise GraphError(f"{op.name}: weight {op.params['weight'].shape} does not fit gates {x[0].shape}")
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
    axis, start, stop = (_integer(op, key) for key in ("axis", "start", "stop"))
    shape = list(x[0].shape)
    if not 0 <= start < stop <= shape[axis]:
        raise GraphError(f"{op.name}: [{start}:{stop}] is outside axis {axis} of {x[0].shape}")
    shape[axis] = stop - start
    return tuple(shape)


def _concat_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    axis = _integer(op, "axis")
    shape = list(x[0].shape)
    for other in x[1:]:
        if len(other.shape) != len(shape) or any(
            a != b for i, (a, b) in enumerate(zip(shape, other.shape, strict=True)) if i != axis
        ):
            raise GraphError(f"{op.name}: cannot join {x[0].shape} and {other.shape} along axis {axis}")
    shape[axis] = sum(other.shape[axis] for other in x)
    return tuple(shape)


def _reduced_shape(op: Op, x: tuple[Tensor, ...]) -> Shape:
    axis = _integer(op, "axis")
    return tuple(size for i, size in enumerate(x[0].shape) if i != axis)


def _integer(op: Op, key: str) -> int:
    value = op.attrs[key]
    if not isinstance(value, int):
        raise GraphError(f"{op.name}: attribute {key} must be an integer, got {value!r}")
    return value


def _integers(op: Op, key: str) -> tuple[int, ...]:
    value = op.attrs[key]
    if not isinstance(value, tuple):
        raise GraphError(f"{op.name}: attribute {key} must be a tuple of integers, got {value!r}")
    return value


_ACCUMULATOR = {"bias": "int32", "multiplier": "int32"}
_NORM = {"gain": "int16", "bias": "int32"}

OP_SPECS: Mapping[str, OpSpec] = {
    "linear": OpSpec(
        arity=1, shape=_linear_shape, macs=_linear_macs, time="pointwise",
        integer_params={"weight": "int8", **_ACCUMULATOR}, float_params={"weight": "float32", "bias": "float32"},
    ),
    "conv1d": OpSpec(
        arity=1, shape=_conv1d_shape, macs=_conv1d_macs, time="window",
        integer_params={"weight": "int8", **_ACCUMULATOR}, float_params={"weight": "float32", "bias": "float32"},
    ),
    "table": OpSpec(
        arity=1, shape=_same_shape, time="pointwise", integer_params={"table": "activation"}, float_params=None
    ),
    "pointwise": OpSpec(arity=1, shape=_same_shape, time="pointwise", integer_params=None, float_params={}),
    "select": OpSpec(arity=3, shape=_same_shape, time="pointwise", integer_params=None, float_params={}),
    "add": OpSpec(arity=2, shape=_same_shape, time="pointwise", integer_params={}, float_params={}),
    "sub": OpSpec(arity=2, shape=_same_shape, time="pointwise", integer_params=None, float_params={}),
    "mul": OpSpec(arity=2, shape=_same_shape, time="pointwise", integer_params={}, float_params={}),
    "div": OpSpec(arity=2, shape=_same_shape, time="pointwise", integer_params=None, float_params={}),
    "rescale": OpSpec(arity=1, shape=_same_shape, time="pointwise", integer_params={}, float_params=None),
    "rms_norm": OpSpec(
        arity=1, shape=_same_shape, time="pointwise", integer_params=_NORM, float_params={"gain": "float32"}
    ),
    "layer_norm": OpSpec(
        arity=1, shape=_same_shape, time="pointwise",
        integer_params=_NORM, float_params={"gain": "float32", "bias": "float32"},
    ),
    "attention": OpSpec(
        arity=3, shape=_attention_shape, macs=_attention_macs, time="attention", integer_params={}, float_params={},
        scratch_bytes=lambda op, x, y: 4 * x[1].shape[0],
    ),
    "selective_scan": OpSpec(
        arity=4, shape=_scan_shape, time="recurrence",
        integer_params={
            "decay_multiplier": "int32", "drive_multiplier": "int32",
            "output_multiplier": "int32", "skip_multiplier": "int32",
        },
        float_params={"A": "float32", "D": "float32"},
        macs=lambda op, x, y: 3 * x[0].size * x[2].shape[1], scratch_bytes=_scan_state_bytes,
    ),
    "gru": OpSpec(
        arity=1, shape=_gru_shape, time="recurrence",
        integer_params={"weight": "int8", **_ACCUMULATOR, "sigmoid": "int16", "tanh": "int16"},
        float_params={"weight": "float32", "bias": "float32"},
        macs=lambda op, x, y: x[0].size * y.shape[-1], scratch_bytes=lambda op, x, y: 4 * x[0].shape[-1],
    ),
    "transpose": OpSpec(arity=1, shape=_transpose_shape, time="layout", integer_params={}, float_params={}),
    "reshape": OpSpec(arity=1, shape=_reshape_shape, time="layout", integer_params={}, float_params={}),
    "slice": OpSpec(arity=1, shape=_slice_shape, time="layout", integer_params={}, float_params={}),
    "concat": OpSpec(arity=None, shape=_concat_shape, time="layout", integer_params={}, float_params={}),
    "mean": OpSpec(arity=1, shape=_reduced_shape, time="reduction", integer_params={}, float_params={}),
    "argmax": OpSpec(arity=1, shape=_reduced_shape, time="reduction", integer_params={}, float_params={}),
}  # fmt: skip
