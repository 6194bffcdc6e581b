"""torch's own scan, the operator that a loop over time can be written with, becomes a loop.

    scan(body, states, frames (t, b, ...), whole) -> last states, what was emitted (t, b, ...)

torch runs it backwards as a scan over flipped frames whose results are flipped back; that is a loop in reverse.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.loops.nodes import add_loop
from smidgen.compression.structure import arguments, unsupported

aten = torch.ops.aten

SCAN = torch.ops.higher_order.scan


def unify_scans(graph: fx.Graph, batch: BatchAxis) -> bool:
    """Replace every scan by a loop; return whether there was one.

    Raises UnsupportedError, with the user's line, for states of whole numbers and frames of more than the samples' own.
    """
    scans = [node for node in graph.nodes if node.target is SCAN]
    for node in scans:
        _unify(node, _Scan.of(node), batch)
    graph.eliminate_dead_code()
    return bool(scans)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scan:
    """The arguments of a scan; the body's inputs are states, frames and whole tensors in this order."""

    body: fx.GraphModule
    states: tuple[fx.Node, ...]
    frames: tuple[fx.Node, ...]
    whole: tuple[Any, ...]

    @classmethod
    def of(cls, node: fx.Node) -> "_Scan":
        """Read a scan."""
        attribute, states, frames, whole = node.args
        assert isinstance(attribute, fx.Node)
        assert node.graph.owning_module is not None
        body = node.graph.owning_module.get_submodule(str(attribute.target))
        assert isinstance(body, fx.GraphModule)
        return cls(body=body, states=tuple(states), frames=tuple(frames), whole=tuple(whole))  # type: ignore[arg-type]


def _unify(node: fx.Node, scan: _Scan, batch: BatchAxis) -> None:
    for state in scan.states:
        value = state.meta["val"]
        if not value.is_floating_point() or batch.of(value) != 0:
            raise unsupported(
                node, f"it carries {value.dtype} {tuple(value.shape)}; a state is a tensor of real numbers, batch first"
            )
    for frame in scan.frames:
        if batch.of(frame.meta["val"]) != 1:
            raise unsupported(
                node, f"it scans {tuple(frame.meta['val'].shape)}; of each frame the batch must be the first axis"
            )
    insertion = Insertion(node)
    is_backward = all(_is_flip(frame) for frame in scan.frames)
    sources = [arguments(frame)["self"] if is_backward else frame for frame in scan.frames]
    frames = [insertion.call(aten.transpose.int, source, 0, 1) for source in sources]
    n_states = len(scan.states)
    taken = [user for user in node.users if user.target is operator.getitem and user.args[1] >= n_states]  # type: ignore[operator]
    positions = sorted({int(user.args[1]) for user in taken if user.users})  # type: ignore[arg-type]
    body = _reordered(scan, positions)
    results = add_loop(insertion, body, frames, list(scan.states), list(scan.whole), reverse=is_backward)
    for user in list(node.users):
        index = int(user.args[1])  # type: ignore[arg-type]
        if index < n_states:
            user.replace_all_uses_with(results.take(index))
        elif index in positions:
            emitted = results.take(n_states + positions.index(index))
            _give(user, insertion.call(aten.transpose.int, emitted, 0, 1), is_backward=is_backward)


def _is_flip(node: fx.Node) -> bool:
    return node.target is aten.flip.default and list(arguments(node)["dims"]) == [0]


def _give(user: fx.Node, value: fx.Node, *, is_backward: bool) -> None:
    """Let readers of what was emitted in the order of steps read `value`, in the order of frames."""
    if is_backward:
        for reader in list(user.users):
            if _is_flip(reader):
                reader.replace_all_uses_with(value)
        if not all(_is_flip(reader) and not reader.users for reader in user.users):
            turned = Insertion(value.next, like=value).call(aten.flip.default, value, [0])
            user.replace_all_uses_with(turned)
    else:
        user.replace_all_uses_with(value)


def _reordered(scan: _Scan, positions: Sequence[int]) -> fx.GraphModule:
    """Return the body with frames before states, and of what it emits what somebody reads."""
    graph = fx.Graph()
    inputs = [node for node in scan.body.graph.nodes if node.op == "placeholder"]
    n_states, n_frames = len(scan.states), len(scan.frames)
    order = [*inputs[n_states : n_states + n_frames], *inputs[:n_states], *inputs[n_states + n_frames :]]
    copies: dict[fx.Node, fx.Node] = {}
    for node in (*order, *(node for node in scan.body.graph.nodes if node.op not in ("placeholder", "output"))):
        copies[node] = graph.node_copy(node, copies.__getitem__)
    (output,) = scan.body.graph.find_nodes(op="output")
    results = list(output.args[0])
    graph.output(tuple(copies[node] for node in (*results[:n_states], *(results[i] for i in positions))))
    graph.eliminate_dead_code()
    return fx.GraphModule(scan.body, graph)
