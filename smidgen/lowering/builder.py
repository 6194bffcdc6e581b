"""The graph under construction: what every lowering rule reads from the float program and adds to the integer graph."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from smidgen.compression import FloatProgram, Plan
from smidgen.compression.plan import activation_dtype
from smidgen.compression.structure import holds_numbers, module_path, op_name, unsupported
from smidgen.errors import GraphError, UnsupportedError
from smidgen.ir.graph import Attribute, Graph, Op, Quantity, Tensor
from smidgen.numerics.quantization import QParams, qparams_for_range

Floats = NDArray[np.float64]

#: Types in which indices are received.
_INDEX_TYPES = {torch.int8: "int8", torch.int16: "int16"}

#: How truth values are held in integers: 0 and 1.
TRUTH = QParams(dtype="int8", scale=1.0)
Rule = Callable[["Builder", fx.Node], None]


class Builder:
    """Collects tensors and ops.

    `values` maps a float node to the tensor that holds it; `results` one with several results to a tensor for each,
    None for what no firmware computes.
    """

    def __init__(self, program: FloatProgram, plan: Plan, *, names: set[str] | None = None) -> None:
        """Begin a graph; the body of a loop shares the `names` of ops with the graph around it."""
        self.program = program
        self.plan = plan
        self.tensors: dict[str, Tensor] = {}
        self.ops: list[Op] = []
        self.values: dict[str, str] = {}
        self.results: dict[str, Sequence[str | None]] = {}
        self._makers: dict[str, Op] = {}
        self.names: set[str] = set() if names is None else names
        self._node_names = frozenset(node.name for node in program.nodes)

    @property
    def is_float(self) -> bool:
        """True when lowering to float32."""
        return self.plan.recipe.is_float

    # ---- reading the float program ----

    def constant(self, node: Any) -> Floats | None:
        """Return the value of a node that depends on weights alone as float64, None for anything else."""
        if isinstance(node, fx.Node) and node.name in self.program.constants:
            return np.asarray(self.program.constants[node.name].double().numpy())
        return None

    def weight(self, user: fx.Node, node: Any, what: str) -> Floats:
        """Return a weight of `user`; raise UnsupportedError if it is computed from an input."""
        value = self.constant(node)
        if value is None:
            raise self.unsupported(user, f"its {what} is computed from an input; it must be a parameter or a constant")
        if not np.isfinite(value).all():
            bad = int((~np.isfinite(value)).sum())
            raise self.unsupported(
                user,
                f"its {what} is computed from parameters, and {bad} of {value.size} values are NaN or infinite; clamp "
                "the parameter before the function that overflows",
            )
        return value

    def of_sample(self, node: fx.Node, data: Floats) -> Floats:
        """Return a constant operand of `node`, given at a batch of one, without the place that the batch takes."""
        value = node.meta["val"]
        batch_axis = self.program.batch.of(value)
        position = -1 if batch_axis is None else batch_axis - (value.dim() - data.ndim)
        return data if position < 0 else data.squeeze(position)

    def operand(self, node: Any) -> Tensor:
        """Return the tensor that holds an argument of an op: computed, or a constant in a scale of its own."""
        if node.name not in self.values:
            self.values[node.name] = self._constant_tensor(node).name
        return self.tensors[self.values[node.name]]

    def _constant_tensor(self, node: fx.Node) -> Tensor:
        data = self.of_sample(node, self.weight(node, node, "value")).reshape(self.shape(node))
        if self.is_float:
            return self.add_tensor(node.name, data.shape, None, data=data.astype(np.float32))
        dtype = activation_dtype(node, self.plan.recipe)
        qparams = qparams_for_range(float(data.min()), float(data.max()), dtype, symmetric=True)
        return self.add_tensor(node.name, data.shape, qparams, data=qparams.quantize(data).astype(dtype))

    def qparams(self, node: fx.Node) -> QParams | None:
        """Return how the node's value is quantised, None in a float32 program."""
        if self.is_float:
            return None
        dtype = node.meta["val"].dtype
        if node.name in self.plan.qparams:
            return self.plan.qparams[node.name]
        if dtype == torch.bool:
            return TRUTH
        if not dtype.is_floating_point:
            raise self.unsupported(node, f"its result is {dtype}; use it within a function of one and the same tensor")
        raise self.unsupported(node, "no range was observed for it during calibration")

    def quantization(self, node: fx.Node, *tensors: Tensor) -> list[QParams]:
        """Return how tensors of `node` are quantised; raise UnsupportedError where one is not."""
        plain = [tensor for tensor in tensors if tensor.qparams is None]
        if plain:
            raise self.unsupported(node, f"{plain[0].name} is {plain[0].dtype}; it takes quantised activations only")
        return [tensor.qparams for tensor in tensors if tensor.qparams is not None]

    def size(self, node: fx.Node, size: Any) -> int:
        """Return a size at a batch of one; raise UnsupportedError for one that something else decides."""
        fixed = self.program.batch.at_one(size)
        if fixed is None:
            raise self.unsupported(
                node,
                f"the axis of size {size} varies from call to call; only the batch may. Fix it: leave it out of "
                "dynamic_shapes",
            )
        return fixed

    def full_shape(self, node: fx.Node) -> tuple[int, ...]:
        """Return the shape of the node's value, its first, at a batch of one, the batch axis included."""
        return tuple(self.size(node, size) for size in _first_value(node).shape)

    def shape(self, node: fx.Node) -> tuple[int, ...]:
        """Return the shape of one sample of the node's value, of the first where it has several."""
        batch_axis = self.program.batch.of(_first_value(node))
        return tuple(size for axis, size in enumerate(self.full_shape(node)) if axis != batch_axis)

    def axis(self, node: fx.Node, source: fx.Node, axis: int) -> int:
        """Return an axis of `source`, along which `node` works, as an axis of one sample; refuse the batch axis."""
        value, batch = source.meta["val"], self.program.batch
        positive: int = axis % value.dim()
        sample_axis = batch.of(value)
        if positive == sample_axis or batch.varies(value.shape[positive]):
            raise self.unsupported(node, "it works along the batch axis; each sample must be computed alone")
        return positive - (sample_axis is not None and sample_axis < positive)

    def module_class(self, node: fx.Node) -> str:
        """Return the name of the class of the module that made the node, "" if none is known."""
        stack = node.meta.get("nn_module_stack") or {}
        return str(list(stack.values())[-1][1]).rpartition(".")[2] if stack else ""

    def unsupported(self, node: fx.Node, why: str) -> UnsupportedError:
        """Return the error that names an operator and the user's line."""
        return unsupported(node, why)

    # ---- writing the integer graph ----

    def op_name(self, node: fx.Node, suffix: str = "") -> str:
        """Return an unused name that follows the user's module path."""
        path, kind = module_path(node), op_name(node)
        leaf = self.module_class(node).lower() in (kind, kind.replace("_", ""))
        base = (path if leaf else f"{path}.{kind}".lstrip(".")) + suffix
        name, count = base, 1
        while name in self.names:
            count += 1
            name = f"{base}_{count}"
        self.names.add(name)
        return name

    def unexpanded(self, tensor: Tensor) -> Tensor:
        """Return what a tensor is copies of, where it is nothing else: with one element along the repeated axes."""
        maker = self._makers.get(tensor.name)
        while maker is not None and maker.kind == "strided_slice" and maker.attrs["step"] == 0:
            source, axis = self.tensors[maker.inputs[0]], maker.attrs["axis"]
            assert isinstance(axis, int)
            if source.shape[axis] != 1:
                break
            tensor, maker = source, self._makers.get(source.name)
        return tensor

    def unused(self, name: str) -> str:
        """Return a name for a tensor between the nodes of the float program."""
        candidate, count = name, 1
        while candidate in self.tensors or candidate in self._node_names:
            count += 1
            candidate = f"{name}_{count}"
        return candidate

    def add_tensor(
        self, name: str, shape: Sequence[int], qparams: QParams | None, dtype: str | None = None, data: Any = None
    ) -> Tensor:
        """Add a tensor; its type follows `qparams`, float32 where there are none."""
        chosen = dtype or (qparams.dtype if qparams else "float32")
        tensor = Tensor(name=name, shape=tuple(shape), dtype=chosen, qparams=qparams, data=data)
        self.tensors[name] = tensor
        return tensor

    def add_op(
        self,
        node: fx.Node,
        kind: str,
        inputs: Sequence[Tensor],
        output: Tensor,
        params: Mapping[str, NDArray[Any]] | None = None,
        attrs: Mapping[str, Attribute] | None = None,
        *,
        name: str | None = None,
        more: Sequence[Tensor] = (),
        body: Graph | None = None,
    ) -> None:
        """Append one op that computes `output`, and `more` beside it; a loop runs `body`."""
        op = Op(
            name=name or self.op_name(node),
            kind=kind,
            inputs=tuple(tensor.name for tensor in inputs),
            output=output.name,
            params=dict(params or {}),
            attrs=dict(attrs or {}),
            more=tuple(tensor.name for tensor in more),
            body=body,
        )
        self.ops.append(op)
        self._makers[output.name] = op

    def output(self, node: fx.Node, *, shape: Sequence[int] | None = None, qparams: QParams | None = None) -> Tensor:
        """Add and return the tensor that holds `node`, quantised as the plan says unless told otherwise."""
        chosen = qparams or self.qparams(node)
        tensor = self.add_tensor(node.name, self.shape(node) if shape is None else shape, chosen)
        self.values[node.name] = tensor.name
        return tensor

    def input(self, node: fx.Node) -> None:
        """Add the tensor of an input, with what the user said of its numbers."""
        dtype = node.meta["val"].dtype
        if dtype.is_floating_point or holds_numbers(node):
            tensor = self.output(node)
        else:
            tensor = self.add_tensor(node.name, self.shape(node), None, dtype=_INDEX_TYPES.get(dtype, "int32"))
            self.values[node.name] = tensor.name
        quantity = self.plan.quantities.get(node.name, Quantity())
        self.tensors[tensor.name] = replace(tensor, quantity=quantity)

    def integers(self, node: fx.Node, build: Callable[[], Any]) -> Any:
        """Compute integer parameters; a bound that cannot be proved is reported with the user's line."""
        try:
            return build()
        except GraphError as error:
            raise self.unsupported(node, str(error)) from error


def _first_value(node: fx.Node) -> torch.Tensor:
    value = node.meta["val"]
    first: torch.Tensor = value[0] if isinstance(value, tuple | list) else value
    return first
