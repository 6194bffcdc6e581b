"""One spelling for what people and torch.export write in many: the float graph is rewritten once, after capture."""

from torch import fx

from smidgen.compression.batch import BatchAxis
from smidgen.compression.rewriting.attention import fuse_attention
from smidgen.compression.rewriting.projections import part_projections
from smidgen.compression.rewriting.scores import Constants
from smidgen.compression.rewriting.shared_heads import share_heads

__all__ = ["rewrite_by_constants"]


def rewrite_by_constants(graph: fx.Graph, constants: Constants, batch: BatchAxis) -> bool:
    """Rewrite in place what takes the values of constants to know; return whether anything was.

    Raises UnsupportedError, with the user's line, for attention with a mask that an input decides.
    """
    changed = False
    for rewritten in (fuse_attention(graph, constants), share_heads(graph, batch), part_projections(graph, batch)):
        changed |= rewritten
    graph.eliminate_dead_code()
    return changed
