"""The float program under a plan: quantised tensors rounded to what their integers can say, gradients passed straight.

This is the middle of the three rungs (float model, fake-quantised program, integer graph), and what trains in QAT.
Recurrences run in integers even here: their states are in the loop.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.inputs import Batch
from smidgen.compression.integer_recurrences import integer_recurrence
from smidgen.compression.plan import Plan
from smidgen.compression.program import FloatProgram
from smidgen.compression.stored_weight import stored_weight
from smidgen.compression.structure import COMPUTED, arguments, keeps_scale, label
from smidgen.compression.transposed_weight import correlation_weight
from smidgen.compression.weighted import WEIGHTED, WEIGHTED_TRANSPOSED
from smidgen.models.loop import loop
from smidgen.models.recurrent_layers import RECURRENT_LAYERS
from smidgen.numerics.fixed_point import integer_range
from smidgen.numerics.quantization import QParams, qparams_for_range

aten = torch.ops.aten

#: Operators that take a constant operand (learned positions, a gain by channel) in the type of their result.
_CONSTANT_OPERANDS = (aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor)


def fake_quantize(
    program: FloatProgram, plan: Plan, inputs: Batch, scales: Mapping[str, Tensor] | None = None
) -> Batch:
    """Run a batch with weights and activations rounded as `plan` says; differentiable by straight-through.

    Recurrences give what their integers give (`integer_recurrences`), and the gradients of the float ones. Args:
    scales, by node: float64 scalars equal to those of the plan, for the gradients by which they are learned.
    """
    return program.run(inputs, _FakeQuantizer(program, plan, scales or {}))


def record_fake_quantized(program: FloatProgram, plan: Plan, inputs: Batch) -> dict[str, Tensor]:
    """Run a batch under `plan` and return the value of every node, as `FloatProgram.record` does."""
    return program.record(inputs, _FakeQuantizer(program, plan, {}))


def straight_through(value: Tensor, qparams: QParams, scale: Tensor | None = None) -> Tensor:
    """Round a tensor to the values of `qparams`; the gradient is 1 inside the range and 0 beyond it.

    A `scale` that is learned, equal to that of `qparams`, takes the gradient of LSQ (Esser et al. 2020, eq. 3): what
    rounding adds inside the range, in steps, and the end of the range beyond it.
    """
    low, high = integer_range(qparams.dtype)
    step = qparams.scale if scale is None else scale
    steps = value / step + qparams.zero_point
    inside = steps.clamp(low, high)
    rounded = inside.round().detach() + (inside - inside.detach())  # exactly the integer: comparisons see it
    return ((rounded.double() - qparams.zero_point) * step).to(value.dtype)


class _FakeQuantizer(fx.Interpreter):
    def __init__(self, program: FloatProgram, plan: Plan, scales: Mapping[str, Tensor]) -> None:
        super().__init__(program.graph_module)
        self._plan = plan
        self._scales = scales
        self._constants = program.constants
        self._parts = program.structure.split_parts
        self._split_parts = {part.name for parts in self._parts.values() for part, _, _ in parts}
        self._bodies = {name: _FakeQuantizer(body, plan, scales) for name, body in program.bodies.items()}

    def fetch_args_kwargs_from_env(self, n: fx.Node) -> Any:
        args, kwargs = super().fetch_args_kwargs_from_env(n)
        result = self._plan.qparams.get(n.name)
        if result is not None and n.target in _CONSTANT_OPERANDS:
            operands = [self._round_operand(node, value, result) for node, value in zip(n.args, args, strict=True)]
            args = tuple(operands)
        if not self._plan.recipe.is_float and n.meta[COMPUTED]:  # what only constants make is stored as its result
            if n.target in WEIGHTED_TRANSPOSED or (n.target is aten.convolution.default and arguments(n)["transposed"]):
                groups = arguments(n)["groups"]
                rounded = self._round_weight(n, correlation_weight(args[1], groups), *args[2:3])
                args = (args[0], correlation_weight(rounded, groups), *args[2:])  # the function is its own inverse
            elif n.target in WEIGHTED:
                args = (args[0], self._round_weight(n, args[1], *args[2:3]), *args[2:])
        return args, kwargs

    def run_node(self, node: fx.Node) -> Any:
        if node.name in self._bodies:
            args, _ = self.fetch_args_kwargs_from_env(node)
            return loop(self._bodies[node.name].run, *args[1:])
        result = super().run_node(node)
        qparams = self._plan.qparams.get(node.name)
        moves_only = node.meta[COMPUTED] and keeps_scale(node) and node.name not in self._split_parts
        if qparams is None or moves_only or not isinstance(result, Tensor):
            return result
        rounded = straight_through(result, qparams, self._scales.get(node.name))
        values, _ = super().fetch_args_kwargs_from_env(node)
        states = integer_recurrence(node, values, self._plan)
        return rounded if states is None else rounded + (states - rounded).detach()

    def _round_operand(self, node: Any, value: Any, result: QParams) -> Any:
        """Round a constant tensor to what an operand of the result's type can say; pass anything else."""
        if not isinstance(node, fx.Node) or node.name not in self._constants or value.numel() == 1:
            return value
        low, high = value.min().item(), value.max().item()
        return straight_through(value, qparams_for_range(low, high, result.dtype, symmetric=True))

    def _round_weight(self, node: fx.Node, weight: Tensor, bias: Tensor | None = None) -> Tensor:
        """Round a weight as it is stored; each part of a layer that is split is stored by itself."""
        codec, real = self._plan.recipe.weight_for(label(node)), weight.detach().numpy()
        multiplied = node if node.target in RECURRENT_LAYERS else node.all_input_nodes[0]
        x, decoded = self._plan.qparams[multiplied.name], real.copy()
        for _, start, stop in self._parts.get(node.name, ((None, 0, len(real)),)):
            beside = None if bias is None else bias.detach().numpy()[start:stop]
            decoded[start:stop] = stored_weight(codec, real[start:stop], beside, x).decode()
        return weight + (torch.from_numpy(decoded) - weight).detach()
