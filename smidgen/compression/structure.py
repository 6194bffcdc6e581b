"""What of a float graph becomes a tensor of the firmware, and what is only a step on the way.

Two facts are read off the graph once, for calibration, fake quantisation and lowering alike:
- a chain of pointwise functions of one tensor (its root) is one function, so only its last node is materialised;
- a linear layer whose result is only split into parts is several linear layers, each with a range of its own.
"""

import operator
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from smidgen.compression.loop_node import entries, exits, is_loop
from smidgen.errors import UnsupportedError

aten = torch.ops.aten

TORCH_FOLDER = os.path.dirname(torch.__file__) + os.sep

#: Functions applied element by element: of one tensor (and scalars) they fold with their neighbours to one function.
POINTWISE = frozenset({
    aten.abs.default, aten.add.Scalar, aten.add.Tensor,
    aten.bitwise_and.Tensor, aten.bitwise_not.default, aten.bitwise_or.Tensor, aten.bitwise_xor.Tensor,
    aten.ceil.default, aten.celu.default, aten.clamp.Tensor, aten.clamp.default, aten.clamp_max.Tensor,
    aten.clamp_max.default, aten.clamp_min.Tensor, aten.clamp_min.default, aten.cos.default,
    aten.div.Scalar, aten.div.Tensor, aten.div.Tensor_mode, aten.elu.default, aten.eq.Scalar, aten.eq.Tensor,
    aten.erf.default, aten.exp.default, aten.exp2.default, aten.expm1.default, aten.floor.default,
    aten.floor_divide.default, aten.fmod.Scalar, aten.frac.default, aten.ge.Scalar, aten.ge.Tensor, aten.gelu.default,
    aten.gt.Scalar, aten.gt.Tensor, aten.hardsigmoid.default, aten.hardswish.default, aten.hardtanh.default,
    aten.le.Scalar, aten.le.Tensor, aten.leaky_relu.default, aten.log.default, aten.log10.default, aten.log1p.default,
    aten.log2.default, aten.logical_and.default, aten.logical_not.default, aten.logical_or.default,
    aten.logical_xor.default, aten.log_sigmoid.default, aten.lt.Scalar, aten.lt.Tensor, aten.masked_fill.Scalar,
    aten.masked_fill.Tensor, aten.max.other, aten.maximum.default, aten.min.other, aten.minimum.default,
    aten.mish.default, aten.mul.Scalar, aten.mul.Tensor, aten.ne.Scalar, aten.ne.Tensor, aten.neg.default,
    aten.pow.Scalar, aten.pow.Tensor_Scalar, aten.prelu.default, aten.reciprocal.default, aten.relu.default,
    aten.relu6.default, aten.remainder.Scalar, aten.round.default, aten.rrelu.default, aten.rsqrt.default,
    aten.rsub.Scalar, aten.rsub.Tensor, aten.selu.default, aten.sigmoid.default, aten.sign.default, aten.silu.default,
    aten.sin.default,
    aten.softplus.default, aten.sqrt.default, aten.square.default, aten.sub.Scalar, aten.sub.Tensor,
    aten.tanh.default, aten.threshold.default, aten.trunc.default, aten.where.Scalar,
    aten.where.ScalarOther, aten.where.ScalarSelf, aten.where.self, aten._to_copy.default, aten.__and__.Tensor,
    aten.__or__.Tensor, aten.__xor__.Tensor,
})  # fmt: skip

#: Operators whose result holds elements of their first argument and nothing else, wherever it may take them from.
MOVES = frozenset({
    aten.alias.default, aten.as_strided.default, aten.broadcast_to.default, aten.channel_shuffle.default,
    aten.clone.default, aten.contiguous.default, aten.detach.default, aten.diagonal.default, aten.dropout.default,
    aten.expand.default, aten.expand_as.default, aten.flatten.using_ints, aten.flip.default, aten.fliplr.default,
    aten.flipud.default, aten.gather.default, aten.index.Tensor, aten.index_select.default,
    aten.lift_fresh_copy.default, aten.mT.default, aten.movedim.int, aten.movedim.intlist, aten.narrow.default,
    aten.native_channel_shuffle.default, aten.numpy_T.default, aten.permute.default, aten.pixel_shuffle.default,
    aten.pixel_unshuffle.default, aten.reflection_pad1d.default, aten.reflection_pad2d.default,
    aten.repeat.default, aten.repeat_interleave.self_int, aten.repeat_interleave.self_Tensor,
    aten.replication_pad1d.default, aten.replication_pad2d.default, aten.reshape.default, aten.roll.default,
    aten.rot90.default, aten.select.int, aten.slice.Tensor, aten.squeeze.default, aten.squeeze.dim,
    aten.squeeze.dims, aten.swapaxes.default, aten.swapdims.default, aten.t.default, aten.take.default,
    aten.take_along_dim.default, aten.tile.default, aten.transpose.int, aten.unflatten.int, aten.unfold.default,
    aten.unsqueeze.default, aten.upsample_nearest1d.default, aten.upsample_nearest1d.vec,
    aten.upsample_nearest2d.default, aten.upsample_nearest2d.vec, aten._unsafe_index.Tensor,
})  # fmt: skip

#: Operators whose results are some of the elements of their first argument, and perhaps where those stood.
PICKS = frozenset({
    aten.adaptive_max_pool1d.default, aten.adaptive_max_pool2d.default, aten.amax.default, aten.amin.default,
    aten.cummax.default, aten.cummin.default, aten.max_pool1d.default,
    aten.max_pool1d_with_indices.default, aten.max_pool2d.default, aten.max_pool2d_with_indices.default,
})  # fmt: skip

#: Operators that cut their first argument into several results.
SPLITS = frozenset({
    aten.chunk.default, aten.hsplit.int, aten.split.Tensor, aten.split.sizes, aten.split_with_sizes.default,
    aten.tensor_split.indices, aten.tensor_split.sections, aten.unbind.int, aten.unsafe_chunk.default,
    aten.unsafe_split.Tensor, aten.unsafe_split_with_sizes.default,
})  # fmt: skip

#: Operators that put more elements around those that are there.
PADS = frozenset({aten.constant_pad_nd.default, aten.pad.default})

#: Nodes that move elements without changing them, or add zeros: they keep the quantisation of their source.
LAYOUT = MOVES | SPLITS | PADS | {operator.getitem}


#: Operators that take indices behind their first argument; an embedding has them as its second.
_LOOKUPS = frozenset({
    aten.embedding.default, aten.gather.default, aten.index.Tensor, aten.index_select.default, aten.one_hot.default,
    aten.take.default, aten.take_along_dim.default,
})  # fmt: skip

#: Splits that can stand behind a linear layer.
_LAST_AXIS_SPLITS = (
    aten.split.Tensor, aten.split_with_sizes.default, aten.chunk.default, aten.tensor_split.sections,
)  # fmt: skip

#: Key of `node.meta`: True where an output needs the node and it depends on a value of an input.
COMPUTED = "smidgen_computed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """`roots`: pointwise node -> the tensor it is a function of; `split_parts`: linear -> (getitem, start, stop)."""

    roots: dict[str, fx.Node]
    split_parts: dict[str, tuple[tuple[fx.Node, int, int], ...]]
    materialised: frozenset[str]


def analyse(graph: fx.Graph, constants: set[str]) -> Structure:
    """Read the structure of a graph; `constants` are the nodes that no input reaches."""
    roots: dict[str, fx.Node] = {}
    nodes = [node for node in graph.nodes if node.meta[COMPUTED]]
    for node in nodes:
        if node.op == "call_function" and node.target in POINTWISE:
            parents = [parent for parent in node.all_input_nodes if not _is_scalar_constant(parent, constants)]
            sources = {roots.get(parent.name, parent) for parent in parents}
            if len(sources) == 1 and not any(source.name in constants for source in sources):
                roots[node.name] = sources.pop()
    split_parts = {}
    for node in nodes:
        if node.target is aten.linear.default:
            parts = parts_of_split(node)
            if parts:
                split_parts[node.name] = parts
    return Structure(
        roots=roots,
        split_parts=split_parts,
        materialised=frozenset(_materialised(nodes, roots, split_parts)),
    )


def module_path(node: fx.Node) -> str:
    """Return the path of the module that made the node, "" for the model itself; "@1" marks a module's second call."""
    stack = node.meta.get("nn_module_stack") or {}
    path, call = "", ""
    for key, (name, _) in stack.items():
        if name != "_empty_nn_module_stack_from_metadata_hook":
            path, call = name, key.rpartition("@")[2] if "@" in key else ""
    return f"{path}@{call}" if call else path


def op_name(node: fx.Node) -> str:
    """Return the short name of the node's operator: "linear", "add", "selective_scan"."""
    if node.op in ("placeholder", "output"):
        return "input" if node.op == "placeholder" else "output"
    return str(getattr(node.target, "__name__", node.target)).partition(".")[0]


def label(node: fx.Node) -> str:
    """Return "module.path:op", by which recipes and reports name an activation; parts of a split layer have its own."""
    made_by = _split_linear(node) or node
    return f"{module_path(made_by)}:{op_name(made_by)}"


def source_line(node: fx.Node) -> str:
    """Return "file:line, in function: code" of the user's line that made the node, "" if it is not known."""
    frames = [
        line.strip()
        for line in str(node.meta.get("stack_trace") or "").split("File ")
        if line.strip() and TORCH_FOLDER not in line.partition(",")[0]
    ]
    return " ".join(f"File {frames[-1]}".split()) if frames else ""


def described(node: fx.Node) -> str:
    """Return "module.path:op (file:line, in function: code)", by which messages name an operator."""
    where = source_line(node)
    return _who(node) + (f" ({where})" if where else "")


def unsupported(node: fx.Node, why: str) -> UnsupportedError:
    """Return the error that names an operator and the user's line."""
    where = source_line(node)
    return UnsupportedError(f"{_who(node)}: {why}" + (f" ({where})" if where else ""))


def _who(node: fx.Node) -> str:
    return f"input {node.name}" if node.op == "placeholder" else label(node)


def arguments(node: fx.Node) -> dict[str, Any]:
    """Return every argument of the node's operator by its name in torch's schema, defaults included."""
    schema = node.target._schema  # type: ignore[union-attr]
    given = dict(zip((argument.name for argument in schema.arguments), node.args, strict=False)) | node.kwargs
    return {argument.name: given.get(argument.name, argument.default_value) for argument in schema.arguments}


def holds_numbers(node: fx.Node) -> bool:
    """True if a reader of a tensor of whole numbers computes with them, not if all look up by them, as by token ids."""
    return any(
        user.target not in _LOOKUPS or (operand is user.args[0] and user.target is not aten.embedding.default)
        for user, operand in effective_users(node)
        if user.op != "output"
    )


def readers(node: fx.Node) -> list[fx.Node]:
    """Return the users that compute something from the node's values; others read its shape, or nobody reads them."""
    return [user for user in node.users if user.meta[COMPUTED]]


def keeps_scale(node: fx.Node) -> bool:
    """True for a node that holds elements of one computed tensor, and perhaps zeros, whatever it moves them by."""
    if node.target not in LAYOUT | PICKS or not node.args[0].meta[COMPUTED]:  # type: ignore[union-attr]
        return False
    return node.target not in PADS or pads_zeros(node) or arguments(node).get("mode", "constant") != "constant"


def pads_zeros(node: fx.Node) -> bool:
    """True for a padding by a constant that is zero."""
    given = arguments(node)
    return given.get("mode", "constant") == "constant" and given["value"] in (None, 0, 0.0)


def effective_users(node: fx.Node) -> list[tuple[fx.Node, fx.Node]]:
    """Return (user, operand) for every user that computes, through what only moves elements, in and out of loops."""
    found = []
    for user in readers(node):
        if is_loop(user):
            for port in entries(user, node):
                found += effective_users(port)
        elif user.op == "output" and (taken := exits(user, node)):
            for result in taken:
                found += effective_users(result)
        elif keeps_scale(user):
            found += effective_users(user)
        else:
            found.append((user, node))
    return found


def _is_scalar_constant(node: fx.Node, constants: set[str]) -> bool:
    return node.name in constants and node.meta["val"].numel() == 1


def parts_of_split(linear: fx.Node) -> tuple[tuple[fx.Node, int, int], ...]:
    """Return the parts of a linear layer whose only user splits its last axis, () if that is not so."""
    users = readers(linear)
    if len(users) != 1 or users[0].target not in _LAST_AXIS_SPLITS:
        return ()
    split = users[0]
    rank = linear.meta["val"].dim()
    if arguments(split)["dim"] not in (-1, rank - 1):
        return ()
    parts = []
    for part in readers(split):
        widths = [piece.shape[-1] for piece in split.meta["val"]]
        index = part.args[1]
        assert isinstance(index, int)
        start = sum(widths[:index])
        parts.append((part, start, start + widths[index]))
    return tuple(parts)


def _split_linear(part: fx.Node) -> fx.Node | None:
    """Return the linear layer that is split into this part and others, None for any other node."""
    if part.target is operator.getitem:
        linear = part.all_input_nodes[0].all_input_nodes[0]
        if linear.target is aten.linear.default and parts_of_split(linear):
            return linear
    return None


def _materialised(
    nodes: Sequence[fx.Node], roots: dict[str, fx.Node], split_parts: dict[str, tuple[tuple[fx.Node, int, int], ...]]
) -> set[str]:
    inner = {part.name for parts in split_parts.values() for part, _, _ in parts}
    hidden = set(split_parts) | {readers(node)[0].name for node in nodes if node.name in split_parts}
    result = set()
    for node in nodes:
        if node.op == "placeholder" or node.name in inner:
            result.add(node.name)
        elif node.op == "call_function" and node.name not in hidden:
            ends_chain = any(roots.get(user.name) is not roots.get(node.name) for user in readers(node))
            if node.name not in roots or ends_chain:
                result.add(node.name)
    return result
