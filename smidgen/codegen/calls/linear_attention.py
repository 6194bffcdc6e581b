"""Calls of causal attention without a softmax."""

from smidgen.codegen.c_text import signed
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, sizes


def _operands(site: Site) -> list[str]:
    decay = site.param("decay") if "decay" in site.op.params else "0"
    tensors = [*(site.at(x) for x in site.x), decay, site.at(site.y), site.state("state")]
    return [*tensors, *sizes(*site.x[0].shape, site.y.shape[2])]


def _linear_attention(site: Site) -> Call:
    arguments = [
        *_operands(site), *bits(*site.x, site.y),
        *site.signed("state_shift", "output_prescale", "output_multiplier", "output_shift"),
        signed(site.y.zero_point),
    ]  # fmt: skip
    return call("linear_attention", "linear_attention_q", arguments)


def _float_linear_attention(site: Site) -> Call:
    scale = site.floating("scale")
    return call("linear_attention_f32", "linear_attention_f32", [*_operands(site), scale])


INTEGER: Emitters = {"linear_attention": _linear_attention}

FLOAT: Emitters = {"linear_attention": _float_linear_attention}
