"""Which integers stand for which activation: quantisation parameters by node, from calibration and a recipe."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx

from smidgen.compression.calibration import Calibration, Observation
from smidgen.compression.loop_node import CARRIED, LoopNode, is_loop
from smidgen.compression.loop_states import enter_loop, leave_loop
from smidgen.compression.program import FloatProgram
from smidgen.compression.recipe import Recipe
from smidgen.compression.states import state_qparams
from smidgen.compression.structure import effective_users, holds_numbers, keeps_scale, label, op_name, readers
from smidgen.compression.weighted import has_weight
from smidgen.errors import ConfigError
from smidgen.ir import Quantity
from smidgen.models.linear_attention import linear_attention
from smidgen.models.recurrent_layers import RECURRENT_LAYERS, rnn_relu
from smidgen.numerics.quantization import QParams

aten = torch.ops.aten

_LARGEST_INT16 = 32767
_SCANS = (torch.ops.smidgen.selective_scan.default, torch.ops.smidgen.ssd_scan.default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """How the firmware receives an input, where the sensor decides it and not calibration, and what its numbers are."""

    dtype: str | None = None  # "int8" or "int16"; None: the recipe and calibration decide type and scale
    scale: float | None = None
    zero_point: int = 0
    unit: str = ""  # of the real value, e.g. "dBm"; with axes and description it reaches the header and the manifest
    axes: tuple[str, ...] = ()  # one name an axis without batch, e.g. ("time", "access point")
    description: str = ""  # e.g. "127 = not heard"

    def __post_init__(self) -> None:
        if (self.dtype is None) != (self.scale is None):
            raise ConfigError(
                f"an input is declared by type and scale together, got dtype={self.dtype!r}, scale={self.scale!r}"
            )
        _ = self.quantity  # checks its text

    @property
    def qparams(self) -> QParams | None:
        """The same as quantisation parameters, None where calibration decides them."""
        if self.dtype is None or self.scale is None:
            return None
        return QParams(dtype=self.dtype, scale=self.scale, zero_point=self.zero_point)

    @property
    def quantity(self) -> Quantity:
        """What the numbers are."""
        return Quantity(unit=self.unit, axes=self.axes, description=self.description)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Quantisation of one program: `qparams` by materialised node (empty for float32), and the weights' codec.

    `ranges` holds the lowest and highest value that calibration saw, by node.
    """

    recipe: Recipe
    qparams: Mapping[str, QParams]
    state_peaks: Mapping[str, NDArray[np.float64]]
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    quantities: Mapping[str, Quantity] = field(default_factory=dict)  # by declared input


def make_plan(
    program: FloatProgram, calibration: Calibration | None, recipe: Recipe, inputs: Mapping[str, Input] | None = None
) -> Plan:
    """Choose the quantisation of every activation.

    Args: calibration, None only for a float32 recipe; inputs, declared inputs by name.
    Raises ConfigError for an unknown input name, missing calibration, or a rule that matches no activation.
    """
    if not isinstance(inputs, Mapping | None) or not all(isinstance(port, Input) for port in (inputs or {}).values()):
        raise ConfigError(f"inputs are declared by name, as {{'rssi': Input(dtype='int8')}}, got {inputs!r}")
    declared = dict(inputs or {})
    unknown = set(declared) - set(program.input_names)
    if unknown:
        raise ConfigError(
            f"the model has no input {sorted(unknown)[0]!r}; its inputs are {', '.join(program.input_names)}"
        )
    for name, shape in zip(program.input_names, program.input_shapes, strict=True):
        axes = declared[name].axes if name in declared else ()
        if axes and len(axes) != len(shape):
            raise ConfigError(f"input {name} has shape {shape} without batch, but {len(axes)} names of axes: {axes}")
    quantities = {name: port.quantity for name, port in declared.items()}
    if recipe.is_float:
        return Plan(recipe=recipe, qparams={}, state_peaks={}, quantities=quantities)
    if calibration is None:
        raise ConfigError(
            f"recipe {recipe.name} needs calibration windows; pass calibration=windows of the training set"
        )
    unknown = set(calibration.learned) - {
        node.name for part in (program, *program.bodies.values()) for node in part.nodes
    }
    if unknown:
        raise ConfigError(
            f"the ranges were learned for another model: this one computes no {sorted(unknown)[0]!r}; give the "
            "model and the calibration of one training"
        )
    parts = (program, *program.bodies.values())
    chosen = [node for part in parts for node in _materialised(part) if not _keeps_source(part, node)]
    recipe.check_matches(
        [text for node in chosen for text in _labels(node)],
        [label(node) for part in parts for node in part.nodes if has_weight(node)],
        [text for node in chosen if node.target in _SCANS for text in _labels(node)],
    )
    qparams = {name: port.qparams for name, port in declared.items() if port.qparams is not None}
    _choose_all(program, calibration, recipe, qparams)
    ranges = {name: (seen.low, seen.high) for name, seen in calibration.observations.items()}
    return Plan(
        recipe=recipe, qparams=qparams, state_peaks=calibration.state_peaks, ranges=ranges, quantities=quantities
    )


def _choose_all(
    program: FloatProgram, calibration: Calibration, recipe: Recipe, qparams: dict[str, QParams]
) -> None:  # fmt: skip
    """Add the quantisation of every activation that has none yet, those within loops too."""
    for node in _materialised(program):
        if is_loop(node):
            found, body = LoopNode.of(node), program.bodies[node.name]
            enter_loop(found, body, calibration, qparams)
            _choose_all(body, calibration, recipe, qparams)
            leave_loop(found, qparams)
        elif node.name not in qparams:
            chosen = _choose(program, node, calibration, recipe, qparams)
            if chosen is not None:
                qparams[node.name] = chosen
    _share_with_concat(program, qparams)


def _materialised(program: FloatProgram) -> list[fx.Node]:
    return [node for node in program.nodes if node.name in program.structure.materialised]


def _choose(
    program: FloatProgram, node: fx.Node, calibration: Calibration, recipe: Recipe, known: Mapping[str, QParams]
) -> QParams | None:
    if _keeps_source(program, node):
        source = known.get(node.all_input_nodes[0].name)  # None where the source itself is not quantised
        if source is not None or node.target is not operator.getitem:
            return source
    state = state_qparams(program, node, calibration)
    if state is not None:
        return state
    if _joins_states(node):
        return known.get(node.all_input_nodes[0].name)
    if node.name not in calibration.observations:
        return None
    seen = _seen_table(program, node) or calibration.observations[node.name]
    if node.op == "placeholder" and not node.meta["val"].dtype.is_floating_point:
        return _whole_numbers(node, calibration) if holds_numbers(node) else None
    if not node.meta["val"].dtype.is_floating_point:
        return _computed_whole_numbers(node, seen)
    users = effective_users(node)
    symmetric = any(_needs_symmetric(user) for user, _ in users)
    dtype = "int16" if node.meta.get(CARRIED) else activation_dtype(node, recipe)
    learned = calibration.learned.get(node.name)
    if learned is not None and learned.dtype == dtype:
        return learned
    return seen.qparams(dtype, symmetric=symmetric)


def activation_dtype(node: fx.Node, recipe: Recipe) -> str:
    """Return the type of an activation: that which an operator's contract asks for, else what the recipe says."""
    return _required_dtype(effective_users(node)) or recipe.activation_for(_labels(node))


def scan_state_dtype(node: fx.Node, recipe: Recipe) -> str:
    """Return the type in which a scan carries its states."""
    return recipe.scan_state_for(_labels(node))


def _computed_whole_numbers(node: fx.Node, seen: Observation) -> QParams | None:
    """Return how counts are held: as they are, in int8 where twice what was seen fits; None for positions."""
    peak = max(-seen.low, seen.high)
    if node.target in _POSITIONS or node.meta["val"].dtype == torch.bool or peak > _LARGEST_INT16:
        return None
    return QParams(dtype="int8" if 2 * peak <= 127 else "int16", scale=1.0)


def _seen_table(program: FloatProgram, node: fx.Node) -> Observation | None:
    """Return the range of every row that an embedding may look up, None for any other node."""
    weight = node.args[0] if node.target is aten.embedding.default else None
    if not isinstance(weight, fx.Node) or weight.name not in program.constants:
        return None
    table = program.constants[weight.name]
    return Observation(low=table.min().item(), high=table.max().item())


def _whole_numbers(node: fx.Node, calibration: Calibration) -> QParams:
    """Return how an input of whole numbers, or of truth values, is received: as it is."""
    seen, dtype = calibration.observations[node.name], node.meta["val"].dtype
    if max(-seen.low, seen.high) > _LARGEST_INT16:
        raise ConfigError(
            f"input {node.name} is {dtype} and holds {seen.low:g} to {seen.high:g}; a firmware takes whole numbers of "
            f"up to {_LARGEST_INT16}. Scale it before the model, and give it as float32"
        )
    return QParams(dtype="int8" if dtype in (torch.int8, torch.bool) else "int16", scale=1.0)


def _labels(node: fx.Node) -> list[str]:
    """Return what rules match: the activation's own label and one for every operator that reads it."""
    return [label(node), *(f"feeds:{name}" for user, _ in effective_users(node) for name in _names(user))]


def _names(user: fx.Node) -> list[str]:
    """Return what an operator is called; the input projection of a recurrent layer counts as the layer too."""
    layers = [reader for reader in user.users if reader.target in RECURRENT_LAYERS]
    return [op_name(user), *(op_name(layer) for layer in layers if layer.args[0] is user)]


def _keeps_source(program: FloatProgram, node: fx.Node) -> bool:
    """True for a node that only moves elements, other than a part of a split layer, which has a range of its own."""
    parts = program.structure.split_parts.values()
    return keeps_scale(node) and not any(node is part for group in parts for part, _, _ in group)


def _needs_symmetric(user: fx.Node) -> bool:
    """Products of two computed operands take no zero points."""
    if user.target in _MULTIPLIES_OPERANDS:
        return True
    return user.target is aten.mul.Tensor and len(user.all_input_nodes) == 2


_MULTIPLIES_OPERANDS = (
    aten.scaled_dot_product_attention.default, *_SCANS, linear_attention, aten.matmul.default, aten.bmm.default,
    aten.mm.default,
)  # fmt: skip


#: Operators that give positions, which are int32.
_POSITIONS = (aten.argmax.default, aten.argmin.default)


def _joins_states(node: fx.Node) -> bool:
    """True for both directions of a gated or tanh layer side by side: they have one scale already."""
    parts = node.all_input_nodes
    return node.target is aten.cat.default and all(
        part.target in RECURRENT_LAYERS and part.target is not rnn_relu and part.args[3] is None for part in parts
    )


def _required_dtype(users: list[tuple[fx.Node, fx.Node]]) -> str | None:
    """Return the type that an operator's contract asks for, None where the recipe is free, as for what a scan scans.

    What meets a state on its way to the next one keeps 16 bits, but for parts of a concatenation, which takes them in
    its own scale.
    """
    asking = (user for user, operand in users if not (user.target in _SCANS and operand is user.args[0]))
    wide = (user.target in (*_SCANS, *RECURRENT_LAYERS) or _meets_state(user) for user in asking)
    return "int16" if any(wide) else None


def _meets_state(user: fx.Node) -> bool:
    return bool(user.meta.get(CARRIED)) and user.target is not aten.cat.default


def _share_with_concat(program: FloatProgram, qparams: dict[str, QParams]) -> None:
    """Give an activation that only a concatenation reads the quantisation of the whole: it then needs no rescaling."""
    for node in program.nodes:
        if node.target is aten.cat.default and node.name in qparams:
            for part in node.all_input_nodes:
                free = part.op != "placeholder" and part.target not in RECURRENT_LAYERS and not part.meta.get(CARRIED)
                if free and part.name in qparams and readers(part) == [node]:
                    qparams[part.name] = qparams[node.name]
