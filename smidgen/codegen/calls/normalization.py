"""Calls of norms."""

from smidgen.codegen.c_text import signed, signed64
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, rows, sizes
from smidgen.ir.ops.normalization import places, runs_on_norm_stream
from smidgen.numerics.norm_stream import one_bias


def _norm(site: Site) -> Call:
    x, y = site.x[0], site.y
    if runs_on_norm_stream(site.op, x, y):
        return _norm_rows(site)
    arguments = [
        site.at(x), site.param("gain"), site.param("bias"), site.at(y), *_parts(site), *bits(x, y),
        signed(x.zero_point), *site.signed("normalised_bits", "root_shift", "shift"), *_statistics(site),
    ]  # fmt: skip
    return call("norm", "norm_q", arguments)


def _norm_rows(site: Site) -> Call:
    x = site.x[0]
    bias = one_bias(site.op.params["bias"])
    arguments = [
        site.at(x), site.param("stream"), site.at(site.y), *sizes(rows(x), x.shape[-1], bias is None),
        signed(bias or 0), signed(x.zero_point), *site.signed("normalised_bits"), *_statistics(site),
    ]  # fmt: skip
    return call("norm_rows", "norm_rows_s8", arguments)


def _statistics(site: Site) -> list[str]:
    return [
        *site.signed("fraction_bits"), signed64(site.integer("epsilon")), *site.signed("mean_multiplier", "mean_shift")
    ]  # fmt: skip


def _parts(site: Site) -> list[str]:
    """Return instances, places, groups and width of what is normalised together; a row is an instance of one place."""
    x = site.x[0]
    if site.op.kind != "group_norm":
        return sizes(rows(x), 1, 1, x.shape[-1])
    groups = site.integer("groups")
    together = places(site.op, site.x)
    return sizes(rows(x) // together, together, groups, x.shape[-1] // groups)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _eps(site: Site) -> str:
    return site.floating("eps")


def _float_rms_norm(site: Site) -> Call:
    x = site.x[0]
    arguments = [site.at(x), site.param("gain"), site.at(site.y), *sizes(rows(x), x.shape[-1]), _eps(site)]
    return call("norm_f32", "rms_norm_f32", arguments)


def _float_norm(site: Site) -> Call:
    arrays = [site.param(role) for role in ("gain", "bias")]
    arguments = [site.at(site.x[0]), *arrays, site.at(site.y), *_parts(site), _eps(site)]
    return call("norm_f32", "layer_norm_f32", arguments)


INTEGER: Emitters = {"rms_norm": _norm, "layer_norm": _norm, "group_norm": _norm}

FLOAT: Emitters = {"rms_norm": _float_rms_norm, "layer_norm": _float_norm, "group_norm": _float_norm}
