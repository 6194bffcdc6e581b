"""What is a legal graph: every rule that the generator and the kernels rely on, checked in one place."""

from dataclasses import fields
from typing import Any

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import DTYPE_BYTES, Graph, Op, Tensor
from smidgen.ir.ops import OP_SPECS
from smidgen.numerics.fixed_point import integer_range, prove_accumulator

_WEIGHT_LIMIT = 127


def check_graph(graph: Graph) -> None:
    """Raise GraphError, naming the op, unless the graph is well formed and its accumulators provably fit."""
    known = set(graph.inputs)
    for name, tensor in graph.tensors.items():
        _check_tensor(name, tensor)
        if tensor.data is not None:
            known.add(name)
    _check_unique([op.name for op in graph.ops], "op name")
    _check_unique([op.output for op in graph.ops], "output tensor")
    for op in graph.ops:
        for name in op.inputs:
            if name not in known:
                raise GraphError(f"{op.name}: input {name!r} is read before anything writes it")
        _check_op(graph, op)
        known.add(op.output)
    missing = [name for name in graph.outputs if name not in known]
    if missing:
        raise GraphError(f"graph {graph.name}: nothing writes output {missing[0]!r}")


def _check_tensor(name: str, tensor: Tensor) -> None:
    if tensor.name != name:
        raise GraphError(f"tensor {tensor.name!r} is stored under the name {name!r}")
    if tensor.dtype not in DTYPE_BYTES:
        raise GraphError(f"tensor {name}: unknown type {tensor.dtype!r}; expected one of {', '.join(DTYPE_BYTES)}")
    if any(size < 1 for size in tensor.shape):
        raise GraphError(f"tensor {name}: every axis must have at least one element, got {tensor.shape}")
    if tensor.qparams is not None and tensor.qparams.dtype != tensor.dtype:
        raise GraphError(f"tensor {name} is {tensor.dtype}, its quantisation is for {tensor.qparams.dtype}")
    if tensor.data is not None and (tensor.data.shape != tensor.shape or tensor.data.dtype != tensor.dtype):
        raise GraphError(
            f"tensor {name} is {tensor.dtype} {tensor.shape}, its data {tensor.data.dtype} {tensor.data.shape}"
        )


def _check_unique(names: list[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise GraphError(f"{what} {name!r} occurs twice")
        seen.add(name)


def _check_op(graph: Graph, op: Op) -> None:
    if op.kind not in OP_SPECS:
        raise GraphError(f"{op.name}: unknown kind {op.kind!r}; expected one of {', '.join(OP_SPECS)}")
    spec = OP_SPECS[op.kind]
    if spec.arity is not None and len(op.inputs) != spec.arity:
        raise GraphError(f"{op.name}: {op.kind} takes {spec.arity} inputs, got {len(op.inputs)}")
    x, y = graph.operands(op), graph[op.output]
    is_float = any(tensor.is_float for tensor in x)
    if is_float != (y.is_float or (op.kind == "argmax" and is_float)) or any(t.is_float != is_float for t in x):
        raise GraphError(f"{op.name}: cannot mix float32 and integers in one {op.kind}")
    expected = spec.float_params if is_float else spec.integer_params
    if expected is None:
        raise GraphError(f"{op.name}: {op.kind} has no {'float32' if is_float else 'integer'} form")
    if set(op.params) != set(expected):
        raise GraphError(f"{op.name}: parameters must be {sorted(expected)}, got {sorted(op.params)}")
    for role, dtype in expected.items():
        wanted = y.dtype if dtype == "activation" else dtype
        if op.params[role].dtype != wanted:
            raise GraphError(f"{op.name}: {role} must be {wanted}, got {op.params[role].dtype}")
    shape = spec.shape(op, x)
    if shape != y.shape:
        raise GraphError(f"{op.name}: {op.kind} gives {shape}, output {y.name} is declared {y.shape}")
    if "weight" in op.params and not is_float:
        _check_accumulator(op, x[0])


def _check_accumulator(op: Op, x: Tensor) -> None:
    weight = op.params["weight"].astype(np.int64)
    if np.abs(weight).max(initial=0) > _WEIGHT_LIMIT:
        raise GraphError(f"{op.name}: weights must lie in -127..127, found {weight.min()}")
    # The recurrent weights of a GRU meet its int16 state, all others the op's input.
    low, high = integer_range("int16" if op.kind == "gru" else x.dtype)
    rows = np.abs(weight).reshape(weight.shape[0], -1).sum(axis=1)
    prove_accumulator(rows * max(-low, high) + np.abs(op.params["bias"].astype(np.int64)), op.name)


def integer_attributes(parameters: Any) -> dict[str, int]:
    """Return the plain integers among the fields of a `*Parameters` dataclass, as op attributes."""
    values = {f.name: getattr(parameters, f.name) for f in fields(parameters)}
    return {name: int(value) for name, value in values.items() if isinstance(value, int | np.integer)}


def integer_arrays(parameters: Any, dtype: str = "int32") -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays among the fields of a `*Parameters` dataclass, as op parameters of `dtype`."""
    values = {f.name: getattr(parameters, f.name) for f in fields(parameters)}
    return {name: value.astype(dtype) for name, value in values.items() if isinstance(value, np.ndarray)}
