"""Calls of operators of step graphs; the same for every type."""

import math

from smidgen.codegen.calls.site import Call, Emitters, Site, call, sizes
from smidgen.ir.graph import DTYPE_BYTES

_WORD_BYTES = 4


def _history(site: Site) -> Call:
    x, axis = site.x[0], site.integer("axis")
    outer = math.prod(x.shape[:axis])
    inner, size = _words(site, math.prod(x.shape[axis + 1 :]))
    arguments = [
        site.at(x), site.state("frames"), site.state("next"), site.at(site.y),
        *sizes(outer, site.integer("taps"), inner, site.integer("dilation"), size),
    ]  # fmt: skip
    return call("history", "history", arguments)


def _words(site: Site, inner: int) -> tuple[int, int]:
    """Return rows of `inner` elements as words: their number and bytes; single elements where words do not fit.

    The arena and the state hold every tensor on a word's boundary; the caller's buffers need not.
    """
    size = DTYPE_BYTES[site.y.dtype]
    regions = {site.plan.placements[tensor.name].region for tensor in (site.x[0], site.y)}
    if inner * size % _WORD_BYTES or not regions <= {"arena", "state"}:
        return inner, size
    return inner * size // _WORD_BYTES, _WORD_BYTES


def _stored_row(site: Site) -> Call:
    table, axis = site.x[0], site.integer("axis")
    outer, inner = math.prod(table.shape[:axis]), math.prod(table.shape[axis + 1 :])
    arguments = [
        site.at(table), site.state("next"), site.at(site.y),
        *sizes(outer, table.shape[axis], inner, DTYPE_BYTES[table.dtype]),
    ]  # fmt: skip
    return call("history", "stored_row", arguments)


def _recent(site: Site) -> Call:
    x = site.x[0]
    arguments = [site.state("frames"), site.at(x), *sizes(site.integer("frames"), x.size, DTYPE_BYTES[x.dtype])]
    return call("frame_cache", "cache_frame", arguments)


STREAMING: Emitters = {"history": _history, "recent": _recent, "stored_row": _stored_row}
