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


def _conv1d_sizes(site: Site) -> list[str]:
    x, y = site.x[0], site.y
    return [
        *sizes(*x.shape, *y.shape, site.op.params["weight"].shape[2]),
        *sizes(*(site.integer(key) for key in ("pad_left", "stride", "dilation", "groups"))),
    ]


def _conv1d(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("weight"), site.param("bias"), site.param("multiplier"), site.at(y),
        *_conv1d_sizes(site), *bits(x, y), signed(x.zero_point), *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return call("conv1d", "conv1d_q", arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_linear(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("weight"), site.param("bias"), site.at(y), *sizes(rows(x), x.shape[-1], y.shape[-1])
    ]  # fmt: skip
    return call("linear_f32", "linear_f32", arguments)


def _float_conv1d(site: Site) -> Call:
    arguments = [
        site.at(site.x[0]), site.param("weight"), site.param("bias"), site.at(site.y), *_conv1d_sizes(site)
    ]  # fmt: skip
    return call("conv1d_f32", "conv1d_f32", arguments)


INTEGER: Emitters = {"linear": _linear, "conv1d": _conv1d}

FLOAT: Emitters = {
    "linear": _float_linear, "conv1d": _float_conv1d,
}  # fmt: skip
