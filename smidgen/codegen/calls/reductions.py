"""Calls of operators that take one value from each line, or from all elements so far."""

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


def _running_mean(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        *_running_operands(site), *bits(x, y), *site.zero_points(), *site.signed("multiplier", "shift")
    ]  # fmt: skip
    return call("reduce", "running_mean_q", arguments)


def _running_operands(site: Site) -> list[str]:
    x = site.x[0]
    states = (site.state("totals"), site.state("count"))
    return [site.at(x), site.at(site.y), *states, *sizes(x.shape[0], math.prod(x.shape[1:]))]


def _argmax(site: Site) -> Call:
    x = site.x[0]
    return call("reduce", "argmax_q", [site.at(x), site.at(site.y), *_reduced_sizes(site), *bits(x)])


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_reduce(site: Site) -> Call:
    arguments = [site.at(site.x[0]), site.at(site.y), *_reduced_sizes(site)]
    return call("reduce_f32", f"{site.op.kind}_f32", arguments)


def _float_running_mean(site: Site) -> Call:
    return call("reduce_f32", "running_mean_f32", _running_operands(site))


INTEGER: Emitters = {"mean": _mean, "running_mean": _running_mean, "argmax": _argmax}

FLOAT: Emitters = {
    "mean": _float_reduce, "running_mean": _float_running_mean, "argmax": _float_reduce,
}  # fmt: skip
