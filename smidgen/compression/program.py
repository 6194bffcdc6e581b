"""The float program: a user's module as torch.export captures it, fixed at import and never rewritten.

Everything that follows (calibration, fake quantisation, lowering) reads this one graph.
"""

import copy
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram, ShapesCollection, export
from torch.export.graph_signature import InputKind, OutputKind, TensorArgument

from smidgen.compression.structure import Structure, analyse
from smidgen.errors import ConfigError, ExportError

Batch = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatProgram:
    """A functional float graph with its weights.

    `constants` holds every node that depends on weights alone (weights themselves, -exp(A_log), sliced positions).
    """

    graph_module: fx.GraphModule
    placeholders: tuple[Tensor | None, ...]  # value of each placeholder, None for the user's inputs
    input_names: tuple[str, ...]
    input_shapes: tuple[tuple[int, ...], ...]  # without batch
    input_dtypes: tuple[torch.dtype, ...]
    output_names: tuple[str, ...]
    output_positions: tuple[int, ...]  # among what the graph returns, which also holds inputs that a model changed
    constants: dict[str, Tensor]
    structure: Structure

    @property
    def nodes(self) -> Iterable[fx.Node]:
        """All nodes in execution order."""
        return self.graph_module.graph.nodes

    @property
    def parameter_count(self) -> int:
        """Number of trained values."""
        return sum(value.numel() for value in self.placeholders if value is not None)

    def run(
        self, inputs: Sequence[Tensor], interpreter: type[fx.Interpreter] | fx.Interpreter = fx.Interpreter
    ) -> Batch:
        """Run a batch through the graph, by default as it is; returns the outputs."""
        runner = interpreter(self.graph_module) if isinstance(interpreter, type) else interpreter
        remaining = iter(inputs)
        arguments = [value if value is not None else next(remaining) for value in self.placeholders]
        result = runner.run(*arguments)
        return tuple(result[position] for position in self.output_positions)

    def check_inputs(self, inputs: Sequence[Tensor]) -> None:
        """Raise ConfigError unless `inputs` are this program's, finite, each with a leading batch axis."""
        if len(inputs) != len(self.input_names):
            raise ConfigError(f"the model takes {len(self.input_names)} inputs {self.input_names}, got {len(inputs)}")
        declared = zip(self.input_names, self.input_shapes, self.input_dtypes, inputs, strict=True)
        for name, shape, dtype, value in declared:
            if value.shape[1:] != shape or value.dtype != dtype or value.shape[0] != inputs[0].shape[0]:
                raise ConfigError(
                    f"input {name} must be {dtype} (batch, {', '.join(map(str, shape))}) with one batch size for all "
                    f"inputs, got {value.dtype} {tuple(value.shape)}"
                )
            if not torch.isfinite(value).all():
                raise ConfigError(f"input {name} holds NaN or infinity; give the code of a missing reading instead")


def import_model(model: nn.Module | ExportedProgram, example_input: Tensor | Batch) -> FloatProgram:
    """Capture a module at a free batch size.

    Args: model, left untouched (it is copied first); example_input, a tensor or a tuple of them, batch first.
    Raises ExportError where torch.export cannot capture it, or a weight is not finite.
    """
    example = as_batch(example_input)
    if not isinstance(model, nn.Module | ExportedProgram):
        raise ConfigError(f"expected a torch.nn.Module or an ExportedProgram, got {type(model).__name__}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations, and nn.GRU's flattened weights
        exported = model if isinstance(model, ExportedProgram) else _export(model, example)
        exported = exported.run_decompositions({})
    placeholders = tuple(
        None if spec.kind is InputKind.USER_INPUT else _stored_value(exported, str(spec.target))
        for spec in exported.graph_signature.input_specs
    )
    names = tuple(exported.graph_signature.user_inputs)
    graph_module = exported.graph_module
    constants = _fold_constants(graph_module, placeholders)
    positions = _output_positions(exported)
    output_node = next(node for node in graph_module.graph.nodes if node.op == "output")
    outputs = tuple(output_node.args[0][position].name for position in positions)
    return FloatProgram(
        graph_module=graph_module,
        placeholders=placeholders,
        input_names=tuple(str(name) for name in names),
        input_shapes=tuple(tuple(x.shape[1:]) for x in example),
        input_dtypes=tuple(x.dtype for x in example),
        output_names=outputs,
        output_positions=positions,
        constants=constants,
        structure=analyse(graph_module.graph, set(constants)),
    )


def as_batch(inputs: Any) -> Batch:
    """Return a tensor or a sequence of tensors as a tuple of tensors."""
    values = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs) if isinstance(inputs, Iterable) else ()
    if not values or not all(isinstance(value, Tensor) for value in values):
        raise ConfigError("inputs must be a tensor or a tuple of tensors, batch first")
    return values


def batches(data: Any, size: int = 256) -> Iterator[Batch]:
    """Yield batches of at most `size` from a tensor, a tuple of tensors, or an iterable of either."""
    if isinstance(data, Tensor) or (isinstance(data, tuple) and all(isinstance(value, Tensor) for value in data)):
        whole = as_batch(data)
        for start in range(0, whole[0].shape[0], size):
            yield tuple(value[start : start + size] for value in whole)
        return
    if not isinstance(data, Iterable):
        raise ConfigError(f"expected a tensor, a tuple of tensors or an iterable of such, got {type(data).__name__}")
    for part in data:
        yield as_batch(part)


def _export(model: nn.Module, example: Batch) -> ExportedProgram:
    copied = copy.deepcopy(model).eval()
    # A batch of one specialises to one, so that the example is doubled where it has to be.
    doubled = tuple(torch.cat([x, x]) if x.shape[0] == 1 else x for x in example)
    free_batch: Any = ShapesCollection()  # type: ignore[no-untyped-call]
    for x in doubled:
        free_batch[x] = {0: Dim.DYNAMIC}
    try:
        return export(copied, doubled, dynamic_shapes=free_batch.dynamic_shapes(copied, doubled))
    except Exception as error:  # torch.export raises many unrelated types
        reason = " ".join(str(error).split("\n\n")[0].split()).rstrip(".") or type(error).__name__
        raise ExportError(
            f"torch.export cannot capture {type(model).__name__}: {reason}. "
            "Remove control flow that depends on values, and keep the batch as the first, free axis"
        ) from error


def _output_positions(exported: ExportedProgram) -> tuple[int, ...]:
    """Return which of the graph's results the user returns; refuse state that a call would leave behind."""
    positions: list[int] = []
    for position, spec in enumerate(exported.graph_signature.output_specs):
        if spec.kind is OutputKind.BUFFER_MUTATION:
            raise ExportError(
                f"the model changes its buffer {spec.target!r}; a result must not depend on the call before"
            )
        if spec.kind is OutputKind.USER_OUTPUT:
            if not isinstance(spec.arg, TensorArgument):
                raise ExportError(f"output {len(positions)} of the model is no tensor; return tensors only")
            positions.append(position)
    return tuple(positions)


def _stored_value(exported: ExportedProgram, target: str) -> Tensor:
    value = exported.state_dict.get(target, exported.constants.get(target))
    if not isinstance(value, Tensor):
        raise ExportError(f"the exported program holds no tensor for {target!r}")
    if not torch.isfinite(value).all():
        raise ExportError(f"weight {target} holds NaN or infinity; a firmware cannot be made from it")
    return value.detach()


def _fold_constants(graph_module: fx.GraphModule, placeholders: Sequence[Tensor | None]) -> dict[str, Tensor]:
    """Evaluate every node that no user input reaches."""
    values: dict[str, Any] = {}
    stored = iter(placeholders)
    for node in graph_module.graph.nodes:
        if node.op == "placeholder":
            value = next(stored)
            if value is not None:
                values[node.name] = value
        elif node.op == "get_attr":
            values[node.name] = getattr(graph_module, str(node.target)).detach()
        elif node.op == "call_function":
            known = all(parent.name in values for parent in node.all_input_nodes)
            if known and torch.Tag.nondeterministic_seeded not in getattr(node.target, "tags", ()):
                args, kwargs = fx.node.map_arg((node.args, node.kwargs), lambda parent: values[parent.name])
                values[node.name] = node.target(*args, **kwargs)
    return {name: value for name, value in values.items() if isinstance(value, Tensor)}
