"""What a memory plan says: where tensors, states and scratch live, and what decided the size of the arena."""

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.ir.graph import Graph, Op
from smidgen.ir.ops import OP_SPECS
from smidgen.passes.loop_memory import loop_buffers


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Memory of one tensor or state: `region` is "arena", "state", "constant", or the name of an input or output."""

    region: str
    offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Placements by tensor, those of states and scratch by op, and what decided the size of the arena.

    `bodies` are the plans of loops' bodies, by op: their arena is the part of the loop's scratch behind its buffers.
    Without `has_dsp`, kernels that use Arm's DSP extension have no scratch, so that none of the program may use it.
    """

    placements: Mapping[str, Placement]
    states: Mapping[str, Mapping[str, Placement]]  # by op and role: state bytes in a step graph, the arena in a window
    scratch: Mapping[str, int]
    views: frozenset[str]  # ops that need no code: their result is bytes that already stand where they should
    arena_bytes: int
    state_bytes: int
    lower_bound_bytes: int  # the largest sum of live bytes in this order of ops
    gap: str  # why the arena is larger than that; empty where it is not
    peak_op: str
    bodies: Mapping[str, "MemoryPlan"]
    known_outputs: Mapping[str, int]  # arena bytes of outputs while the self-test runs, where they are large
    has_dsp: bool = True

    @property
    def as_in_selftest(self) -> Mapping[str, Placement]:
        """The placements while the self-test runs: large outputs stand in the arena instead of the caller's buffer."""
        return {
            name: Placement(region="arena", offset=self.known_outputs[place.region] + place.offset)
            if place.region in self.known_outputs
            else place
            for name, place in self.placements.items()
        }


def scratch_bytes(graph: Graph, op: Op, bodies: Mapping[str, MemoryPlan], *, has_dsp: bool) -> int:
    """Return the arena bytes that an op needs while it runs, besides its states; a loop's hold its body's arena."""
    if op.body is not None:
        return loop_buffers(op, graph.operands(op)).arena + bodies[op.name].arena_bytes
    spec = OP_SPECS[op.kind]
    if spec.scratch_needs_dsp and not has_dsp:
        return 0
    return spec.scratch_bytes(op, graph.operands(op), graph[op.output])
