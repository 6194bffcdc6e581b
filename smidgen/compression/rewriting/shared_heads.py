"""Keys and values that are copied for every head of a group are read by the group instead (grouped-query attention)."""

import math

import torch
from torch import Tensor, fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.positions import MOVES, Positions
from smidgen.compression.structure import arguments

aten = torch.ops.aten

_RANK = 4  # batch, heads, steps, width


def share_heads(graph: fx.Graph, batch: BatchAxis) -> bool:
    """Let attention over copied keys and values read what was copied; return whether there was one."""
    shared = False
    for node in list(graph.nodes):
        if node.target is aten.scaled_dot_product_attention.default and not arguments(node)["enable_gqa"]:
            shared |= _share(node, batch)
    return shared


def _share(node: fx.Node, batch: BatchAxis) -> bool:
    given = arguments(node)
    insertion = Insertion(node)
    parts = [_before_copies(given[role], batch, insertion) for role in ("key", "value")]
    if any(part is None for part in parts) or len({part.meta["val"].shape[1] for part in parts}) > 1:  # type: ignore[union-attr]
        return False
    attended = insertion.call(
        aten.scaled_dot_product_attention.default,
        *(given["query"], *parts, given["attn_mask"], 0.0, given["is_causal"]),
        scale=given["scale"],
        enable_gqa=True,
    )
    node.replace_all_uses_with(attended)
    return True


def _before_copies(node: fx.Node, batch: BatchAxis, insertion: Insertion) -> fx.Node | None:
    """Return the keys (b, G, S, w) of which a node (b, H, S, w) holds copies for heads in a row, else None."""
    if node.meta["val"].dim() != _RANK:
        return None
    source, whole = node, _size(node, batch)
    while _size(source, batch) == whole and source.target in MOVES and isinstance(source.args[0], fx.Node):
        source = source.args[0]
    copies, rest = divmod(whole, _size(source, batch) or whole + 1)
    if copies < 2 or rest or node.meta["val"].shape[1] % copies:
        return None
    positions = Positions(source, batch)
    wanted = positions.of(node)
    heads, steps, width = wanted.shape[1:]
    groups = heads // copies
    for sizes, order in (((groups, steps), (0, 1, 2, 3)), ((steps, groups), (0, 2, 1, 3))):
        candidate = positions.root.reshape(-1, *sizes, width).permute(order)
        if torch.equal(candidate.repeat_interleave(copies, dim=1), wanted):
            parted = insertion.call(aten.reshape.default, source, [-1, *sizes, width])
            return insertion.call(aten.permute.default, parted, list(order))
    return None


def _size(node: fx.Node, batch: BatchAxis) -> int:
    """Return how many elements one sample has, 0 for a node that is no tensor."""
    value = node.meta["val"]
    return math.prod(size or 0 for size in batch.full_shape(value)) if isinstance(value, Tensor) else 0
