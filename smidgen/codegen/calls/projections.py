"""Calls of products with stored weights."""

from smidgen.codegen.c_text import signed
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, rows, sizes


def _linear(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("weight"), site.param("bias"), site.param("multiplier"), site.at(y),
        *sizes(rows(x), x.shape[-1], y.shape[-1]), *bits(x, y), *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return call("linear", "linear_q", arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_linear(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("weight"), site.param("bias"), site.at(y), *sizes(rows(x), x.shape[-1], y.shape[-1])
    ]  # fmt: skip
    return call("linear_f32", "linear_f32", arguments)


INTEGER: Emitters = {"linear": _linear}

FLOAT: Emitters = {"linear": _float_linear}
