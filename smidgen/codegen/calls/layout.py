"""Calls of operators that move elements; the same for every type."""

import math

from smidgen.codegen.calls.site import Call, Emitters, Site, call, sizes
from smidgen.errors import GraphError
from smidgen.ir.graph import DTYPE_BYTES, Tensor


def _reshape(site: Site) -> Call:
    x = site.x[0]
    return _copy_blocks(site, x, outer=1, count=x.size, x_start=0, x_stride=0, y_start=0, y_stride=0)


def _slice(site: Site) -> Call:
    x, axis, start = site.x[0], site.integer("axis"), site.integer("start")
    inner = math.prod(x.shape[axis + 1 :])
    count = (site.integer("stop") - start) * inner
    outer = math.prod(x.shape[:axis])
    return _copy_blocks(
        site, x, outer=outer, count=count,
        x_start=start * inner, x_stride=x.shape[axis] * inner, y_start=0, y_stride=count,
    )  # fmt: skip


def _concat(site: Site) -> Call:
    axis, start = site.integer("axis"), 0
    statements: list[str] = []
    inner = math.prod(site.y.shape[axis + 1 :])
    for x in site.x:
        count = x.shape[axis] * inner
        statements += _copy_blocks(
            site, x, outer=math.prod(x.shape[:axis]), count=count,
            x_start=0, x_stride=count, y_start=start, y_stride=site.y.shape[axis] * inner,
        ).statements  # fmt: skip
        start += count
    return Call(kernel="layout", statements=tuple(statements))


def _copy_blocks(site: Site, x: Tensor, **counts: int) -> Call:
    arguments = [site.at(x), site.at(site.y), *sizes(*counts.values(), DTYPE_BYTES[x.dtype])]
    return call("layout", "copy_blocks", arguments)


def _transpose(site: Site) -> Call:
    x, permutation = site.x[0], site.op.attrs["permutation"]
    assert isinstance(permutation, tuple)
    if len(permutation) > 3:
        raise GraphError(
            f"{site.op.name}: a transpose of {len(permutation)} axes has no kernel; at most 3 are supported"
        )
    strides = [math.prod(x.shape[axis + 1 :]) for axis in range(len(x.shape))]
    lead = 3 - len(permutation)
    shape = [1] * lead + list(site.y.shape)
    moved = [0] * lead + [strides[axis] for axis in permutation]
    arguments = [site.at(x), site.at(site.y), *sizes(*shape, *moved, DTYPE_BYTES[x.dtype])]
    return call("layout", "transpose_3d", arguments)


LAYOUT: Emitters = {"reshape": _reshape, "slice": _slice, "concat": _concat, "transpose": _transpose}
