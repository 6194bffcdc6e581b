"""Calls of operators that treat each element alone."""

from smidgen.codegen.c_text import signed64
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes
from smidgen.errors import GraphError
from smidgen.ir.walk import MOST_AXES, broadcast_steps, collapsed
from smidgen.numerics import float32


def _table(site: Site) -> Call:
    x, y = site.x[0], site.y
    function = "table_s8" if x.dtype == "int8" else "table_s16"
    return call("table", function, [site.at(x), site.param("table"), site.at(y), *sizes(x.size), *bits(y)])


def _steps(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("thresholds"), site.param("values"), site.at(y),
        *sizes(x.size, len(site.op.params["thresholds"])), *bits(y),
    ]  # fmt: skip
    return call("table", "steps_s16", arguments)


def _walk(site: Site) -> list[str]:
    """Return the sizes of the walk over the result, and the steps of every operand along it."""
    axes = collapsed(site.y.shape, [broadcast_steps(x.shape, site.y.shape) for x in site.x])
    if len(axes) > MOST_AXES:
        raise GraphError(
            f"{site.op.name}: a walk over {len(axes)} axes that do not stay together has no kernel, at most {MOST_AXES}"
        )
    axes = [(1, (0,) * len(site.x))] * (MOST_AXES - len(axes)) + axes
    return sizes(*(size for size, _ in axes), *(steps[i] for i in range(len(site.x)) for _, steps in axes))


def _operands(site: Site) -> list[str]:
    return [*(site.at(x) for x in site.x), site.at(site.y), *_walk(site)]


def _add(site: Site) -> Call:
    arguments = [
        *_operands(site), *bits(*site.x, site.y), *site.signed("multiplier_a", "multiplier_b"),
        signed64(site.integer("offset")), *site.signed("shift"),
    ]  # fmt: skip
    return call("elementwise", "add_q", arguments)


def _scaled(site: Site) -> Call:
    """A product or quotient."""
    arguments = [
        *_operands(site), *bits(*site.x, site.y), *site.zero_points(), *site.signed("multiplier", "shift")
    ]  # fmt: skip
    return call("elementwise", f"{site.op.kind}_q", arguments)


def _chosen(site: Site) -> Call:
    """A maximum, minimum or selection: everything but a condition has one type."""
    condition = bits(site.x[0]) if site.op.kind == "select" else []
    return call("elementwise", f"{site.op.kind}_q", [*_operands(site), *condition, *bits(site.y)])


def _rescale(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.at(y), *sizes(y.size), *bits(x, y), *site.zero_points(), *site.signed("multiplier", "shift")
    ]  # fmt: skip
    return call("elementwise", "rescale_q", arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_pointwise(site: Site) -> Call:
    function = str(site.op.attrs["function"])
    scalars = [site.floating(key) for key in float32.SCALARS.get(function, ())]
    arguments = [site.at(site.x[0]), site.at(site.y), *sizes(site.y.size), *scalars]
    return call("pointwise_f32", f"{function}_f32", arguments)


def _float_elementwise(site: Site) -> Call:
    return call("elementwise_f32", f"{site.op.kind}_f32", _operands(site))


INTEGER: Emitters = {
    "table": _table, "steps": _steps, "add": _add, "mul": _scaled, "div": _scaled, "maximum": _chosen,
    "minimum": _chosen, "select": _chosen, "rescale": _rescale,
}  # fmt: skip

FLOAT: Emitters = {
    "pointwise": _float_pointwise,
    **dict.fromkeys(("select", "add", "sub", "mul", "div", "maximum", "minimum"), _float_elementwise),
}
