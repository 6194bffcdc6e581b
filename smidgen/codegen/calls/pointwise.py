"""Calls of operators that treat each element alone."""

from typing import Any

from smidgen.codegen.c_text import floating, signed64
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes


def _table(site: Site) -> Call:
    x, y = site.x[0], site.y
    function = "table_s8" if x.dtype == "int8" else "table_s16"
    return call("table", function, [site.at(x), site.param("table"), site.at(y), *sizes(x.size), *bits(y)])


def _add(site: Site) -> Call:
    (a, b), y = site.x, site.y
    arguments = [
        site.at(a), site.at(b), site.at(y), *sizes(y.size), *bits(a, b, y),
        *site.signed("multiplier_a", "multiplier_b"), signed64(site.integer("offset")), *site.signed("shift"),
    ]  # fmt: skip
    return call("elementwise", "add_q", arguments)


def _mul(site: Site) -> Call:
    (a, b), y = site.x, site.y
    arguments = [
        site.at(a), site.at(b), site.at(y), *sizes(y.size), *bits(a, b, y), *site.zero_points(),
        *site.signed("multiplier", "shift"),
    ]  # fmt: skip
    return call("elementwise", "mul_q", arguments)


def _rescale(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.at(y), *sizes(y.size), *bits(x, y), *site.zero_points(), *site.signed("multiplier", "shift")
    ]  # fmt: skip
    return call("elementwise", "rescale_q", arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_pointwise(site: Site) -> Call:
    attrs: dict[str, Any] = dict(site.op.attrs)
    function = attrs.pop("function")
    scalars = [floating(attrs[key]) for key in ("scalar", "low", "high") if key in attrs]
    arguments = [site.at(site.x[0]), site.at(site.y), *sizes(site.y.size), *scalars]
    return call("pointwise_f32", f"{function}_f32", arguments)


def _float_elementwise(site: Site) -> Call:
    arguments = [*(site.at(x) for x in site.x), site.at(site.y), *sizes(site.y.size)]
    return call("elementwise_f32", f"{site.op.kind}_f32", arguments)


INTEGER: Emitters = {"table": _table, "add": _add, "mul": _mul, "rescale": _rescale}

FLOAT: Emitters = {
    "pointwise": _float_pointwise,
    **dict.fromkeys(("select", "add", "sub", "mul", "div"), _float_elementwise),
}
