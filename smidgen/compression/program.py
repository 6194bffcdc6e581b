"""The float program: a user's module as torch.export captures it, fixed at import and never rewritten.

Everything that follows (calibration, fake quantisation, lowering) reads this one graph.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch._dynamo.exc import UserError
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from smidgen.compression.batch import BatchAxis, BatchPlace, free_sizes, locate_batch
from smidgen.compression.capture import (
    export_free,
    export_single,
    functional,
    output_keys,
    output_positions,
    parameter_names,
    placeholder_values,
    register_results,
    with_usable_batch,
)
from smidgen.compression.constants import fold_constants, mark_computed
from smidgen.compression.inputs import Batch, Example
from smidgen.compression.loop_node import LoopNode, is_loop
from smidgen.compression.refusals import Runner, capture_error, refuse_value_dependent
from smidgen.compression.rewriting import (
    fuse_selective_scans,
    rewrite_by_constants,
    rewrite_by_shape,
    roll_loops,
    unify_scans,
)
from smidgen.compression.structure import COMPUTED, Structure, analyse
from smidgen.errors import ConfigError, ExportError

#: Largest relative error of a captured program against its module: float32 sums in another order.
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class FloatProgram:
    """A functional float graph with its weights.

    `constants` holds every node that depends on weights and sizes alone (weights themselves, -exp(A_log), positions),
    at a batch of one. `places` says how samples lie in every other tensor; it is empty in a program that takes one
    sample at a time, and in the `bodies` of loops, which are programs of one step, by the loop's name. No two nodes of
    a program and its bodies have one name.
    """

    graph_module: fx.GraphModule
    placeholders: tuple[Tensor | None, ...]  # value of each placeholder, None for the user's inputs
    parameter_names: tuple[str | None, ...]  # the module's name of each placeholder that is a parameter, else None
    input_names: tuple[str, ...]
    input_shapes: tuple[tuple[int, ...], ...]  # without batch
    input_dtypes: tuple[torch.dtype, ...]
    output_names: tuple[str, ...]
    output_keys: tuple[str, ...]  # what a dictionary or named tuple calls them, empty for others
    output_positions: tuple[int, ...]  # among what the graph returns, which also holds inputs that a model changed
    constants: dict[str, Tensor]
    structure: Structure
    batch: BatchAxis
    places: Mapping[str, BatchPlace]
    bodies: Mapping[str, "FloatProgram"]

    @property
    def nodes(self) -> list[fx.Node]:
        """What is computed from the inputs, and the constants, in execution order."""
        return [node for node in self.graph_module.graph.nodes if node.meta[COMPUTED] or node.name in self.constants]

    @property
    def parameter_count(self) -> int:
        """Number of trained values."""
        return sum(value.numel() for value in self.placeholders if value is not None)

    @property
    def takes_single_samples(self) -> bool:
        """True where the module could only be captured at a batch of one; `run` then goes sample by sample."""
        return not self.batch.symbols

    def run(
        self, inputs: Sequence[Tensor], interpreter: type[fx.Interpreter] | fx.Interpreter = fx.Interpreter
    ) -> Batch:
        """Run a batch through the graph, by default as it is; returns the outputs, each (B, *shape of a sample)."""
        runner = interpreter(self.graph_module) if isinstance(interpreter, type) else interpreter
        parts = [self._outputs(part, runner) for part in self._calls(inputs)]
        return parts[0] if len(parts) == 1 else tuple(torch.cat(column) for column in zip(*parts, strict=True))

    def record(
        self, inputs: Sequence[Tensor], interpreter: type[fx.Interpreter] | fx.Interpreter = fx.Interpreter
    ) -> dict[str, Tensor]:
        """Run a batch and return the value of every node that is a tensor of the samples, each (B, *sample shape)."""
        runner = interpreter(self.graph_module) if isinstance(interpreter, type) else interpreter
        runner.garbage_collect_values = False  # so that `env` holds every value in the end
        parts: list[dict[str, Tensor]] = []
        for part in self._calls(inputs):
            with torch.no_grad():
                self._results(part, runner)
            parts.append({
                node.name: self._samples_first(node, runner.env[node], len(part[0]))
                for node in self.nodes
                if isinstance(runner.env.get(node), Tensor) and node.name not in self.constants
            })  # fmt: skip
        return {name: torch.cat([values[name] for values in parts]) for name in parts[0]}

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

    def _calls(self, inputs: Sequence[Tensor]) -> list[Batch]:
        """Return the batches that one call of the graph takes."""
        if self.takes_single_samples:
            return [tuple(x[i : i + 1] for x in inputs) for i in range(len(inputs[0]))]
        return [tuple(inputs)]

    def _results(self, inputs: Sequence[Tensor], runner: fx.Interpreter) -> Any:
        remaining = iter(inputs)
        return runner.run(*(value if value is not None else next(remaining) for value in self.placeholders))

    def _outputs(self, inputs: Batch, runner: fx.Interpreter) -> Batch:
        results = self._results(inputs, runner)
        nodes = {node.name: node for node in self.graph_module.graph.nodes}
        return tuple(
            self._samples_first(nodes[name], results[position], len(inputs[0]))
            for name, position in zip(self.output_names, self.output_positions, strict=True)
        )

    def _samples_first(self, node: fx.Node, value: Tensor, n_samples: int) -> Tensor:
        if node.name in self.places:
            return self.places[node.name].samples_first(value, n_samples)
        if node.name in self.constants or n_samples != 1:
            return value
        return value.reshape(1, *(size or 1 for size in self.batch.sample_shape(node.meta["val"])))


def import_model(
    model: nn.Module | ExportedProgram, example_input: Tensor | Sequence[Tensor] | Mapping[str, Tensor]
) -> FloatProgram:
    """Capture a module at a free batch size, or at a batch of one where its code asks for that.

    Args: model, left untouched (it is copied first); example_input, a tensor, a tuple of them, or tensors by the names
    of the module's arguments, batch first.
    Raises ExportError where torch.export cannot capture it, or a weight is not finite; UnsupportedError, with the
    user's line, where one sample of a batch reaches another.
    """
    example = Example.of(example_input)
    if isinstance(model, ExportedProgram):
        _check_example(model, example.values)
        return _imported(with_usable_batch(model, example), example)
    if isinstance(model, torch.jit.ScriptModule):
        raise ExportError("a TorchScript module cannot be exported; give the nn.Module that it was made from")
    if not isinstance(model, nn.Module):
        raise ConfigError(f"expected a torch.nn.Module or an ExportedProgram, got {type(model).__name__}")
    result = _result_of_one(model, example)
    try:
        return _faithful(model, _imported(export_free(model, example), example), example, result)
    except ExportError as error:
        try:
            return _faithful(model, _imported(export_single(model, example), example), example, result)
        except ExportError as second:
            # That code fixes the batch is not why it cannot be captured at a batch of one.
            told = second if isinstance(error.__cause__, UserError) else error
            raise told from told.__cause__


def _result_of_one(model: nn.Module, example: Example) -> Any:
    """Return what the module gives for the first sample, or the error that it raises; torch learns its dataclasses."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            result = example.first.run(copy.deepcopy(model).eval())
    except Exception as error:  # whatever the user's code raises
        return error
    register_results(result)
    return result


def _imported(exported: ExportedProgram, example: Example) -> FloatProgram:
    exported = functional(exported)
    graph_module, graph = exported.graph_module, exported.graph_module.graph
    placeholders, positions = placeholder_values(exported), output_positions(exported)
    names = tuple(str(name) for name in exported.graph_signature.user_inputs)
    inputs = example.ordered(names)
    batch = free_sizes(graph, names)
    constants = _read_constants(graph_module, placeholders, batch)
    refuse_value_dependent(node for node in graph.nodes if node.meta[COMPUTED])
    random = [_random_like(x) for x in example.first.ordered(names)]

    def values() -> Mapping[fx.Node, Any]:
        runner = Runner(graph_module, garbage_collect_values=False)
        remaining = iter(random)
        with torch.no_grad():
            runner.run(*(next(remaining) if value is None else value for value in placeholders))
        return runner.env

    if unify_scans(graph, batch):
        constants = _read_constants(graph_module, placeholders, batch)
    if roll_loops(graph, constants, batch, values):
        constants = _read_constants(graph_module, placeholders, batch)
    if fuse_selective_scans(graph, constants, values):
        constants = _read_constants(graph_module, placeholders, batch)
    constants = _rewritten(graph_module, placeholders, batch, constants)
    output_node = next(node for node in graph.nodes if node.op == "output")
    program = FloatProgram(
        graph_module=graph_module,
        placeholders=placeholders,
        parameter_names=parameter_names(exported),
        bodies={node.name: _body(LoopNode.of(node), constants, batch) for node in graph.nodes if is_loop(node)},
        input_names=names,
        input_shapes=tuple(tuple(x.shape[1:]) for x in inputs),
        input_dtypes=tuple(x.dtype for x in inputs),
        output_names=tuple(output_node.args[0][position].name for position in positions),
        output_keys=output_keys(exported),
        output_positions=positions,
        constants=constants,
        structure=analyse(graph, set(constants)),
        batch=batch,
        places={},
    )
    if program.takes_single_samples:
        return program

    def record(inputs: Sequence[Tensor]) -> dict[str, Tensor]:
        runner = Runner(graph_module, garbage_collect_values=False)
        program._results(inputs, runner)
        return {node.name: value for node, value in runner.env.items() if isinstance(value, Tensor)}

    with torch.no_grad():
        return replace(program, places=locate_batch(program.nodes, batch, constants, record, inputs))


def _random_like(x: Tensor) -> Tensor:
    """Return other real numbers in the shape of an input, other inputs as they are."""
    return torch.randn(x.shape, generator=torch.Generator().manual_seed(0)) if x.is_floating_point() else x


def _read_constants(
    graph_module: fx.GraphModule, placeholders: Sequence[Tensor | None], batch: BatchAxis
) -> dict[str, Tensor]:
    """Return what depends on weights and sizes alone, and mark what else an output needs."""
    constants = fold_constants(graph_module, placeholders, batch)
    mark_computed(graph_module.graph, constants)
    return constants


def _rewritten(
    graph_module: fx.GraphModule,
    placeholders: Sequence[Tensor | None],
    batch: BatchAxis,
    constants: dict[str, Tensor],
) -> dict[str, Tensor]:
    """Rewrite a graph in place to one spelling; return its constants then."""
    graph = graph_module.graph
    if rewrite_by_shape(graph):
        constants = _read_constants(graph_module, placeholders, batch)
    if rewrite_by_constants(graph, constants, batch):
        constants = _read_constants(graph_module, placeholders, batch)
    graph_module.recompile()
    return constants


def _body(found: LoopNode, outer: Mapping[str, Tensor], batch: BatchAxis) -> FloatProgram:
    """Return the body of a loop as a program of one step; `outer` are the constants around it."""
    graph = found.body.graph
    given = [outer.get(argument.name) for argument in found.arguments]
    known = [None if i in found.state_positions else value for i, value in enumerate(given)]
    _rewritten(found.body, known, batch, _read_constants(found.body, known, batch))
    for node in graph.nodes:
        node._rename(f"{found.node.name}__{node.name}")
    constants = _read_constants(found.body, known, batch)
    found.body.recompile()
    found.link()
    inputs = [node for node in found.placeholders if node.meta[COMPUTED]]
    return FloatProgram(
        graph_module=found.body,
        placeholders=tuple(known),
        parameter_names=(None,) * len(known),
        input_names=tuple(node.name for node in inputs),
        input_shapes=tuple(tuple(size or 1 for size in batch.sample_shape(node.meta["val"])) for node in inputs),
        input_dtypes=tuple(node.meta["val"].dtype for node in inputs),
        output_names=tuple(node.name for node in found.results),
        output_keys=(),
        output_positions=tuple(range(len(found.results))),
        constants=constants,
        structure=analyse(graph, set(constants)),
        batch=batch,
        places={},
        bodies={},
    )


def _check_example(exported: ExportedProgram, example: Batch) -> None:
    """Raise ConfigError unless the example has the inputs, types and sizes with which a program was exported."""
    names = [str(name) for name in exported.graph_signature.user_inputs]
    values = {node.name: node.meta["val"] for node in exported.graph.nodes if node.name in names}
    if len(names) != len(example):
        raise ConfigError(f"the program takes {len(names)} inputs ({', '.join(names)}), got {len(example)}")
    for name, value in zip(names, example, strict=True):
        expected = values[name]
        sizes = zip(expected.shape[1:], value.shape[1:], strict=False)
        misfits = any(type(size) is int and size != found for size, found in sizes)  # a free size takes any
        if expected.dtype != value.dtype or expected.dim() != value.dim() or misfits:
            shape = ", ".join(map(str, expected.shape[1:]))
            raise ConfigError(
                f"input {name} was exported as {expected.dtype} (batch, {shape}), "
                f"got {value.dtype} {tuple(value.shape)}"
            )


def _faithful(model: nn.Module, program: FloatProgram, example: Example, result: Any) -> FloatProgram:
    """Return the program if it gives the module's `result` for one sample; raise ExportError if not."""
    first = example.first
    if isinstance(result, Exception):
        raise capture_error(result, model, first) from result
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        results = program._results(first.ordered(program.input_names), Runner(program.graph_module))
    expected = [value for value in pytree.tree_leaves(result) if isinstance(value, Tensor)]
    found = [results[position] for position in program.output_positions]
    for index, (value, other) in enumerate(zip(expected, found, strict=True)):
        scale = max(1.0, float(value.abs().max())) if value.numel() else 1.0
        if value.shape != other.shape or not torch.allclose(
            value.double(), other.double(), rtol=_TOLERANCE, atol=_TOLERANCE * scale, equal_nan=True
        ):
            raise ExportError(
                f"output {index} of {type(model).__name__} for one sample is not what its exported graph computes; "
                "remove branches on the batch size"
            )
    return program
