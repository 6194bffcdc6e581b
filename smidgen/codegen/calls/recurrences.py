"""Calls of operators with a state."""

from smidgen.codegen.c_text import signed
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes


def _scan(site: Site) -> Call:
    u, delta, B, C = site.x
    arguments = [
        site.at(u), site.at(delta), site.at(B), site.at(C),
        *(site.param(f"{role}_multiplier") for role in ("decay", "drive", "output", "skip")),
        site.at(site.y), site.state("state"), *sizes(*u.shape, B.shape[1]), *bits(u, site.y),
        *site.signed("decay_shift", "drive_shift", "output_shift", "state_limit"), signed(site.y.zero_point),
    ]  # fmt: skip
    return call("selective_scan", "selective_scan_q", arguments)


def _gru(site: Site) -> Call:
    arguments = [
        site.at(site.x[0]), *(site.param(role) for role in ("weight", "bias", "multiplier", "sigmoid", "tanh")),
        site.at(site.y), site.state("hidden"), site.scratch("int32"), *sizes(*site.y.shape),
        *site.signed("input_multiplier", "shift"),
    ]  # fmt: skip
    return call("gru", "gru_q", arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_scan(site: Site) -> Call:
    u, _, B, _ = site.x
    arguments = [
        *(site.at(x) for x in site.x), site.param("A"), site.param("D"), site.at(site.y), site.state("state"),
        *sizes(*u.shape, B.shape[1]),
    ]  # fmt: skip
    return call("selective_scan_f32", "selective_scan_f32", arguments)


def _float_gru(site: Site) -> Call:
    arguments = [
        site.at(site.x[0]), site.param("weight"), site.param("bias"), site.at(site.y), site.state("hidden"),
        site.scratch("float32"), *sizes(*site.y.shape),
    ]  # fmt: skip
    return call("gru_f32", "gru_f32", arguments)


INTEGER: Emitters = {"selective_scan": _scan, "gru": _gru}

FLOAT: Emitters = {
    "selective_scan": _float_scan, "gru": _float_gru,
}  # fmt: skip
