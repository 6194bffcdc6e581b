"""Calls of operators of step graphs; the same for every type."""

import math

from smidgen.codegen.calls.site import Call, Emitters, Site, call, sizes
from smidgen.ir.graph import DTYPE_BYTES


def _history(site: Site) -> Call:
    x, axis = site.x[0], site.integer("axis")
    outer, inner = math.prod(x.shape[:axis]), math.prod(x.shape[axis + 1 :])
    arguments = [
        site.at(x), site.state("frames"), site.state("next"), site.at(site.y),
        *sizes(outer, site.integer("taps"), inner, site.integer("dilation"), DTYPE_BYTES[x.dtype]),
    ]  # fmt: skip
    return call("history", "history", arguments)


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
