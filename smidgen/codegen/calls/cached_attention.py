"""Calls of one step of attention."""

from smidgen.codegen.c_text import signed
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes

_SCALES = (
    "score_prescale", "score_multiplier", "score_shift", "score_limit", "bias_shift", "value_shift",
    "output_multiplier", "output_shift",
)  # fmt: skip


def _operands(site: Site, scratch: str) -> list[str]:
    """Return everything but the arithmetic: tensors, states, sizes, and how far the bias of a head is from the next."""
    bias = site.op.params.get("bias")
    (_, heads, width), (_, groups, _) = site.x[0].shape, site.x[1].shape
    return [
        *(site.at(x) for x in site.x), "0" if bias is None else site.param("bias"), site.at(site.y),
        *(site.state(role) for role in ("keys", "values", "count")), site.scratch(scratch),
        *sizes(site.integer("window"), heads, groups, width, site.y.shape[-1]),
        signed(0 if bias is None or len(bias) == 1 else bias.shape[1]),
    ]  # fmt: skip


def _attention(site: Site) -> Call:
    arguments = [
        *_operands(site, "int32"), *bits(*site.x, site.y), *site.signed(*_SCALES), signed(site.y.zero_point),
    ]  # fmt: skip
    return call("cached_attention", "cached_attention_q", arguments)


def _float_attention(site: Site) -> Call:
    scale = site.floating("scale")
    return call("cached_attention_f32", "cached_attention_f32", [*_operands(site, "float32"), scale])


INTEGER: Emitters = {"cached_attention": _attention}
FLOAT: Emitters = {"cached_attention": _float_attention}
