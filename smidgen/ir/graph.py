"""A static graph of operators on tensors without batch axis, in execution order."""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import GraphError
from smidgen.ir.clock import EVERY_FRAME, Clock
from smidgen.numerics.quantization import QParams

DTYPE_BYTES = {"int8": 1, "int16": 2, "int32": 4, "float32": 4}

Attribute = int | float | str | bool | tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What the numbers of an input or output are, for people: it reaches comments and manifests, never the code."""

    unit: str = ""  # of the real value, e.g. "dBm"
    axes: tuple[str, ...] = ()  # one name an axis, e.g. ("time", "access point"); empty: not named
    description: str = ""  # e.g. "127 = not heard"

    def __post_init__(self) -> None:
        for text in (self.unit, *self.axes, self.description):
            if not isinstance(text, str) or not text.isprintable():
                raise GraphError(f"units, axes and descriptions are one line of printable text, got {text!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensor:
    """A value of the graph. `data` marks a constant; `qparams` says what integers mean (None for float32, int32)."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    qparams: QParams | None = None
    data: NDArray[Any] | None = None
    quantity: Quantity = Quantity()

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Bytes in memory."""
        return self.size * DTYPE_BYTES[self.dtype]

    @property
    def zero_point(self) -> int:
        """Zero point, 0 where the tensor has none."""
        return self.qparams.zero_point if self.qparams else 0

    @property
    def is_float(self) -> bool:
        """True for float32."""
        return self.dtype == "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One operator call.

    `name` follows the user's module path, `kind` is a key of `ir.ops.OP_SPECS`, `params` are its constant arrays by
    role (weight, bias, multiplier, table, ...) and `attrs` its scalars. In a step graph it runs when `clock` ticks.
    `more` are results beside `output`, such as the last state of a recurrence; empty where nobody reads them.
    `body` is what a loop runs at each step, None for every other kind.
    """

    name: str
    kind: str
    inputs: tuple[str, ...]
    output: str
    params: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    attrs: Mapping[str, Attribute] = field(default_factory=dict)
    clock: Clock = EVERY_FRAME
    more: tuple[str, ...] = ()
    body: "Graph | None" = None

    @property
    def outputs(self) -> tuple[str, ...]:
        """All results."""
        return (self.output, *self.more)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What an op carries from one element along time to the next; `role` names it within its op."""

    role: str
    shape: tuple[int, ...]
    dtype: str
    initial: float = 0  # every element, before the first element along time
    first: str | None = None  # the operand of the op that holds them instead

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def n_bytes(self) -> int:
        """Bytes in memory."""
        return self.size * DTYPE_BYTES[self.dtype]


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """Operators in execution order over named tensors.

    The ops of a window begin each run with their states as they are at reset. Those of a step graph (`is_step`) go on
    from where the run before left them: a run takes one frame of each input, and gives its outputs when their clock
    ticks. `frame_limit` is how many frames a recording may have, None for any number.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tensors: Mapping[str, Tensor]
    ops: tuple[Op, ...]
    is_step: bool = False
    frame_limit: int | None = None

    def __getitem__(self, name: str) -> Tensor:
        if name not in self.tensors:
            raise GraphError(f"graph {self.name} has no tensor {name!r}")
        return self.tensors[name]

    def operands(self, op: Op) -> tuple[Tensor, ...]:
        """Return the input tensors of `op`."""
        return tuple(self[name] for name in op.inputs)

    def producer(self, tensor: str) -> Op | None:
        """Return the op that writes `tensor`, None for inputs and constants."""
        return next((op for op in self.ops if tensor in op.outputs), None)

    def consumers(self, tensor: str) -> list[Op]:
        """Return the ops that read `tensor`."""
        return [op for op in self.ops if tensor in op.inputs]

    @property
    def output_clock(self) -> Clock:
        """When a step graph gives its outputs."""
        return next(op.clock for op in self.ops if self.outputs[0] in op.outputs)

    def with_ops(self, ops: Iterable[Op], new_tensors: Iterable[Tensor] = ()) -> "Graph":
        """Return the graph with other operators; tensors that nothing uses any more are dropped."""
        ops = tuple(ops)
        tensors = {**self.tensors, **{tensor.name: tensor for tensor in new_tensors}}
        used = {*self.inputs, *self.outputs, *(name for op in ops for name in (*op.inputs, *op.outputs))}
        return replace(self, ops=ops, tensors={name: tensors[name] for name in tensors if name in used})

    def nested_ops(self) -> Iterator[tuple["Graph", Op]]:
        """Yield every op with the graph in which it stands, those of a loop's body behind the loop."""
        for op in self.ops:
            yield self, op
            if op.body is not None:
                yield from op.body.nested_ops()

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all constants, tables and those of bodies included; shared arrays count once."""
        bodies = [op.body for _, op in self.nested_ops() if op.body is not None]
        arrays = {
            (array.dtype.str, array.tobytes()): array.nbytes
            for array in (
                *(array for _, op in self.nested_ops() for array in op.params.values()),
                *(tensor.data for graph in (self, *bodies) for tensor in graph.tensors.values()
                  if tensor.data is not None),
            )
        }  # fmt: skip
        return sum(arrays.values())


def array_dtype(dtype: str) -> np.dtype[Any]:
    """Return the numpy type of a tensor type."""
    return np.dtype(dtype)
