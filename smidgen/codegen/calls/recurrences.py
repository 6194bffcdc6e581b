"""Calls of operators with a linear recurrence."""

from smidgen.codegen.c_text import signed, unsigned
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes


def _scan(site: Site) -> Call:
    u, delta, B, C = site.x
    dither = site.state("dither") if site.integer("state_width") == 16 else "NULL"
    arguments = [
        site.at(u), site.at(delta), site.at(B), site.at(C), site.param("decay_multiplier"), site.param("channels"),
        site.at(site.y), site.state("state"), dither, site.scratch("int32"), *_sizes(site),
        *sizes(len(site.op.params["decay_multiplier"])), unsigned(bool(site.op.attrs["chain"])), *bits(u, site.y),
        *site.unsigned("fraction_bits", "product_shift"), *site.signed("drive_shift", "output_shift"),
        *site.unsigned("state_width", "state_bits"), signed(site.y.zero_point),
        unsigned(bool(site.op.attrs["reverse"])),
    ]  # fmt: skip
    return call("selective_scan", "selective_scan_q", arguments)


def _sizes(site: Site) -> list[str]:
    """Return steps, channels, heads, groups, states per channel, decays per head."""
    u, delta, B, _ = site.x
    groups = site.integer("groups")
    decays = site.op.params["A" if u.is_float else "decay_multiplier"].shape[1]
    return sizes(*u.shape, delta.shape[1], groups, B.shape[1] // groups, decays)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_scan(site: Site) -> Call:
    arguments = [
        *(site.at(x) for x in site.x), site.param("A"), site.param("D"), site.at(site.y), site.state("state"),
        *_sizes(site), unsigned(bool(site.op.attrs["reverse"])),
    ]  # fmt: skip
    return call("selective_scan_f32", "selective_scan_f32", arguments)


INTEGER: Emitters = {"selective_scan": _scan}

FLOAT: Emitters = {"selective_scan": _float_scan}
