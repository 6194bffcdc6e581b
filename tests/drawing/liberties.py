"""Attributes and constants beyond what lowering writes: whatever the spec of an operator calls legal and its proof
accepts must run, whoever wrote the graph."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray
from strategies import float_tensors

from smidgen.errors import GraphError
from smidgen.ir import Op
from smidgen.ir.graph import Attribute
from smidgen.ir.ops.op_spec import Form, Legal

#: What a proof documents and no arithmetic reads, and what decides a shape: that is drawn by the generators.
_LEFT_ALONE = {"accumulator_bound", "axis"}


def with_liberties(draw: st.DrawFn, op: Op, form: Form, check: Callable[[Op], None]) -> Op:
    """Return the op with one attribute or one constant array drawn anew; as it is where `check` refuses the new one."""
    legal = {key: values for key, values in form.legal_attrs(op).items() if key not in _LEFT_ALONE and _is_open(values)}
    if not (legal or op.params):
        return op
    chosen = draw(st.sampled_from([*legal, *op.params]))
    if chosen in legal:
        changed = replace(op, attrs={**op.attrs, chosen: draw(_values(legal[chosen], op.attrs[chosen]))})
    else:
        changed = replace(op, params={**op.params, chosen: draw(_arrays(op.params[chosen], chosen))})
    try:
        check(changed)
    except GraphError:
        return op
    return changed


def _is_open(values: Legal) -> bool:
    """True for whole numbers, truth values and real numbers: names and tuples are told by their operators."""
    return isinstance(values, range) or values in (bool, float)


def _values(legal: Legal, now: Attribute) -> st.SearchStrategy[Attribute]:
    """Return legal values of an attribute: the ends, the neighbours of the present value, any."""
    if legal is bool:
        return st.booleans()
    if legal is float:
        return st.floats(allow_nan=False, allow_infinity=False, width=32)
    assert isinstance(legal, range)
    assert isinstance(now, int)
    near = [value for value in (now - 1, now + 1, now // 2, 2 * now, legal[0], legal[-1]) if value in legal]
    return st.sampled_from(near) | st.integers(legal[0], legal[-1])


@st.composite
def _arrays(draw: st.DrawFn, now: NDArray[Any], role: str) -> NDArray[Any]:
    """Return constants of the type and shape of those there: all alike, at the ends of a range, or spread over it."""
    if now.dtype == np.float32:
        return draw(float_tensors(*now.shape))
    bits = np.iinfo(now.dtype).bits - 1
    largest = 2 ** draw(st.sampled_from([bits, bits, draw(st.integers(1, bits))])) - 1
    lowest = 0 if role.endswith("multiplier") and role != "skip_multiplier" else -largest
    random = np.random.default_rng(draw(st.integers(0, 2**16)))
    match draw(st.sampled_from(["alike", "ends", "spread", "beyond"])):
        case "alike":
            data = np.full(now.shape, draw(st.sampled_from([0, 1, largest, lowest])))
        case "ends":
            data = random.choice([lowest, largest], now.shape)
        case "spread":
            data = random.integers(lowest, largest + 1, now.shape)
        case "beyond":  # the one value that has no positive twin
            data = np.where(random.random(now.shape) < 0.5, np.iinfo(now.dtype).min, now)
    return data.astype(now.dtype)
