"""Calls of operators that move elements."""

import math
from collections.abc import Sequence

from smidgen.codegen.c_text import signed, unsigned
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes
from smidgen.errors import GraphError
from smidgen.ir.graph import DTYPE_BYTES, Tensor
from smidgen.ir.walk import collapsed, element_steps

#: Loops of the kernel `copy_strided`.
_LOOPS = 5


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
    permutation = site.op.attrs["permutation"]
    assert isinstance(permutation, tuple)
    steps = element_steps(site.x[0].shape)
    return _copy_strided(site, site.y.shape, 0, [steps[axis] for axis in permutation])


def _strided_slice(site: Site) -> Call:
    axis = site.integer("axis")
    steps = element_steps(site.x[0].shape)
    start = site.integer("start") * steps[axis]
    steps[axis] *= site.integer("step")
    return _copy_strided(site, site.y.shape, start, steps)


def _copy_strided(site: Site, shape: Sequence[int], start: int, steps: Sequence[int]) -> Call:
    axes = collapsed(shape, [steps])
    if len(axes) > _LOOPS:
        raise GraphError(
            f"{site.op.name}: a {site.op.kind} of {len(axes)} axes that do not stay together has no kernel; "
            f"at most {_LOOPS} are supported"
        )
    axes = [(1, (0,))] * (_LOOPS - len(axes)) + axes
    arguments = [
        site.at(site.x[0]), site.at(site.y), *sizes(*(size for size, _ in axes)), signed(start),
        *(signed(step) for _, (step,) in axes), unsigned(DTYPE_BYTES[site.y.dtype]),
    ]  # fmt: skip
    return call("layout", "copy_strided", arguments)


def _take(site: Site) -> Call:
    x, axis = site.x[0], site.integer("axis")
    counts = (math.prod(x.shape[:axis]), x.shape[axis], site.y.shape[axis], math.prod(x.shape[axis + 1 :]))
    arguments = [site.at(x), site.param("indices"), site.at(site.y), *sizes(*counts, DTYPE_BYTES[x.dtype])]
    return call("layout", "take", arguments)


def _pad_counts(site: Site) -> list[str]:
    x, axis = site.x[0], site.integer("axis")
    inner = math.prod(x.shape[axis + 1 :])
    rows = (site.integer("before"), x.shape[axis], site.integer("after"))
    return sizes(math.prod(x.shape[:axis]), *(count * inner for count in rows))


def _pad(site: Site) -> Call:
    arguments = [site.at(site.x[0]), site.at(site.y), *_pad_counts(site), *site.signed("fill"), *bits(site.y)]
    return call("layout", "pad_q", arguments)


def _float_pad(site: Site) -> Call:
    fill = site.floating("fill")
    return call("layout", "pad_f32", [site.at(site.x[0]), site.at(site.y), *_pad_counts(site), fill])


LAYOUT: Emitters = {
    "reshape": _reshape, "slice": _slice, "concat": _concat, "transpose": _transpose, "strided_slice": _strided_slice,
    "take": _take,
}  # fmt: skip
INTEGER: Emitters = {**LAYOUT, "pad": _pad}
FLOAT: Emitters = {**LAYOUT, "pad": _float_pad}
