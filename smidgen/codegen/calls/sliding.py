"""Calls of convolutions and poolings."""

from smidgen.codegen.c_text import signed, unsigned
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes
from smidgen.ir.ops.convolution import convolves_on_row_pairs, runs_depthwise
from smidgen.ir.ops.sliding import image_shape, window_of


def _placed_window(site: Site) -> list[str]:
    window = window_of(site.op)
    return sizes(*window.size, *window.pad_before, *window.stride, *window.dilation)


def _conv2d_sizes(site: Site) -> list[str]:
    x, y = site.x[0], site.y
    images = sizes(*image_shape(x.shape), *image_shape(y.shape)[1:])
    return [*images, *_placed_window(site), *sizes(*window_of(site.op).input_dilation, site.integer("groups"))]


def _conv2d(site: Site) -> Call:
    x, y = site.x[0], site.y
    if runs_depthwise(site.op, site.x, y):
        return _depthwise(site)
    if convolves_on_row_pairs(site.op, site.x, y):
        return _conv_pairs(site)
    arguments = [
        site.at(x), site.param("weight"), site.param("bias"), site.param("multiplier"), site.at(y),
        *_conv2d_sizes(site), *bits(x, y), signed(x.zero_point), *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return call("conv2d", "conv2d_q", arguments)


def _depthwise(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("stream"), site.at(y), site.scratch("int32"), *sizes(*image_shape(x.shape)),
        *sizes(*image_shape(y.shape)[1:3]), *_placed_window(site), *bits(x, y), signed(x.zero_point),
        *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return call("depthwise", "depthwise_q", arguments)


def _conv_pairs(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("stream"), site.at(y), site.scratch("int32"), *sizes(*image_shape(x.shape)),
        *sizes(*image_shape(y.shape)[1:]), *_placed_window(site), *bits(y), signed(x.zero_point),
        *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return call("conv_pairs", "conv_pairs", arguments)


def _pool_sizes(site: Site) -> list[str]:
    x, y = site.x[0], site.y
    return [*sizes(*image_shape(x.shape)[:3], *image_shape(y.shape)[1:]), *_placed_window(site)]


def _average_pool(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("multiplier"), site.at(y), *_pool_sizes(site),
        unsigned(bool(site.op.attrs["count_padding"])), *bits(x, y), *site.zero_points(), *site.signed("shift"),
    ]  # fmt: skip
    return call("pool", "average_pool_q", arguments)


def _max_pool(site: Site) -> Call:
    return call("pool", "max_pool_q", [site.at(site.x[0]), site.at(site.y), *_pool_sizes(site), *bits(site.y)])


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_conv2d(site: Site) -> Call:
    arguments = [
        site.at(site.x[0]), site.param("weight"), site.param("bias"), site.at(site.y), *_conv2d_sizes(site)
    ]  # fmt: skip
    return call("conv2d_f32", "conv2d_f32", arguments)


def _float_average_pool(site: Site) -> Call:
    arguments = [
        site.at(site.x[0]),
        site.at(site.y),
        *_pool_sizes(site),
        unsigned(bool(site.op.attrs["count_padding"])),
    ]
    return call("pool_f32", "average_pool_f32", arguments)


def _float_max_pool(site: Site) -> Call:
    return call("pool_f32", "max_pool_f32", [site.at(site.x[0]), site.at(site.y), *_pool_sizes(site)])


INTEGER: Emitters = {"conv2d": _conv2d, "average_pool": _average_pool, "max_pool": _max_pool}

FLOAT: Emitters = {"conv2d": _float_conv2d, "average_pool": _float_average_pool, "max_pool": _float_max_pool}
