"""Calls of operators that take one value from each line."""

import math

from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes


def _reduced_sizes(site: Site) -> list[str]:
    shape, axis = site.x[0].shape, site.integer("axis")
    return sizes(math.prod(shape[:axis]), shape[axis], math.prod(shape[axis + 1 :]))


def _mean(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.at(y), *_reduced_sizes(site), *bits(x, y), *site.zero_points(),
        *site.signed("multiplier", "shift"),
    ]  # fmt: skip
    return call("reduce", "mean_q", arguments)


def _argmax(site: Site) -> Call:
    x = site.x[0]
    return call("reduce", "argmax_q", [site.at(x), site.at(site.y), *_reduced_sizes(site), *bits(x)])


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_reduce(site: Site) -> Call:
    arguments = [site.at(site.x[0]), site.at(site.y), *_reduced_sizes(site)]
    return call("reduce_f32", f"{site.op.kind}_f32", arguments)


INTEGER: Emitters = {"mean": _mean, "argmax": _argmax}

FLOAT: Emitters = {
    "mean": _float_reduce, "argmax": _float_reduce,
}  # fmt: skip
