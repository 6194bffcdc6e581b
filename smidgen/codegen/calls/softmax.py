"""Calls of softmax and log-softmax."""

from smidgen.codegen.c_text import signed, signed64
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, rows, sizes
from smidgen.ir.ops.softmax import runs_on_words, seen_rows


def _operands(site: Site) -> list[str]:
    return [site.at(site.x[0]), site.at(site.x[1]) if len(site.x) == 2 else "0", site.at(site.y)]


def _sizes(site: Site) -> list[str]:
    return sizes(rows(site.y), site.y.shape[-1], seen_rows(site.x))


def _softmax(site: Site) -> Call:
    x, seen, y = _operands(site)
    powers = site.param("powers") if site.x[0].dtype == "int8" else "0"
    arguments = [
        x, seen, powers, y, site.scratch("int32"), *_sizes(site), *bits(site.x[0], site.y),
        *sizes(runs_on_words(site.op, site.x, site.y)),
        *site.signed("exponent_multiplier", "exponent_shift", "exponent_limit", "output_multiplier", "output_shift"),
        signed(site.y.zero_point),
    ]  # fmt: skip
    return call("softmax", "softmax_q", arguments)


def _log_softmax(site: Site) -> Call:
    x, y = site.x[0], site.y
    multipliers = [signed64(site.integer(key)) for key in ("logit_multiplier", "log_multiplier")]
    arguments = [
        site.at(x), site.at(y), *sizes(rows(y), y.shape[-1]), *bits(x, y),
        *site.signed("exponent_multiplier", "exponent_shift", "exponent_limit"), *multipliers, *site.signed("shift"),
        signed(y.zero_point),
    ]  # fmt: skip
    return call("softmax", "log_softmax_q", arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_softmax(site: Site) -> Call:
    return call("softmax_f32", "softmax_f32", [*_operands(site), *_sizes(site)])


def _float_log_softmax(site: Site) -> Call:
    y = site.y
    return call("softmax_f32", "log_softmax_f32", [site.at(site.x[0]), site.at(y), *sizes(rows(y), y.shape[-1])])


INTEGER: Emitters = {"softmax": _softmax, "log_softmax": _log_softmax}

FLOAT: Emitters = {"softmax": _float_softmax, "log_softmax": _float_log_softmax}
