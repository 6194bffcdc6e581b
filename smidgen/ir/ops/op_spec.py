"""How one kind of operator is described: shape, arithmetic in both precisions, proofs, work, memory, use of time.

Each family of operators is a module beside this one; a kind is told whole in one place, so that a new operator is one
entry here, its arithmetic in `numerics`, and its call in `codegen`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.ir.graph import Op, State, Tensor
from smidgen.numerics.exponential import EXPONENT_MAX
from smidgen.numerics.fixed_point import integer_range

Array = NDArray[Any]
Operands = tuple[Tensor, ...]
Shape = tuple[int, ...]

#: What an attribute may hold: a whole number between two ends, or a value of a type.
Legal = range | type

#: role -> (dtype, axes) of the constant arrays of an op.
Params = Mapping[str, tuple[str, str]]

#: op, operands, result, values (batch, *shape) of the operands and then of the op's states (int64 for integers) ->
#: values of the result, or of all results of a kind that has several. The arrays of the states are left holding what
#: the op carries on.
Evaluate = Callable[[Op, Operands, Tensor, list[Array]], Array | tuple[Array, ...]]


def _proves_nothing(op: Op, x: Operands, y: Tensor) -> None:
    """The form has no sum that could overflow, and no demand on its operands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A kind in one arithmetic, integer or float32.

    `params`: role -> (dtype, axes) of a constant array, or a function of the op that gives them. An axis is a letter: o
    and i for the last axis of the output and of the first input, n for that of the last input, t for the entries of a
    table over the first input, k for the knots of an int16 table, "." for any size. `attrs`: name -> legal values of a
    scalar, or a function of the op that gives them. `evaluate` is the reference. `prove` raises GraphError, naming the
    op, where its operands are not what the arithmetic needs or a sum could leave its register: whoever wrote the graph,
    lowering or a file.
    """

    evaluate: Evaluate
    params: Params | Callable[[Op], Params] = field(default_factory=dict)
    attrs: Mapping[str, Legal] | Callable[[Op], Mapping[str, Legal]] = field(default_factory=dict)
    prove: Callable[[Op, Operands, Tensor], None] = _proves_nothing

    def legal_params(self, op: Op) -> Params:
        """Return the constant arrays that `op` must have."""
        return self.params(op) if callable(self.params) else self.params

    def legal_attrs(self, op: Op) -> Mapping[str, Legal]:
        """Return the attributes that `op` must have."""
        return self.attrs(op) if callable(self.attrs) else self.attrs


@dataclass(frozen=True, slots=True, kw_only=True)
class OpSpec:
    """The static side of one kind of operator; an arithmetic that it does not have is None.

    `time`: how the op behaves along the first axis, for the streaming pass (DESIGN section 5).
    `in_place`: how many of its inputs, from the first on, its kernel reads at element i before it writes element i.
    `moves`: it only moves elements, so that type and scale stay as they are.
    `takes_indices`: its first operand numbers rows of a table, in any type; its result decides the arithmetic.
    `gives_indices`: its result is int32 whatever its operands are.
    `states`: what it carries from one element along time to the next.
    `result_state`: the state, by role, in whose bytes the result stands; such an op belongs to a step graph.
    `element_limit`: how many elements along time it may see from reset on, None for any number.
    `scratch_bytes`: memory that it needs while it runs, besides its states.
    `scratch_needs_dsp`: its kernels use that memory with Arm's DSP extension alone.
    `more`: shape and type of the results beside the first, of which an op has all or none.
    """

    arity: int | None  # None: one or more
    shape: Callable[[Op, Operands], Shape]
    time: str
    integer: Form | None = None
    float32: Form | None = None
    in_place: int = 0
    moves: bool = False
    takes_indices: bool = False
    gives_indices: bool = False
    macs: Callable[[Op, Operands, Tensor], int] = lambda op, x, y: 0
    states: Callable[[Op, Operands, Tensor], tuple[State, ...]] = lambda op, x, y: ()
    result_state: str | None = None
    element_limit: Callable[[Op, Operands, Tensor], int | None] = lambda op, x, y: None
    scratch_bytes: Callable[[Op, Operands, Tensor], int] = lambda op, x, y: 0
    scratch_needs_dsp: bool = False
    more: Callable[[Op, Operands, Tensor], tuple[tuple[Shape, str], ...]] = lambda op, x, y: ()

    def is_float(self, x: Operands, y: Tensor) -> bool:
        """True where an op computes in float32."""
        return y.is_float if self.takes_indices else any(tensor.is_float for tensor in x)


# ---- legal values that families share --------------------------------------------------------------------------------

SHIFT = range(-30, 32)
MULTIPLIER = range(2**31)
RIGHT_SHIFT = range(63)
COUNT = range(2**31)
SIZE = range(1, 2**31)

AXIS = {"axis": COUNT}
SCALED = {"multiplier": MULTIPLIER, "shift": SHIFT}
ACCUMULATOR = {"shift": SHIFT, "accumulator_bound": range(2**31)}


# ---- reading an op ---------------------------------------------------------------------------------------------------


def integer(op: Op, key: str) -> int:
    """Return an attribute that is a whole number."""
    value = op.attrs[key]
    assert isinstance(value, int)
    return value


def number(op: Op, key: str) -> float:
    """Return an attribute that is a real number."""
    value = op.attrs[key]
    assert isinstance(value, float)
    return value


def integers(op: Op, key: str) -> tuple[int, ...]:
    """Return an attribute that is a tuple of whole numbers."""
    value = op.attrs[key]
    assert isinstance(value, tuple)
    return value


def axis_of(op: Op, x: Operands) -> int:
    """Return the attribute `axis`, which the first operand must have."""
    axis = integer(op, "axis")
    if not 0 <= axis < len(x[0].shape):
        raise GraphError(f"{op.name}: {x[0].shape} has no axis {axis}")
    return axis


def wide_params(op: Op) -> dict[str, Any]:
    """Return the constant arrays as int64, in which the reference computes."""
    return {role: array.astype(np.int64) for role, array in op.params.items()}


def float_params(op: Op) -> dict[str, Any]:
    """Return the constant arrays as keyword arguments of a float32 reference."""
    return dict(op.params)


def arithmetic_attrs(op: Op) -> dict[str, Any]:
    """Return the attributes that a reference takes, without those that only document a proof."""
    return {key: value for key, value in op.attrs.items() if key != "accumulator_bound"}


# ---- rules that families share ---------------------------------------------------------------------------------------


def same_shape(op: Op, x: Operands) -> Shape:
    """All operands and the result have one shape."""
    for other in x[1:]:
        if other.shape != x[0].shape:
            raise GraphError(f"{op.name}: operands differ in shape, {x[0].shape} and {other.shape}")
    return x[0].shape


def broadcast_shape(op: Op, x: Operands) -> Shape:
    """Operands are repeated along axes of one element to a common shape, as in numpy."""
    try:
        return np.broadcast_shapes(*(tensor.shape for tensor in x))
    except ValueError as error:
        shapes = " and ".join(str(tensor.shape) for tensor in x)
        raise GraphError(f"{op.name}: operands of shapes {shapes} cannot be broadcast to one") from error


def broadcast(y: Tensor, arrays: list[Array]) -> list[Array]:
    """Return values (batch, *shape) with axes of one element in front, so that numpy broadcasts them to y's shape."""
    rank = len(y.shape)
    return [array.reshape(len(array), *[1] * (rank + 1 - array.ndim), *array.shape[1:]) for array in arrays]


def require_one_scale(op: Op, *tensors: Tensor) -> None:
    """Raise GraphError unless all tensors have one type and scale."""
    first, *others = tensors
    for tensor in others:
        if (tensor.dtype, tensor.qparams) != (first.dtype, first.qparams):
            raise GraphError(f"{op.name}: {tensor.name} must have the type and scale of {first.name}; rescale it")


def span(x: Tensor) -> int:
    """Return the largest distance between two values, or between a value and a zero point."""
    low, high = integer_range(x.dtype)
    return high - low


def require_below(op: Op, what: str, bound: int, bits: int) -> None:
    """Raise GraphError where a sum could reach 2**bits."""
    if bound >= 2**bits:
        raise GraphError(f"{op.name}: {what} can reach {bound}, it must stay below 2**{bits}; lower the model again")


def prove_deviations(
    op: Op, count: int, largest: int, *, fraction_bits: int, mean_multiplier: int, mean_shift: int, epsilon: int = 0
) -> None:
    """Raise GraphError where sums of `count` deviations or of their squares could leave their registers."""
    require_below(op, "the sum of a row", count * largest, 31)
    require_below(op, "the power of a row", count * (largest << fraction_bits) ** 2 + epsilon, 62)
    if mean_multiplier * 2.0 ** (mean_shift - 32) > 2.0**fraction_bits / count * (1 + 2.0**-10):
        raise GraphError(f"{op.name}: mean_multiplier says more than the mean of {count} features")


def prove_exponent(op: Op, prefix: str) -> None:
    """Raise GraphError where a difference within the limit could leave its register, or fall below 2^-31."""
    multiplier, shift, limit = (integer(op, f"{prefix}_{name}") for name in ("multiplier", "shift", "limit"))
    require_below(op, "a difference", limit << shift, 31)
    largest = ((limit << shift) * multiplier + (1 << 31)) >> 32
    if largest > EXPONENT_MAX:
        raise GraphError(f"{op.name}: an exponent can reach {largest}, at most {EXPONENT_MAX} is defined")


def require_int16(op: Op, *tensors: Tensor) -> None:
    """Raise GraphError unless all tensors are int16."""
    for tensor in tensors:
        if tensor.dtype != "int16":
            raise GraphError(f"{op.name}: {tensor.name} must be int16, it is {tensor.dtype}")


def require_symmetric(op: Op, *tensors: Tensor) -> None:
    """Raise GraphError unless all tensors have zero point 0."""
    for tensor in tensors:
        if tensor.zero_point:
            raise GraphError(f"{op.name}: {tensor.name} must be symmetric, its zero point is {tensor.zero_point}")
