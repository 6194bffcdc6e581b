"""Memory that a loop uses while it runs: buffers for what its body reads and writes at a step, then the body's arena.

The body reads frames and writes what it emits where they stand in the whole tensors; where a frame does not begin on an
aligned byte it is copied. The states for the next step have buffers of their own, as the body may still read the old.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.ir.graph import Op, Tensor
from smidgen.ir.ops.loop import Ports

ALIGNMENT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopBuffers:
    """Offsets in the loop's scratch of the body's ports that have a buffer, by name, and of the body's arena."""

    offsets: Mapping[str, int]
    arena: int


def loop_buffers(op: Op, x: tuple[Tensor, ...]) -> LoopBuffers:
    """Lay out the buffers of a loop with operands `x`, one behind the other."""
    ports, steps = Ports.of(op), x[0].shape[0]
    moving = [port for port in (*ports.frames, *ports.emitted) if steps > 1 and port.n_bytes % ALIGNMENT]
    offsets, end = {}, 0
    for port in (*ports.following, *moving):
        offsets[port.name] = end
        end += aligned(port.n_bytes)
    return LoopBuffers(offsets=offsets, arena=end)


def aligned(n_bytes: int) -> int:
    """Return the next multiple of the alignment."""
    return (n_bytes + ALIGNMENT - 1) // ALIGNMENT * ALIGNMENT
