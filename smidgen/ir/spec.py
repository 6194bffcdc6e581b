"""What is a legal graph: its wiring, types, attributes, parameters and shapes; each form proves its integer sums."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.ir.clock import EVERY_FRAME
from smidgen.ir.graph import DTYPE_BYTES, Graph, Op, Tensor
from smidgen.ir.ops import OP_SPECS, Operands, element_limit, states_of
from smidgen.ir.ops.loop import check_ports
from smidgen.ir.ops.op_spec import Legal
from smidgen.numerics import tables
from smidgen.numerics.fixed_point import integer_range

#: What integer kernels read and write, but for indices.
_ACTIVATIONS = ("int8", "int16")


def check_graph(graph: Graph) -> None:
    """Raise GraphError, naming the op, unless the graph is well formed and its accumulators provably fit."""
    if not graph.inputs or not graph.outputs:
        raise GraphError(f"graph {graph.name} needs at least one input and one output")
    constants = [name for name, tensor in graph.tensors.items() if tensor.data is not None]
    known = {*graph.inputs, *constants}
    for name, tensor in graph.tensors.items():
        _check_tensor(name, tensor)
    _check_unique([op.name for _, op in graph.nested_ops()], "op name")
    _check_unique(
        [*graph.inputs, *constants, *(name for op in graph.ops for name in op.outputs)], "tensor to be written"
    )
    _check_unique(graph.outputs, "output")
    for op in graph.ops:
        for name in op.inputs:
            if name not in known:
                raise GraphError(f"{op.name}: input {name!r} is read before anything writes it")
        _check_op(graph, op)
        known.update(op.outputs)
    written = {name for op in graph.ops for name in op.outputs}
    missing = [name for name in graph.outputs if name not in written]
    if missing:
        raise GraphError(f"graph {graph.name}: no op writes output {missing[0]!r}")
    _check_clocks(graph)


def _check_clocks(graph: Graph) -> None:
    """In a step graph an op runs only at frames that give it all operands, and all outputs come together."""
    if not graph.is_step:
        if graph.frame_limit is not None or any(op.clock != EVERY_FRAME for op in graph.ops):
            raise GraphError(f"graph {graph.name} runs windows; clocks and a frame limit belong to a step graph")
        kept = [op.name for op in graph.ops if OP_SPECS[op.kind].result_state is not None]
        if kept:
            raise GraphError(f"{kept[0]}: its result is a state, which only a step graph keeps")
        return
    if graph.frame_limit is not None and graph.frame_limit < 1:
        raise GraphError(f"graph {graph.name}: a recording must have at least one frame, not {graph.frame_limit}")
    clocks = dict.fromkeys(graph.inputs, EVERY_FRAME)
    for op in graph.ops:
        for name in op.inputs:
            if graph[name].data is None and not op.clock.within(clocks[name]):
                raise GraphError(f"{op.name} runs {op.clock}, its operand {name} is there {clocks[name]}")
        clocks.update(dict.fromkeys(op.outputs, op.clock))
        most = element_limit(graph, op)
        if most is not None and (graph.frame_limit is None or op.clock.count(graph.frame_limit) > most):
            raise GraphError(
                f"{op.name} takes {most} elements from reset at most, so the graph must stop after "
                f"{op.clock.frames_for(most)} frames; its limit is {graph.frame_limit or 'none'}"
            )
        for state in states_of(graph, op):
            if state.first is not None and graph[state.first].data is None:
                raise GraphError(f"{op.name} begins from {state.first}, which must be a constant in a step graph")
        if OP_SPECS[op.kind].result_state is not None and op.output in graph.outputs:
            raise GraphError(f"{op.name}: its result {op.output} is a state and no output; give a reshape of it")
    different = sorted({str(clocks[name]) for name in graph.outputs})
    if len(different) > 1:
        raise GraphError(f"graph {graph.name}: outputs come {' and '.join(different)}; they need one clock")
    answers = clocks[graph.outputs[0]]
    if graph.frame_limit is not None and answers.count(graph.frame_limit) == 0:
        raise GraphError(
            f"graph {graph.name} never answers: its outputs come {answers}, and it must stop after frame "
            f"{graph.frame_limit}"
        )


def _check_tensor(name: str, tensor: Tensor) -> None:
    if tensor.name != name:
        raise GraphError(f"tensor {tensor.name!r} is stored under the name {name!r}")
    if tensor.dtype not in DTYPE_BYTES:
        raise GraphError(f"tensor {name}: unknown type {tensor.dtype!r}; expected one of {', '.join(DTYPE_BYTES)}")
    if any(size < 1 for size in tensor.shape):
        raise GraphError(f"tensor {name}: every axis must have at least one element, got {tensor.shape}")
    if tensor.quantity.axes and len(tensor.quantity.axes) != len(tensor.shape):
        raise GraphError(f"tensor {name} has shape {tensor.shape}, but {len(tensor.quantity.axes)} names of axes")
    if tensor.qparams is not None and tensor.qparams.dtype != tensor.dtype:
        raise GraphError(f"tensor {name} is {tensor.dtype}, its quantisation is for {tensor.qparams.dtype}")
    if tensor.data is not None and (tensor.data.shape != tensor.shape or tensor.data.dtype != tensor.dtype):
        raise GraphError(
            f"tensor {name} is {tensor.dtype} {tensor.shape}, its data {tensor.data.dtype} {tensor.data.shape}"
        )
    if tensor.data is not None:
        _check_activations(f"tensor {name}", tensor.data, tensor.dtype)


def _check_activations(what: str, array: NDArray[Any], dtype: str) -> None:
    """Integer activations are within the range on which every proof counts: int16 has no -32768."""
    if dtype == "int16" and array.min(initial=0) < integer_range(dtype)[0]:
        raise GraphError(f"{what} holds {array.min()}; int16 activations lie in -32767..32767")


def _check_unique(names: Sequence[str], what: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise GraphError(f"{what} {name!r} occurs twice")
        seen.add(name)


def _check_op(graph: Graph, op: Op) -> None:
    if op.kind not in OP_SPECS:
        raise GraphError(f"{op.name}: unknown kind {op.kind!r}; expected one of {', '.join(OP_SPECS)}")
    spec = OP_SPECS[op.kind]
    if len(op.inputs) != (spec.arity or max(1, len(op.inputs))):
        raise GraphError(f"{op.name}: {op.kind} takes {spec.arity or 'one or more'} inputs, got {len(op.inputs)}")
    if (op.body is None) == (op.kind == "loop"):
        raise GraphError(f"{op.name}: a loop has a body, and nothing else has; found {op.kind}")
    x, y, more = graph.operands(op), graph[op.output], tuple(graph[name] for name in op.more)
    is_float = spec.is_float(x, y)
    operands = x[1:] if spec.takes_indices else x
    typed = [tensor for tensor in (*operands, y, *more) if not (tensor is y and spec.gives_indices)]
    if op.body is None and any(tensor.is_float != is_float for tensor in typed):
        raise GraphError(f"{op.name}: cannot mix float32 and integers in one {op.kind}")
    form = spec.float32 if is_float else spec.integer
    if form is None:
        raise GraphError(f"{op.name}: {op.kind} has no {'float32' if is_float else 'integer'} form")
    if spec.moves:
        _check_same_type(op, x, y)
    elif not is_float and op.body is None:
        _check_scales(op, (*operands, *more) if spec.gives_indices else (*operands, y, *more))
    _check_attributes(op, form.legal_attrs(op))
    _check_params(op, form.legal_params(op), y)
    shape = spec.shape(op, x)
    if shape != y.shape:
        raise GraphError(f"{op.name}: {op.kind} gives {shape}, output {y.name} is declared {y.shape}")
    declared = tuple((tensor.shape, tensor.dtype) for tensor in more)
    if declared and declared != spec.more(op, x, y):
        raise GraphError(f"{op.name}: beside its output {op.kind} gives {spec.more(op, x, y)}, declared is {declared}")
    _check_param_sizes(op, form.legal_params(op), x, y)
    form.prove(op, x, y)
    if op.body is not None:
        _check_body(op, op.body, x, (y, *more))


def _check_body(op: Op, body: Graph, x: Operands, results: Operands) -> None:
    if body.is_step:
        raise GraphError(f"{op.name}: its body {body.name} is a step graph; the loop carries its states")
    check_graph(body)
    check_ports(op, x, results)


def _check_same_type(op: Op, x: Operands, y: Tensor) -> None:
    if any((tensor.dtype, tensor.qparams) != (y.dtype, y.qparams) for tensor in x):
        raise GraphError(f"{op.name}: {op.kind} only moves elements; type and scale must stay as they are")


def _check_scales(op: Op, activations: Operands) -> None:
    """Integers other than indices mean nothing without a scale, and kernels compute with 8 or 16 bits."""
    for tensor in activations:
        if tensor.qparams is None or tensor.dtype not in _ACTIVATIONS:
            found = tensor.dtype if tensor.qparams else f"{tensor.dtype} without a scale"
            raise GraphError(
                f"{op.name}: {tensor.name} is {found}; {op.kind} computes with {' and '.join(_ACTIVATIONS)}, quantise "
                "it to one of them"
            )


def _listed(values: range) -> str:
    return ", ".join(map(str, values))


def _check_attributes(op: Op, legal: Mapping[str, Legal]) -> None:
    if set(op.attrs) != set(legal):
        raise GraphError(f"{op.name}: attributes must be {sorted(legal)}, got {sorted(op.attrs)}")
    for key, values in legal.items():
        value = op.attrs[key]
        if isinstance(values, range):
            if type(value) is not int or value not in values:
                told = (
                    f"lie in {values.start}..{values.stop - 1}" if values.step == 1 else f"be one of {_listed(values)}"
                )
                raise GraphError(f"{op.name}: {key} must {told}, got {value!r}")
        elif type(value) is not values or (isinstance(value, float) and not math.isfinite(value)):
            raise GraphError(f"{op.name}: {key} must be a finite {values.__name__}, got {value!r}")
        elif isinstance(value, tuple) and not all(type(item) is int and item >= 0 for item in value):
            raise GraphError(f"{op.name}: {key} must hold whole numbers, got {value!r}")


def _check_params(op: Op, expected: Mapping[str, tuple[str, str]], y: Tensor) -> None:
    if set(op.params) != set(expected):
        raise GraphError(f"{op.name}: parameters must be {sorted(expected)}, got {sorted(op.params)}")
    for role, (dtype, axes) in expected.items():
        array, wanted = op.params[role], y.dtype if dtype == "activation" else dtype
        if array.dtype != wanted or array.ndim != len(axes):
            raise GraphError(
                f"{op.name}: {role} must be {wanted} with {len(axes)} axes, got {array.dtype} {array.shape}"
            )
        if dtype == "activation":
            _check_activations(f"{op.name}: {role}", array, wanted)
        if role.endswith("multiplier") and role != "skip_multiplier" and array.min(initial=0) < 0:
            raise GraphError(f"{op.name}: {role} must not be negative, found {array.min()}")


def _check_param_sizes(op: Op, expected: Mapping[str, tuple[str, str]], x: Operands, y: Tensor) -> None:
    letters = {letter for _, axes in expected.values() for letter in axes}
    if letters & {"i", "o", "n"} and not (x[0].shape and y.shape):
        raise GraphError(f"{op.name}: {op.kind} works along the last axis, {x[0].name} has none")
    last = [tensor.shape[-1] if tensor.shape else 1 for tensor in (x[0], y, x[-1])]
    sizes = {
        "i": last[0], "o": last[1], "n": last[2], "k": tables.INT16_KNOTS,
        "t": tables.INT16_KNOTS if x[0].dtype == "int16" else tables.INT8_ENTRIES,
    }  # fmt: skip
    for role, (_, axes) in expected.items():
        actual = op.params[role].shape
        wanted = tuple(sizes.get(axis, size) for axis, size in zip(axes, actual, strict=True))
        if actual != wanted:
            raise GraphError(f"{op.name}: {role} must have shape {wanted}, got {actual}")


def integer_attributes(parameters: Any) -> dict[str, int]:
    """Return the plain integers among the fields of a `*Parameters` dataclass, as op attributes."""
    values = {f.name: getattr(parameters, f.name) for f in fields(parameters)}
    return {name: int(value) for name, value in values.items() if isinstance(value, int | np.integer)}


def integer_arrays(parameters: Any, dtype: str = "int32") -> dict[str, np.ndarray[Any, Any]]:
    """Return the arrays among the fields of a `*Parameters` dataclass, as op parameters of `dtype`."""
    values = {f.name: getattr(parameters, f.name) for f in fields(parameters)}
    return {name: value.astype(dtype) for name, value in values.items() if isinstance(value, np.ndarray)}
