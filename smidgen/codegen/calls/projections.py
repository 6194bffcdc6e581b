"""Calls of products with stored weights."""

from smidgen.codegen.c_text import BITS, signed
from smidgen.codegen.calls.site import Call, Emitters, Site, bits, call, rows, sizes
from smidgen.ir.ops.projections import runs_on_nibble_blocks, runs_on_row_pairs, runs_on_row_quads


def _linear(site: Site) -> Call:
    x, y = site.x[0], site.y
    if runs_on_row_pairs(site.op, site.x, y):
        return _linear_pairs(site)
    if runs_on_row_quads(site.op, site.x, y):
        return _linear_quads(site)
    if runs_on_nibble_blocks(site.op, site.x, y):
        return _linear_nibbles(site)
    kernel, function, weight = (
        ("linear_packed", "linear_packed_q", ("packed", "levels"))
        if "packed" in site.op.params
        else ("linear", "linear_q", ("weight",))
    )
    arguments = [
        site.at(x), *(site.param(role) for role in (*weight, "bias", "multiplier")), site.at(y),
        *sizes(rows(x), x.shape[-1], y.shape[-1]), *bits(x, y), *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return call(kernel, function, arguments)


def _requantisation(site: Site) -> str:
    """Return how the names of functions end that layers with this output share."""
    return f"s{BITS[site.y.dtype]}{'_shifted' if site.integer('shift') else ''}"


def _linear_pairs(site: Site) -> Call:
    x, y = site.x[0], site.y
    function = f"linear_{'row' if rows(x) == 1 else 'rows'}_{_requantisation(site)}"
    arguments = [
        site.at(x), site.param("stream"), site.at(y), site.scratch("int32"), *(sizes(rows(x)) if rows(x) > 1 else ()),
        *sizes(x.shape[-1], y.shape[-1]), *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return call("linear_pairs", function, arguments)


def _linear_quads(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("stream"), site.at(y), site.scratch("int16"), *sizes(rows(x), x.shape[-1], y.shape[-1]),
        *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return call("linear_quads", f"linear_quads_{_requantisation(site)}", arguments)


def _linear_nibbles(site: Site) -> Call:
    x, y = site.x[0], site.y
    is_palette = "levels" in site.op.params
    function = f"linear_{'palette' if is_palette else 'int4'}_s{BITS[x.dtype]}_{_requantisation(site)}"
    constants = ("stream", "pairs") if is_palette else ("stream",)
    arguments = [
        site.at(x), *map(site.param, constants), site.at(y), site.scratch("int32"),
        *sizes(rows(x), x.shape[-1], y.shape[-1]), *site.signed("shift"), signed(y.zero_point),
    ]  # fmt: skip
    return call("linear_nibbles", function, arguments)


# ---- float32 ---------------------------------------------------------------------------------------------------------


def _float_linear(site: Site) -> Call:
    x, y = site.x[0], site.y
    arguments = [
        site.at(x), site.param("weight"), site.param("bias"), site.at(y), *sizes(rows(x), x.shape[-1], y.shape[-1])
    ]  # fmt: skip
    return call("linear_f32", "linear_f32", arguments)


INTEGER: Emitters = {"linear": _linear}

FLOAT: Emitters = {"linear": _float_linear}
