"""What a call is made of: the place of an op among operands, memory and constants, as C expressions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from smidgen.codegen.c_text import BITS, arena_view, floating, signed, unsigned
from smidgen.codegen.weights import Constants
from smidgen.ir.graph import DTYPE_BYTES, Graph, Op, Tensor
from smidgen.ir.ops import OP_SPECS, states_of
from smidgen.ir.ops.op_spec import integer, number
from smidgen.passes.memory_plan import MemoryPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """Statements of one operator and the kernel file they need; a loop needs `more_kernels`, those of its body."""

    kernel: str
    statements: tuple[str, ...]
    more_kernels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where an op stands: its operands, result and constants as C expressions."""

    graph: Graph
    plan: MemoryPlan
    constants: Constants
    op: Op

    @property
    def x(self) -> tuple[Tensor, ...]:
        """Input tensors."""
        return self.graph.operands(self.op)

    @property
    def y(self) -> Tensor:
        """Output tensor."""
        return self.graph[self.op.output]

    @property
    def more(self) -> tuple[Tensor, ...]:
        """Results beside the output."""
        return tuple(self.graph[name] for name in self.op.more)

    def at(self, tensor: Tensor) -> str:
        """Return the expression for a tensor's address."""
        placement = self.plan.placements[tensor.name]
        if placement.region in ("arena", "state"):
            return arena_view(tensor.dtype, placement.region, placement.offset)
        if placement.region == "constant":
            assert tensor.data is not None
            return self.constants.symbol(tensor.data)
        if placement.offset:
            return f"&{placement.region}[{placement.offset // DTYPE_BYTES[tensor.dtype]}]"
        return placement.region

    def state(self, role: str) -> str:
        """Return the expression for the memory of one of the op's states."""
        placement = self.plan.states[self.op.name][role]
        dtypes = {state.role: state.dtype for state in states_of(self.graph, self.op)}
        return arena_view(dtypes[role], placement.region, placement.offset)

    def scratch(self, dtype: str) -> str:
        """Return the expression for the op's scratch memory, a null pointer where its kernel uses none on this core."""
        if self.op.name not in self.plan.scratch and not self.plan.has_dsp and OP_SPECS[self.op.kind].scratch_needs_dsp:
            return "NULL"
        return arena_view(dtype, "arena", self.plan.scratch[self.op.name])

    def param(self, role: str) -> str:
        """Return the C name of a constant array."""
        return self.constants.param(self.op.name, role)

    def integer(self, key: str) -> int:
        """Return an integer attribute."""
        return integer(self.op, key)

    def floating(self, key: str) -> str:
        """Return a real attribute as a float literal."""
        return floating(number(self.op, key))

    def signed(self, *keys: str) -> list[str]:
        """Return attributes as signed literals."""
        return [signed(self.integer(key)) for key in keys]

    def unsigned(self, *keys: str) -> list[str]:
        """Return attributes as unsigned literals."""
        return [unsigned(self.integer(key)) for key in keys]

    def zero_points(self) -> list[str]:
        """Return the zero points of the inputs and the output as literals."""
        return [signed(tensor.zero_point) for tensor in (*self.x, self.y)]


Emitter = Callable[[Site], Call]
Emitters = Mapping[str, Emitter]


def call(kernel: str, function: str, arguments: Sequence[str]) -> Call:
    """Return the call of one kernel function."""
    return Call(kernel=kernel, statements=(f"{function}({', '.join(arguments)});",))


def bits(*tensors: Tensor) -> list[str]:
    """Return the widths of integer types as literals."""
    return [unsigned(BITS[tensor.dtype]) for tensor in tensors]


def sizes(*counts: int) -> list[str]:
    """Return sizes as literals."""
    return [unsigned(size) for size in counts]


def rows(tensor: Tensor) -> int:
    """Return how many rows of its last axis a tensor has."""
    return tensor.size // tensor.shape[-1]
