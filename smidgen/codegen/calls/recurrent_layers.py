"""Calls of GRU, LSTM and RNN layers."""

from dataclasses import replace

from smidgen.codegen.c_text import unsigned
from smidgen.codegen.calls.site import Call, Emitters, Site, call, sizes

_ROLES = {"gru": ("hidden",), "lstm": ("hidden", "cell"), "rnn": ("hidden",)}


def _layer(site: Site) -> Call:
    kind, is_float = site.op.kind, site.y.is_float
    constants = ("weight", "bias") if is_float else ("weight", "bias", "multiplier")
    scalars = [] if is_float else [*site.signed("input_multiplier", "shift", "hidden_shift")]
    scalars += site.signed("cell_bits") if "cell_bits" in site.op.attrs else []
    flags = [unsigned(bool(site.op.attrs[key])) for key in ("relu", "reverse") if key in site.op.attrs]
    arguments = [
        site.at(site.x[0]), *map(site.param, constants), site.at(site.y), *map(site.state, _ROLES[kind]),
        site.scratch(site.y.dtype if is_float else "int32"), *sizes(*site.y.shape), *scalars, *flags,
    ]  # fmt: skip
    suffix = "f32" if is_float else "q"
    kernel = f"{kind}_f32" if is_float else kind
    layer = call(kernel, f"{kind}_{suffix}", arguments)
    last = [f"copy_bytes({site.state('cell')}, {site.at(more)}, {unsigned(more.n_bytes)});" for more in site.more]
    return replace(layer, statements=(*layer.statements, *last))


INTEGER: Emitters = dict.fromkeys(_ROLES, _layer)

FLOAT: Emitters = dict.fromkeys(_ROLES, _layer)
