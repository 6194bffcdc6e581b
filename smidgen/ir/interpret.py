"""The bit-exact reference: runs a graph over a batch in numpy. Host C, emulated C and wasm must equal its bytes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.ir.graph import Graph, Op, Tensor
from smidgen.numerics import attention, elementwise, float32, gru, linear, norm, reduction, scan, tables

Array = NDArray[Any]
_Operands = tuple[Tensor, ...]


def interpret(graph: Graph, inputs: Sequence[Array]) -> dict[str, Array]:
    """Run the graph and return every tensor by name, each (B, *shape) in its own type.

    Args: inputs, one array (B, *shape) of the input's type for each graph input, same B.
    Raises GraphError for a wrong number, shape or type of inputs, or an illegal value.
    """
    values: dict[str, Array] = dict(zip(graph.inputs, _checked_inputs(graph, inputs), strict=True))
    batch = len(inputs[0])
    for tensor in graph.tensors.values():
        if tensor.data is not None:
            values[tensor.name] = np.broadcast_to(tensor.data, (batch, *tensor.shape))
    for op in graph.ops:
        x, y = graph.operands(op), graph[op.output]
        arrays = [values[name] for name in op.inputs]
        if any(tensor.is_float for tensor in x):
            result = _FLOAT[op.kind](op, arrays)
        else:
            result = _INTEGER[op.kind](op, x, y, [array.astype(np.int64) for array in arrays])
        values[op.output] = result.astype(y.dtype)
    return values


def _checked_inputs(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    if len(inputs) != len(graph.inputs):
        raise GraphError(f"graph {graph.name} takes {len(graph.inputs)} inputs, got {len(inputs)}")
    for name, array in zip(graph.inputs, inputs, strict=True):
        tensor = graph[name]
        if array.shape[1:] != tensor.shape or array.dtype != tensor.dtype or len(array) != len(inputs[0]):
            raise GraphError(
                f"input {name} must be {tensor.dtype} (batch, {', '.join(map(str, tensor.shape))}), "
                f"got {array.dtype} {array.shape}; quantise it with the input's scale first"
            )
        if tensor.dtype == "int16" and array.min(initial=0) < -32767:
            raise GraphError(f"input {name} holds -32768; int16 activations lie in -32767..32767")
    return list(inputs)


# ---- integers --------------------------------------------------------------------------------------------------------

_IntegerRule = Callable[[Op, _Operands, Tensor, list[Array]], Array]


def _finish(op: Op, y: Tensor, acc: Array) -> Array:
    p = _params(op)
    return linear.finish_accumulator(acc, p["bias"], p["multiplier"], _attr(op, "shift"), y.zero_point, y.dtype)


def _linear(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    return _finish(op, y, linear.dot_products(arrays[0], _params(op)["weight"]))


def _conv1d(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    geometry = {key: _attr(op, key) for key in ("stride", "dilation", "groups")}
    pad = (_attr(op, "pad_left"), _attr(op, "pad_right"))
    acc = linear.conv1d_products(arrays[0], _params(op)["weight"], pad=pad, pad_value=x[0].zero_point, **geometry)
    return _finish(op, y, acc)


def _table(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    return tables.table_lookup(arrays[0], _params(op)["table"], x[0].dtype)


def _add(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    return elementwise.add(*arrays, **_attrs(op), dtype=y.dtype)


def _mul(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    zero_points = (x[0].zero_point, x[1].zero_point, y.zero_point)
    return elementwise.multiply(*arrays, zero_points=zero_points, **_attrs(op), dtype=y.dtype)


def _rescale(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    return elementwise.rescale(
        arrays[0], zero_point_in=x[0].zero_point, zero_point_out=y.zero_point, **_attrs(op), dtype=y.dtype
    )


def _norm(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    return norm.norm(arrays[0], **_params(op), **_attrs(op), zero_point=x[0].zero_point, dtype=y.dtype)


def _attention(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    return attention.attention(*arrays, **_attrs(op), zero_point=y.zero_point, dtype=y.dtype)


def _scan(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    u, delta, B, C = arrays
    return scan.selective_scan(u, delta, B, C, **_params(op), **_attrs(op), zero_point=y.zero_point, dtype=y.dtype)


def _gru(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    return gru.gru(arrays[0], **_params(op), **_attrs(op))


def _mean(op: Op, x: _Operands, y: Tensor, arrays: list[Array]) -> Array:
    return reduction.mean(
        arrays[0], axis=_attr(op, "axis") + 1, zero_points=(x[0].zero_point, y.zero_point),
        multiplier=_attr(op, "multiplier"), shift=_attr(op, "shift"), dtype=y.dtype,
    )  # fmt: skip


# ---- layout and comparison, the same for every type ------------------------------------------------------------------


def _transpose(op: Op, arrays: list[Array]) -> Array:
    permutation = op.attrs["permutation"]
    assert isinstance(permutation, tuple)
    return arrays[0].transpose(0, *(axis + 1 for axis in permutation))


def _reshape(op: Op, arrays: list[Array]) -> Array:
    shape = op.attrs["shape"]
    assert isinstance(shape, tuple)
    return arrays[0].reshape(len(arrays[0]), *shape)


def _slice(op: Op, arrays: list[Array]) -> Array:
    index: list[slice] = [slice(None)] * arrays[0].ndim
    index[_attr(op, "axis") + 1] = slice(_attr(op, "start"), _attr(op, "stop"))
    return arrays[0][tuple(index)]


def _concat(op: Op, arrays: list[Array]) -> Array:
    return np.concatenate(arrays, axis=_attr(op, "axis") + 1)


def _argmax(op: Op, arrays: list[Array]) -> Array:
    return np.asarray(np.argmax(arrays[0], axis=_attr(op, "axis") + 1))


_LAYOUT: Mapping[str, Callable[[Op, list[Array]], Array]] = {
    "transpose": _transpose, "reshape": _reshape, "slice": _slice, "concat": _concat, "argmax": _argmax,
}  # fmt: skip


def _any_type(rule: Callable[[Op, list[Array]], Array]) -> _IntegerRule:
    return lambda op, x, y, arrays: rule(op, arrays)


_INTEGER: Mapping[str, _IntegerRule] = {
    "linear": _linear, "conv1d": _conv1d, "table": _table, "add": _add, "mul": _mul, "rescale": _rescale,
    "rms_norm": _norm, "layer_norm": _norm, "attention": _attention, "selective_scan": _scan, "gru": _gru,
    "mean": _mean, **{kind: _any_type(rule) for kind, rule in _LAYOUT.items()},
}  # fmt: skip

# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_conv1d(op: Op, arrays: list[Array]) -> Array:
    attrs = _attrs(op)
    pad = (attrs.pop("pad_left"), attrs.pop("pad_right"))
    return float32.conv1d(arrays[0], **_arrays(op), pad=pad, **attrs)


def _float_binary(op: Op, arrays: list[Array]) -> Array:
    return float32.BINARY[op.kind](*arrays)


_FLOAT: Mapping[str, Callable[[Op, list[Array]], Array]] = {
    "linear": lambda op, x: float32.linear(x[0], **_arrays(op)),
    "conv1d": _float_conv1d,
    "pointwise": lambda op, x: float32.POINTWISE[str(op.attrs["function"])](x[0], **_scalars(op)),
    "select": lambda op, x: float32.select(*x),
    "add": _float_binary, "sub": _float_binary, "mul": _float_binary, "div": _float_binary,
    "rms_norm": lambda op, x: float32.rms_norm(x[0], **_arrays(op), **_attrs(op)),
    "layer_norm": lambda op, x: float32.layer_norm(x[0], **_arrays(op), **_attrs(op)),
    "attention": lambda op, x: float32.attention(*x, **_attrs(op)),
    "selective_scan": lambda op, x: float32.selective_scan(*x, **_arrays(op)),
    "gru": lambda op, x: float32.gru(x[0], **_arrays(op)),
    "mean": lambda op, x: float32.mean(x[0], axis=_attr(op, "axis") + 1),
    **_LAYOUT,
}  # fmt: skip


def _arrays(op: Op) -> dict[str, Any]:
    return dict(op.params)


def _params(op: Op) -> dict[str, Any]:
    return {role: array.astype(np.int64) for role, array in op.params.items()}


def _attrs(op: Op) -> dict[str, Any]:
    return {key: value for key, value in op.attrs.items() if key != "accumulator_bound"}


def _scalars(op: Op) -> dict[str, Any]:
    return {key: value for key, value in op.attrs.items() if key != "function"}


def _attr(op: Op, key: str) -> int:
    return int(op.attrs[key])  # type: ignore[arg-type]
