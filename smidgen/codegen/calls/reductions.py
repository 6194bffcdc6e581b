"""Calls of operators that take one value from each line."""

import math

from smidgen.codegen.c_text import unsigned
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, rows, sizes


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


def _sum(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.at(y), *_reduced_sizes(site), *bits(x, y), *site.zero_points(),
        *site.signed("multiplier", "shift"),
    ]  # fmt: skip
    return call("reduce", "sum_along_q", arguments)


def _extreme_operands(site: Site) -> list[str]:
    least = unsigned(site.op.kind in ("min", "argmin"))
    return [site.at(site.x[0]), site.at(site.y), *_reduced_sizes(site), least]


def _extremum(site: Site) -> Call:
    return call("reduce", "extremum_q", [*_extreme_operands(site), *bits(site.x[0])])


def _position(site: Site) -> Call:
    return call("reduce", "position_q", [*_extreme_operands(site), *bits(site.x[0])])


def _second_moment(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.at(y), *sizes(rows(x), x.shape[-1]), unsigned(bool(site.op.attrs["root"])), *bits(x, y),
        *site.zero_points(),
        *site.signed("fraction_bits", "mean_multiplier", "mean_shift", "multiplier", "shift"),
    ]  # fmt: skip
    return call("moment", "second_moment_q", arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_mean(site: Site) -> Call:
    return call("reduce_f32", "mean_f32", [site.at(site.x[0]), site.at(site.y), *_reduced_sizes(site)])


def _float_sum(site: Site) -> Call:
    return call("reduce_f32", "sum_along_f32", [site.at(site.x[0]), site.at(site.y), *_reduced_sizes(site)])


def _float_extremum(site: Site) -> Call:
    return call("reduce_f32", "extremum_f32", _extreme_operands(site))


def _float_position(site: Site) -> Call:
    return call("reduce_f32", "position_f32", _extreme_operands(site))


def _float_second_moment(site: Site) -> Call:
    x, attrs = site.x[0], site.op.attrs
    arguments = [
        site.at(x), site.at(site.y), *sizes(rows(x), x.shape[-1]), unsigned(bool(attrs["centred"])),
        unsigned(bool(attrs["root"])), site.floating("divisor"),
    ]  # fmt: skip
    return call("moment_f32", "second_moment_f32", arguments)


INTEGER: Emitters = {
    "mean": _mean, "sum": _sum, "max": _extremum, "min": _extremum,
    "argmax": _position, "argmin": _position, "second_moment": _second_moment,
}  # fmt: skip

FLOAT: Emitters = {
    "mean": _float_mean, "sum": _float_sum, "max": _float_extremum,
    "min": _float_extremum, "argmax": _float_position, "argmin": _float_position,
    "second_moment": _float_second_moment,
}  # fmt: skip
