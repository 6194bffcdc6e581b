"""GRU, LSTM and RNN layers: gate sums from the input for all steps, then one step after the other.

Operands are the projected input (t, gates * h), then the states before the first step, (h,) each, where they are not 0.
"""

from collections.abc import Callable, Mapping
from typing import Any

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.op_spec import (
    ACCUMULATOR,
    MULTIPLIER,
    Array,
    Evaluate,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    float_params,
    integer,
    require_below,
    require_int16,
    wide_params,
)
from smidgen.ir.ops.projections import prove_weight_accumulator
from smidgen.numerics import float32, gru, lstm, rnn

_GATES = {"gru": 3, "lstm": 4, "rnn": 1}
_STATES = {"gru": ("hidden",), "lstm": ("hidden", "cell"), "rnn": ("hidden",)}
_HIDDEN_SHIFT = range(16)

Recurrence = Callable[..., Any]


def _shape(op: Op, x: Operands) -> Shape:
    rows, width = op.params["weight"].shape
    gates = _GATES[op.kind]
    if rows != gates * width or len(x[0].shape) != 2 or x[0].shape[1] != rows:
        raise GraphError(
            f"{op.name}: weight {(rows, width)} and gates {x[0].shape}; ({gates}h, h) and (t, {gates}h) expected"
        )
    names = _STATES[op.kind]
    if len(x) not in (1, 1 + len(names)) or any(state.shape != (width,) for state in x[1:]):
        given = [state.shape for state in x[1:]]
        raise GraphError(f"{op.name}: first states must be {' and '.join(names)} of shape ({width},), got {given}")
    return (x[0].shape[0], width)


def _evaluate(recurrence: Recurrence) -> Evaluate:
    def evaluate(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array | tuple[Array, ...]:
        projected, states = arrays[0], arrays[len(x) :]
        params = float_params(op) if y.is_float else wide_params(op)
        carried = tuple(states) if len(states) > 1 else states[0]
        result: Array | tuple[Array, ...] = recurrence(projected, **params, **arithmetic_attrs(op), carried=carried)
        return result

    return evaluate


def _prove(op: Op, x: Operands, y: Tensor) -> None:
    require_int16(op, *x, y)
    accumulator = prove_weight_accumulator(
        op, wide_params(op)["weight"], "int16"
    )  # the recurrent weights meet the int16 state
    projected = 32767 * 2**16 * integer(op, "input_multiplier")
    rounding = 2 ** (31 - integer(op, "shift"))
    require_below(op, "a gate sum", projected + accumulator * int(op.params["multiplier"].max()) + rounding, 63)


def _states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    firsts = [tensor.name for tensor in x[1:]]
    return tuple(
        State(role=role, shape=(y.shape[-1],), dtype=y.dtype, first=firsts[index] if firsts else None)
        for index, role in enumerate(_STATES[op.kind])
    )


def _spec(
    kind: str, integers: Recurrence, floats: Recurrence, attrs: Mapping[str, Any], own: Mapping[str, Any]
) -> OpSpec:
    """Return the spec of one kind; `attrs` belong to both arithmetics, `own` to integers alone."""
    return OpSpec(
        arity=None, shape=_shape, time="recurrence",
        macs=lambda op, x, y: x[0].size * y.shape[-1],
        scratch_bytes=lambda op, x, y: 4 * x[0].shape[-1], states=_states,
        more=(lambda op, x, y: ((y.shape[1:], y.dtype),)) if kind == "lstm" else (lambda op, x, y: ()),
        integer=Form(
            params={"weight": ("int8", ".o"), "bias": ("int32", "i"), "multiplier": ("int32", "i")},
            attrs={**ACCUMULATOR, "input_multiplier": MULTIPLIER, "hidden_shift": _HIDDEN_SHIFT, **attrs, **own},
            prove=_prove, evaluate=_evaluate(integers),
        ),
        float32=Form(
            params={"weight": ("float32", ".o"), "bias": ("float32", "i")}, attrs=attrs, evaluate=_evaluate(floats),
        ),
    )  # fmt: skip


SPECS: Mapping[str, OpSpec] = {
    "gru": _spec("gru", gru.gru, float32.gru, {"reverse": bool}, {}),
    "lstm": _spec("lstm", lstm.lstm, float32.lstm, {"reverse": bool}, {"cell_bits": range(16)}),
    "rnn": _spec("rnn", rnn.rnn, float32.rnn, {"reverse": bool, "relu": bool}, {}),
}
