"""Calls of products in the max-plus algebra."""

from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, rows, sizes


def _operands(site: Site) -> list[str]:
    x, y = site.x[0], site.y
    return [site.at(x), site.param("scores"), site.at(y), *sizes(rows(x), x.shape[-1], y.shape[-1])]


def _max_plus(site: Site) -> Call:
    arguments = [
        *_operands(site), *bits(site.x[0], site.y), *site.zero_points(), *site.signed("multiplier", "shift")
    ]  # fmt: skip
    return call("max_plus", "max_plus_q", arguments)


def _float_max_plus(site: Site) -> Call:
    return call("max_plus_f32", "max_plus_f32", _operands(site))


INTEGER: Emitters = {"max_plus": _max_plus}

FLOAT: Emitters = {"max_plus": _float_max_plus}
