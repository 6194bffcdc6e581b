"""torch.export: a user's module as a functional graph, at a free batch size or, where that fails, for one sample."""

import contextlib
import copy
import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram, ShapesCollection, export, register_dataclass
from torch.export.graph_signature import ConstantArgument, InputKind, OutputKind, TensorArgument
from torch.nn.modules import transformer
from torch.utils import _pytree as pytree

from smidgen.compression.batch import written_shape
from smidgen.compression.decompositions import decompositions
from smidgen.compression.inputs import Example
from smidgen.compression.refusals import capture_error
from smidgen.compression.stand_ins import recurrent_layers_whole
from smidgen.compression.structure import source_line, unsupported
from smidgen.errors import ExportError

aten = torch.ops.aten

#: What torch.export inserts to check types and sizes while tracing: it reads values and computes nothing.
_CHECKS = frozenset({
    aten._assert_tensor_metadata.default, aten._assert_scalar.default, aten._assert_async.msg,
    aten.sym_constrain_range.default, aten.sym_constrain_range_for_size.default,
})  # fmt: skip

#: Operators that give one of their arguments, at this position, where it has the result's shape and type.
_IDLE = {
    **dict.fromkeys((
        aten.alias.default, aten.clone.default, aten.contiguous.default, aten.detach.default, aten.dropout.default,
        aten.expand.default, aten.flatten.using_ints, aten.lift_fresh_copy.default, aten.repeat.default,
        aten.nan_to_num.default, aten.reshape.default, aten.slice.Tensor, aten.squeeze.default, aten.squeeze.dim,
        aten.squeeze.dims, aten.tile.default, aten._to_copy.default,
    ), 0),
    aten.copy.default: 1, aten.slice_scatter.default: 1,
}  # fmt: skip

#: Views demand that strides fit, which depends on copies that a firmware does not make.
_VIEWS = (aten.view.default, aten._unsafe_view.default)

#: Operators that are random only in training.
_AT_REST = frozenset({
    aten.dropout.default, aten.gru.input, aten.lstm.input, aten.rnn_relu.input, aten.rnn_tanh.input, aten.rrelu.default,
    aten.scaled_dot_product_attention.default,
})  # fmt: skip


def register_results(result: Any) -> None:
    """Tell torch how to take apart dataclasses that a module returns; it knows tuples, dictionaries, named tuples."""
    for value in pytree.tree_leaves(result):
        if is_dataclass(value) and not isinstance(value, type):
            kind = type(value)
            register_dataclass(kind, serialized_type_name=f"{kind.__module__}.{kind.__qualname__}")
            register_results(value)


def export_free(model: nn.Module, example: Example) -> ExportedProgram:
    """Export a copy of a module with the batch as a free size; raises ExportError where torch cannot."""
    doubled, copied = example.doubled, _at_rest(model)
    free: Any = ShapesCollection()  # type: ignore[no-untyped-call]
    for x in doubled.values:
        free[x] = {0: Dim.DYNAMIC}
    return _exported(copied, doubled, free.dynamic_shapes(copied, doubled.args, doubled.kwargs), example)


def export_single(model: nn.Module, example: Example) -> ExportedProgram:
    """Export a copy of a module at a fixed batch of one; raises ExportError where torch cannot."""
    return _exported(_at_rest(model), example.first, None, example.first)


def with_usable_batch(exported: ExportedProgram, example: Example) -> ExportedProgram:
    """Return a program that can compute one sample; one exported at another fixed batch is exported anew.

    Raises ExportError where that batch is written into the graph.
    """
    inputs = set(exported.graph_signature.user_inputs)
    sizes = [
        node.meta["val"].shape[0] for node in exported.graph.nodes if node.op == "placeholder" and node.name in inputs
    ]
    if any(isinstance(size, torch.SymInt) or size == 1 for size in sizes):
        return exported
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own deprecations
            return export_free(exported.module(check_guards=False), example)
    except ExportError as error:
        raise ExportError(
            f"the program was exported at a fixed batch of {sizes[0]}; export it with the batch as a free size "
            "(dynamic_shapes), or at a batch of 1"
        ) from error


def functional(exported: ExportedProgram) -> ExportedProgram:
    """Return the program without in-place operators, checks of the tracer, and operators that change nothing."""
    with warnings.catch_warnings(), recurrent_layers_whole():
        warnings.simplefilter("ignore")  # torch's own deprecations
        exported = exported.run_decompositions(dict(decompositions()))
    graph = exported.graph_module.graph
    _refuse_random(graph)
    _drop_idle(graph)
    exported.graph_module.recompile()
    for body in exported.graph_module.children():  # of scans
        if isinstance(body, fx.GraphModule):
            _refuse_random(body.graph)
            _drop_idle(body.graph)
    return exported


def placeholder_values(exported: ExportedProgram) -> tuple[Tensor | None, ...]:
    """Return the stored tensor of each placeholder, None for the user's inputs; refuse weights that are not finite."""
    return tuple(
        None if spec.kind is InputKind.USER_INPUT else _stored_value(exported, str(spec.target))
        for spec in exported.graph_signature.input_specs
    )


def parameter_names(exported: ExportedProgram) -> tuple[str | None, ...]:
    """Return the module's own name of each placeholder that is a parameter, None for inputs, buffers and constants."""
    return tuple(
        str(spec.target) if spec.kind is InputKind.PARAMETER else None for spec in exported.graph_signature.input_specs
    )


def output_positions(exported: ExportedProgram) -> tuple[int, ...]:
    """Return which of the graph's results the user returns; refuse state that a call would leave behind."""
    positions: list[int] = []
    for position, spec in enumerate(exported.graph_signature.output_specs):
        if spec.kind is OutputKind.BUFFER_MUTATION:
            raise ExportError(
                f"the model changes its buffer {spec.target!r}, but a result must not depend on the call before; take "
                f"the old state as an input and return the new one, or use nn.GRU{_line_of(exported, spec.arg.name)}"
            )
        if spec.kind is OutputKind.USER_OUTPUT:
            if isinstance(spec.arg, ConstantArgument) and spec.arg.value is None:
                continue  # weights that nobody asked for, as of nn.MultiheadAttention
            if not isinstance(spec.arg, TensorArgument):
                found = getattr(spec.arg, "value", spec.arg.name)
                raise ExportError(f"output {len(positions)} of the model is no tensor, found {found!r}; return tensors")
            positions.append(position)
    return tuple(positions)


def output_keys(exported: ExportedProgram) -> tuple[str, ...]:
    """Return the names by which a module returns its outputs in a dictionary or named tuple, () where it has none."""
    specs = [spec for spec in exported.graph_signature.output_specs if spec.kind is OutputKind.USER_OUTPUT]
    leaves = pytree.tree_unflatten([spec.arg for spec in specs], exported.call_spec.out_spec)
    keys = []
    for path, argument in pytree.tree_flatten_with_path(leaves)[0]:
        if isinstance(argument, TensorArgument):
            names = [str(getattr(step, "key", getattr(step, "name", getattr(step, "idx", "")))) for step in path]
            keys.append("_".join(names))
    return tuple(keys)


def _at_rest(model: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode; what was exported before has one mode only."""
    copied = copy.deepcopy(model)
    return copied if isinstance(copied, fx.GraphModule) else copied.eval()


def _exported(model: nn.Module, inputs: Example, dynamic_shapes: Any, example: Example) -> ExportedProgram:
    """Export at `inputs`, made of the user's `example`, which errors name."""
    try:
        with _quietly(), _masks_taken_as_they_are(), recurrent_layers_whole():
            return export(model, inputs.args, inputs.kwargs, dynamic_shapes=dynamic_shapes)
    except Exception as error:  # torch.export raises many unrelated types
        with _quietly():
            raise capture_error(error, model, example) from error


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep torch from printing graphs, tracebacks and its own deprecations: errors come as one message of ours."""
    disabled = logging.root.manager.disable
    logging.disable(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)


@contextmanager
def _masks_taken_as_they_are() -> Iterator[None]:
    """Keep nn.Transformer from comparing its mask with a causal one: a branch on values, which export cannot take.

    The comparison only chooses a faster kernel; without it the mask is added, which gives the same.
    """
    detect = transformer._detect_is_causal_mask
    transformer._detect_is_causal_mask = lambda mask, is_causal=None, size=None: bool(is_causal)
    try:
        yield
    finally:
        transformer._detect_is_causal_mask = detect


def _stored_value(exported: ExportedProgram, target: str) -> Tensor:
    value = exported.state_dict.get(target, exported.constants.get(target))
    if not isinstance(value, Tensor):
        raise ExportError(f"the exported program holds no tensor for {target!r}")
    # A buffer may hold -inf: an attention mask does.
    masked = torch.isneginf(value.real.float()) & (not isinstance(value, nn.Parameter))
    bad = ~(torch.isfinite(value) | masked)
    if bad.any():
        count, first = int(bad.sum()), tuple(bad.nonzero()[0].tolist())
        raise ExportError(
            f"weight {target} holds NaN or infinity: {count} of {value.numel()} values, the first "
            f"{value[first].item()} at {list(first)}; load a checkpoint from before the training diverged, or train "
            "again with a lower learning rate"
        )
    return value.detach()


def _line_of(exported: ExportedProgram, name: str) -> str:
    """Return the user's line that computes a value of the graph, in brackets."""
    made = [source_line(node) for node in exported.graph.nodes if node.name == name]
    return f" ({made[0]})" if made and made[0] else ""


def _refuse_random(graph: fx.Graph) -> None:
    for node in graph.nodes:
        if torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()) and node.target not in _AT_REST:
            raise unsupported(
                node,
                "it draws random numbers; a result must depend on the inputs alone. Dropout rests in nn.Dropout, or "
                "with training=self.training",
            )


def _drop_idle(graph: fx.Graph) -> None:
    for node in list(graph.nodes):
        if node.target in _VIEWS:
            node.target = aten.reshape.default
        if node.target in _CHECKS:
            graph.erase_node(node)
        elif node.target in _IDLE:
            source = node.args[_IDLE[node.target]]
            if _kind(node.meta["val"]) == _kind(source.meta["val"]):
                node.replace_all_uses_with(source)
                graph.erase_node(node)
    graph.eliminate_dead_code()


def _kind(value: Tensor) -> tuple[Any, ...]:
    return value.dtype, *written_shape(value)
