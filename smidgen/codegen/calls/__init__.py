"""One C call an operator: which kernel, with which arguments; by family, as `ir.ops`.

Sizes are literals, so the compiler specialises each call.
"""

from dataclasses import replace

from smidgen.codegen.c_text import BITS, bit_pattern, signed, unsigned
from smidgen.codegen.calls import (
    attention,
    cached_attention,
    embedding,
    layout,
    linear_attention,
    loop,
    matmul,
    max_plus,
    normalization,
    pointwise,
    projections,
    recurrences,
    recurrent_layers,
    reductions,
    running,
    sliding,
    softmax,
    streaming,
)
from smidgen.codegen.calls.site import Call, Emitters, Site
from smidgen.errors import GraphError
from smidgen.ir.graph import State
from smidgen.ir.ops import OP_SPECS, states_of

__all__ = ["Call", "Site", "call_for", "reset_statements"]

_INTEGER: Emitters = {
    **projections.INTEGER, **pointwise.INTEGER, **normalization.INTEGER, **attention.INTEGER, **recurrences.INTEGER,
    **recurrent_layers.INTEGER, **reductions.INTEGER, **running.INTEGER, **matmul.INTEGER, **sliding.INTEGER,
    **layout.INTEGER, **streaming.STREAMING, **cached_attention.INTEGER, **linear_attention.INTEGER,
    **softmax.INTEGER, **max_plus.INTEGER, **embedding.LOOKUP,
}  # fmt: skip
_FLOAT: Emitters = {
    **projections.FLOAT, **pointwise.FLOAT, **normalization.FLOAT, **attention.FLOAT, **recurrences.FLOAT,
    **recurrent_layers.FLOAT, **reductions.FLOAT, **running.FLOAT, **matmul.FLOAT, **sliding.FLOAT, **layout.FLOAT,
    **streaming.STREAMING, **cached_attention.FLOAT, **linear_attention.FLOAT, **softmax.FLOAT, **max_plus.FLOAT,
    **embedding.LOOKUP,
}  # fmt: skip


def call_for(site: Site) -> Call:
    """Return the C of one op; a view of bytes that already stand in place has no statements."""
    if site.op.name in site.plan.views:
        return Call(kernel="memory", statements=())
    if site.op.body is not None:
        return loop.loop(site, _invocation)
    emitters = _FLOAT if OP_SPECS[site.op.kind].is_float(site.x, site.y) else _INTEGER
    if site.op.kind not in emitters:
        raise GraphError(f"{site.op.name}: {site.op.kind} has no C kernel for {site.x[0].dtype}")
    return emitters[site.op.kind](site)


def reset_statements(site: Site) -> tuple[str, ...]:
    """Return the C that sets the states of an op to what they are before the first element along time."""
    return tuple(_reset_statement(site, state) for state in states_of(site.graph, site.op))


def _invocation(site: Site) -> Call:
    """Return the C of an op whose states begin anew each time that it runs."""
    made = call_for(site)
    return replace(made, statements=(*reset_statements(site), *made.statements))


def _reset_statement(site: Site, state: State) -> str:
    if state.first is not None:
        first = site.at(site.graph[state.first])
        return f"copy_bytes({first}, {site.state(state.role)}, {unsigned(state.n_bytes)});"
    value = signed(bit_pattern(state.initial, state.dtype))
    return f"fill_q({site.state(state.role)}, {unsigned(state.size)}, {value}, {unsigned(BITS[state.dtype])});"
