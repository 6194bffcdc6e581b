"""Calls of norms."""

from smidgen.codegen.c_text import floating, signed, signed64
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, rows, sizes


def _norm(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("gain"), site.param("bias"), site.at(y), *sizes(rows(x), x.shape[-1]), *bits(x, y),
        signed(x.zero_point), *site.signed("gain_shift", "fraction_bits"), signed64(site.integer("epsilon")),
        *site.signed("mean_multiplier", "mean_shift"),
    ]  # fmt: skip
    return call("norm", "norm_q", arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_norm(site: Site) -> Call:
    x = site.x[0]
    arrays = [site.param(role) for role in ("gain", "bias") if role in site.op.params]
    eps = floating(float(site.op.attrs["eps"]))  # type: ignore[arg-type]
    arguments = [site.at(x), *arrays, site.at(site.y), *sizes(rows(x), x.shape[-1]), eps]
    return call("norm_f32", f"{site.op.kind}_f32", arguments)


INTEGER: Emitters = {"rms_norm": _norm, "layer_norm": _norm}

FLOAT: Emitters = {
    "rms_norm": _float_norm, "layer_norm": _float_norm,
}  # fmt: skip
