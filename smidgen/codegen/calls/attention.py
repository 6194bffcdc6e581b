"""Calls of attention."""

from smidgen.codegen.c_text import floating, signed, unsigned
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes


def _attention_sizes(site: Site) -> list[str]:
    (steps_q, heads, width), steps_k = site.x[0].shape, site.x[1].shape[0]
    return sizes(steps_q, steps_k, heads, width)


def _attention(site: Site) -> Call:
    q, k, v = site.x
    arguments = [
        site.at(q), site.at(k), site.at(v), site.at(site.y), site.scratch("int32"), *_attention_sizes(site),
        unsigned(bool(site.op.attrs["causal"])), *bits(q, k, v, site.y),
        *site.signed(
            "score_prescale", "score_multiplier", "score_shift", "score_limit", "value_shift", "output_multiplier",
            "output_shift",
        ),
        signed(site.y.zero_point),
    ]  # fmt: skip
    return call("attention", "attention_q", arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_attention(site: Site) -> Call:
    scale = floating(float(site.op.attrs["scale"]))  # type: ignore[arg-type]
    arguments = [
        *(site.at(x) for x in site.x), site.at(site.y), site.scratch("float32"), *_attention_sizes(site),
        scale, unsigned(bool(site.op.attrs["causal"])),
    ]  # fmt: skip
    return call("attention_f32", "attention_f32", arguments)


INTEGER: Emitters = {"attention": _attention}

FLOAT: Emitters = {
    "attention": _float_attention,
}  # fmt: skip
