"""The fake-quantised program as a module that trains: the model's parameters by their own names, and learned ranges.

A range is learned as the logarithm of its scale over the calibrated one (Jain et al. 2020, "Trained quantization
thresholds", Section 3.2): a scale stays positive, and one learning rate suits all, whatever their units. The gradient
of a scale is LSQ's (Esser et al. 2020), see `straight_through`.
"""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, fx, nn

from smidgen.compression.fake_quantization import fake_quantize
from smidgen.compression.inputs import Batch
from smidgen.compression.plan import Plan
from smidgen.compression.program import FloatProgram
from smidgen.numerics.quantization import QParams

aten = torch.ops.aten


class FakeQuantizedModule(nn.Module):
    """A program under a plan: a batch of inputs to a batch of outputs, as the firmware's integers give them.

    Parameters: `weights`, those of the user's module under its own names; `log_scales`, of every int8 activation that
    calibration ranged, where ranges are learned. 16 bits have room to spare, and states have scales by contract.
    """

    def __init__(self, program: FloatProgram, plan: Plan, *, learn_ranges: bool) -> None:
        super().__init__()
        self.plan = plan
        self._program = program
        self.weights = nn.Module()
        for name, value in zip(program.parameter_names, program.placeholders, strict=True):
            if name is not None and value is not None:
                _attach(self.weights, name, nn.Parameter(value.clone(), requires_grad=value.is_floating_point()))
        self._groups = _learnable(program, plan) if learn_ranges else {}
        self.log_scales = nn.ParameterDict({
            name: nn.Parameter(torch.zeros((), dtype=torch.float64)) for name in self._groups
        })  # fmt: skip

    def forward(self, *inputs: Tensor) -> Batch:
        """Return the outputs, each (B, *shape), differentiable in weights and scales."""
        scales = {
            name: self._scale(first, self.plan.qparams[first])
            for first, names in self._groups.items()
            for name in names
        }
        plan = replace(self.plan, qparams={**self.plan.qparams, **self.learned})
        return fake_quantize(self._trained, plan, inputs, scales)

    def float_outputs(self, *inputs: Tensor) -> Batch:
        """Return the outputs in floating point, of the weights as they are now."""
        return self._trained.run(inputs)

    @property
    def learned(self) -> Mapping[str, QParams]:
        """The quantisation of every activation whose range is learned, as it is now, by node."""
        found = {}
        for first, names in self._groups.items():
            calibrated = self.plan.qparams[first]
            scale = self._scale(first, calibrated).item()
            found.update(dict.fromkeys(names, replace(calibrated, scale=scale)))
        return found

    def write_weights(self, model: nn.Module) -> None:
        """Give the user's module, or a copy of it, the weights as they are now."""
        with torch.no_grad():
            for name, value in self.weights.named_parameters():
                model.get_parameter(name).copy_(value)

    @property
    def _trained(self) -> FloatProgram:
        names, values = self._program.parameter_names, self._program.placeholders
        placeholders = (
            value if name is None else self.weights.get_parameter(name)
            for name, value in zip(names, values, strict=True)
        )  # fmt: skip
        return replace(self._program, placeholders=tuple(placeholders))

    def _scale(self, first: str, calibrated: QParams) -> Tensor:
        ratio: Tensor = self.log_scales[first].exp()
        return calibrated.scale * ratio


def _attach(root: nn.Module, name: str, parameter: nn.Parameter) -> None:
    """Register a parameter under a dotted name, as it stands in the user's module."""
    *path, leaf = name.split(".")
    for part in path:
        if part not in dict(root.named_children()):
            root.add_module(part, nn.Module())
        root = root.get_submodule(part)
    root.register_parameter(leaf, parameter)


def _learnable(program: FloatProgram, plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return the nodes that share one learnable quantisation, by the first of them.

    They share it where one keeps the scale of another, or a concatenation that of its parts. Inputs come as the sensor
    gives them; counts and rows that are looked up keep their scale.
    """
    nodes = {node.name: node for part in (program, *program.bodies.values()) for node in part.nodes}
    groups: dict[int, list[str]] = {}
    for name, qparams in plan.qparams.items():
        groups.setdefault(id(qparams), []).append(name)
    fixed = set(program.input_names)
    return {
        names[0]: tuple(names)
        for names in groups.values()
        if plan.qparams[names[0]].dtype == "int8"
        and not fixed & set(names)
        and all(_is_ranged(nodes[name]) for name in names)
    }


def _is_ranged(node: fx.Node) -> bool:
    value = node.meta["val"]
    return isinstance(value, Tensor) and value.is_floating_point() and node.target is not aten.embedding.default
