"""Calls of embeddings; the same for every type of table."""

from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes
from smidgen.ir.graph import DTYPE_BYTES


def _embedding(site: Site) -> Call:
    ids, y = site.x[0], site.y
    counts = sizes(ids.size, *site.op.params["table"].shape)
    operands = [site.at(ids), site.param("table"), site.at(y), *counts]
    if ids.is_float:
        return call("embedding", "embedding_by_f32", [*operands, *sizes(DTYPE_BYTES[y.dtype])])
    return call("embedding", "embedding", [*operands, *bits(ids), *sizes(DTYPE_BYTES[y.dtype])])


LOOKUP: Emitters = {"embedding": _embedding}
