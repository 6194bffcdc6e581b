"""Operators with a linear recurrence: the selective scan."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.ir.ops.op_spec import (
    SHIFT,
    SIZE,
    Array,
    Form,
    Operands,
    OpSpec,
    Shape,
    arithmetic_attrs,
    float_params,
    integer,
    require_below,
    require_int16,
    require_symmetric,
    wide_params,
)
from smidgen.numerics import float32, scan, scan_state
from smidgen.numerics.decay import FRACTION_BITS


def _scan_shape(op: Op, x: Operands) -> Shape:
    u, delta, B, C = (tensor.shape for tensor in x)
    if len(u) != 2 or len(B) != 2 or len(delta) != 2 or B != C or not u[0] == B[0] == delta[0]:
        raise GraphError(f"{op.name}: u (t, d), delta (t, heads) and B, C (t, n) expected; got {u}, {delta}, {B}, {C}")
    groups, heads = integer(op, "groups"), delta[1]
    if u[1] % heads or u[1] % groups or B[1] % groups:
        raise GraphError(
            f"{op.name}: {u[1]} channels of {B[1]} states part neither into {heads} heads nor {groups} groups"
        )
    decays = op.params["A" if x[0].is_float else "decay_multiplier"].shape
    told = (heads,) if x[0].is_float else (heads, 1)  # one row of integers may hold for all heads
    if len(decays) != 2 or decays[0] not in told or decays[1] not in (B[1] // groups, 1):
        raise GraphError(f"{op.name}: {heads} heads of {B[1] // groups} states have decays {decays}")
    return u


def _scan(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    u, delta, B, C, state, *dither = arrays
    return scan.selective_scan(
        u, delta, B, C, **wide_params(op), **arithmetic_attrs(op), zero_point=y.zero_point, dtype=y.dtype,
        carried=state, dither=dither[0] if dither else None,
    )  # fmt: skip


def saturated_states(op: Op, y: Tensor, arrays: list[Array]) -> int:
    """Return how many states an integer scan held at an end of their range, or drove by what it held at one.

    Args: arrays, u, delta, B and C (batch, ...).
    """
    u, delta, B, C = (array.astype(np.int64) for array in arrays)
    count = np.zeros(len(u), np.int64)
    scan.selective_scan(
        u, delta, B, C, **wide_params(op), **arithmetic_attrs(op), zero_point=y.zero_point, dtype=y.dtype,
        saturated=count,
    )  # fmt: skip
    return int(count.sum())


def _float_scan(op: Op, x: Operands, y: Tensor, arrays: list[Array]) -> Array:
    *operands, state = arrays
    params: dict[str, Any] = {**float_params(op), **arithmetic_attrs(op)}
    return float32.selective_scan(*operands, **params, carried=state)


def _prove_scan(op: Op, x: Operands, y: Tensor) -> None:
    require_symmetric(op, x[0])
    require_int16(op, *x[1:])
    if integer(op, "product_shift") > scan.PRODUCT_SHIFTS[x[0].dtype]:
        raise GraphError(f"{op.name}: products with {x[0].dtype} cannot be shifted by {op.attrs['product_shift']} bits")
    decays = op.params["decay_multiplier"].shape
    if op.attrs["chain"] and decays[1] != 1:
        raise GraphError(f"{op.name}: a chain of decays is told by one a head, not by {decays[1]}")
    n_states = x[2].shape[1] // integer(op, "groups")
    if _is_narrow(op):  # the kernel fills its 16 bits, and adds up in 64
        if integer(op, "state_bits") != scan_state.NARROW_STATE_BITS:
            raise GraphError(
                f"{op.name}: states of 16 bits reach 2**{scan_state.NARROW_STATE_BITS}, state_bits is "
                f"{op.attrs['state_bits']}; lower the model again"
            )
        return
    require_below(op, "the sum over states", n_states * 2 ** (integer(op, "state_bits") - 1) + n_states // 2, 31)


def _scan_states(op: Op, x: Operands, y: Tensor) -> tuple[State, ...]:
    shape = (x[0].shape[1], x[2].shape[1] // integer(op, "groups"))
    if y.is_float or not _is_narrow(op):
        return (State(role="state", shape=shape, dtype="float32" if y.is_float else "int32"),)
    return (
        State(role="state", shape=shape, dtype="int16"),
        State(role="dither", shape=(1,), dtype="int32", initial=scan_state.DITHER_FIRST),
    )


def _is_narrow(op: Op) -> bool:
    """True for a scan of integers with states of 16 bits."""
    return integer(op, "state_width") == 16


def _scan_scratch_bytes(op: Op, x: Operands, y: Tensor) -> int:
    """Return room for the inputs of a step as the kernel reads them, and for decays where each state has its own."""
    if y.is_float:
        return 0
    n_states, decays = x[2].shape[1] // integer(op, "groups"), op.params["decay_multiplier"].shape[1]
    each, together = (4, 4) if _is_narrow(op) else (5, 6)
    words = each * -(-n_states // 2) if decays > 1 else together * (n_states // 4)
    return 4 * max(1, words)


SPECS: Mapping[str, OpSpec] = {
    "selective_scan": OpSpec(
        arity=4, shape=_scan_shape, time="recurrence",
        macs=lambda op, x, y: 3 * x[0].size * x[2].shape[1] // integer(op, "groups"), states=_scan_states,
        scratch_bytes=_scan_scratch_bytes,
        integer=Form(
            params={
                "decay_multiplier": ("int32", ".."), "drive_multiplier": ("int32", "o"),
                "output_multiplier": ("int32", "o"), "skip_multiplier": ("int32", "o"),
            },
            attrs={
                "fraction_bits": FRACTION_BITS, "product_shift": range(10), "drive_shift": range(-30, 30),
                "output_shift": SHIFT, "state_width": range(16, 33, 16),
                "state_bits": range(1, scan_state.STATE_BITS_MAX + 1), "groups": SIZE, "chain": bool, "reverse": bool,
            },
            prove=_prove_scan, evaluate=_scan,
        ),
        float32=Form(
            params={"A": ("float32", ".."), "D": ("float32", "o")}, attrs={"groups": SIZE, "reverse": bool},
            evaluate=_float_scan,
        ),
    ),
}  # fmt: skip
