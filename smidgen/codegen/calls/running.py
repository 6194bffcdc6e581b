"""Calls of operators that tell what all elements so far add up to."""

import math

from smidgen.codegen.c_text import unsigned
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes


def _operands(site: Site, *states: str) -> list[str]:
    x = site.x[0]
    carried = (site.state(role) for role in states)
    return [site.at(x), site.at(site.y), *carried, *sizes(x.shape[0], math.prod(x.shape[1:]))]


def _scaled(site: Site) -> list[str]:
    return [*bits(site.x[0], site.y), *site.zero_points(), *site.signed("multiplier", "shift")]


def _least(site: Site) -> str:
    return unsigned(site.op.kind == "running_min")


def _mean(site: Site) -> Call:
    return call("running", "running_mean_q", [*_operands(site, "totals", "count"), *_scaled(site)])


def _sum(site: Site) -> Call:
    return call("running", "running_sum_q", [*_operands(site, "totals"), *_scaled(site)])


def _extremum(site: Site) -> Call:
    return call("running", "running_extremum_q", [*_operands(site, "extremes"), _least(site), *bits(site.y)])


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_mean(site: Site) -> Call:
    return call("running_f32", "running_mean_f32", _operands(site, "totals", "count"))


def _float_sum(site: Site) -> Call:
    return call("running_f32", "running_sum_f32", _operands(site, "totals"))


def _float_extremum(site: Site) -> Call:
    return call("running_f32", "running_extremum_f32", [*_operands(site, "extremes"), _least(site)])


INTEGER: Emitters = {
    "running_mean": _mean, "running_sum": _sum, "running_max": _extremum, "running_min": _extremum,
}  # fmt: skip

FLOAT: Emitters = {
    "running_mean": _float_mean, "running_sum": _float_sum, "running_max": _float_extremum,
    "running_min": _float_extremum,
}  # fmt: skip
