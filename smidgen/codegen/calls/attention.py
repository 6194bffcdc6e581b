"""Calls of attention and of rotary positions."""

from smidgen.codegen.c_text import signed
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes
from smidgen.ir.ops.attention import pair_room, runs_on_query_pairs, span_of


def _span(site: Site) -> list[str]:
    """Return sizes, what a query sees, and the strides of the bias (0 where there is none)."""
    (steps_q, heads, width), (steps_k, groups, _) = site.x[0].shape, site.x[1].shape
    span, bias = span_of(site.op), site.op.params.get("bias")
    strides = (0, 0, 0, 0) if bias is None else span.bias_strides(bias, steps_q, steps_k)
    return [
        *sizes(steps_q, steps_k, heads, groups, width, site.y.shape[-1]),
        *sizes(span.causal, span.window, span.offset), *map(signed, strides),
    ]  # fmt: skip


def _operands(site: Site, scratch: str) -> list[str]:
    bias = site.param("bias") if "bias" in site.op.params else "0"
    return [*(site.at(x) for x in site.x), bias, site.at(site.y), site.scratch(scratch)]


def _attention(site: Site) -> Call:
    if runs_on_query_pairs(site.op, site.x, site.y):
        return _attention_pairs(site)
    arguments = [
        *_operands(site, "int32"), *_span(site), *bits(*site.x, site.y),
        *site.signed(
            "score_prescale", "score_multiplier", "score_shift", "score_limit", "bias_shift", "value_shift",
            "output_multiplier", "output_shift",
        ),
        signed(site.y.zero_point),
    ]  # fmt: skip
    return call("attention", "attention_q", arguments)


def _attention_pairs(site: Site) -> Call:
    span = span_of(site.op)
    (steps_q, heads, width), (steps_k, groups, _) = site.x[0].shape, site.x[1].shape
    arguments = [
        *(site.at(x) for x in site.x), site.at(site.y), site.scratch("int32"),
        *sizes(pair_room(site.op, site.x), steps_q, steps_k, heads, groups, width, site.y.shape[-1]),
        *sizes(span.causal, span.window, span.offset),
        *site.signed("score_multiplier", "score_shift", "score_limit", "output_multiplier", "output_shift"),
        signed(site.y.zero_point),
    ]  # fmt: skip
    return call("attention_pairs", "attention_pairs_s8", arguments)


def _rotary(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        *_turned(site), *bits(x, y), signed(x.zero_point), signed(y.zero_point),
        *site.signed("table_bits", "multiplier", "shift"),
    ]  # fmt: skip
    return call("rotary", "rotary_q", arguments)


def _turned(site: Site) -> list[str]:
    pairs, interleaved = site.x[1].shape[2], bool(site.op.attrs["interleaved"])
    return [*(site.at(x) for x in site.x), site.at(site.y), *sizes(*site.y.shape, pairs, interleaved)]


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_attention(site: Site) -> Call:
    scale = site.floating("scale")
    return call("attention_f32", "attention_f32", [*_operands(site, "float32"), *_span(site), scale])


def _float_rotary(site: Site) -> Call:
    return call("rotary_f32", "rotary_f32", _turned(site))


INTEGER: Emitters = {"attention": _attention, "rotary": _rotary}

FLOAT: Emitters = {"attention": _float_attention, "rotary": _float_rotary}
