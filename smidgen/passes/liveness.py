"""Which arena bytes are alive when: who shares bytes with whom, what an op needs besides, when bytes are free again.

All of it holds for any order of the ops: it is told by the set of those that ran, `done`, a bit mask over `graph.ops`.
"""

from collections.abc import Sequence

from smidgen.ir.graph import DTYPE_BYTES, Graph, Op
from smidgen.ir.ops import OP_SPECS
from smidgen.passes.loop_memory import ALIGNMENT

#: Outputs of more bytes than this are no local variables of the self-test, which keeps them in the arena instead.
LARGEST_LOCAL_BYTES = 32


class Liveness:
    """What of a graph's tensors needs arena bytes, from which op to which; `working_bytes` is what each op needs too.

    `views` are ops that need no code, with the byte offset of their result in that of their operand. `home` says for
    every tensor in whose bytes it stands, named after the tensor that is first written there, and where. `n_bytes` and
    `readers` tell of each of those that the arena holds: its size, and the ops that read any part of it, as a mask.
    `made` are those that come to life with each op. `kept_outputs` are outputs that the self-test keeps in the arena.
    """

    def __init__(self, graph: Graph, working_bytes: Sequence[int], *, has_selftest: bool) -> None:
        self.graph = graph
        self.working_bytes = working_bytes
        self.views = _views(graph)
        self.fixed = {
            *graph.inputs,
            *graph.outputs,
            *(tensor.name for tensor in graph.tensors.values() if tensor.data is not None),
            *(op.output for op in graph.ops if graph.is_step and OP_SPECS[op.kind].result_state is not None),
        }
        self.home = self._homes()
        large = has_selftest and sum(graph[name].n_bytes for name in graph.outputs) > LARGEST_LOCAL_BYTES
        self.kept_outputs = frozenset(graph.outputs) if large else frozenset()
        owners = dict.fromkeys(owner for owner, _ in self.home.values())
        self.n_bytes = {name: graph[name].n_bytes for name in owners if self._in_arena(name)}
        self.readers = dict.fromkeys(self.n_bytes, 0)
        for index, op in enumerate(graph.ops):
            for owner in {self.home[name][0] for name in op.inputs} & self.n_bytes.keys():
                self.readers[owner] |= 1 << index
        self.made = [self._made(op) for op in graph.ops]

    def overwritten(self, index: int, done: int) -> str | None:
        """Return the owner of the bytes that an op may write its result over, None where there is none."""
        op = self.graph.ops[index]
        y = self.graph[op.output]
        if self.home[op.output] != (op.output, 0) or op.output in self.fixed:
            return None
        homes = [self.home[name] for name in op.inputs]
        for name, (owner, offset) in list(zip(op.inputs, homes, strict=True))[: OP_SPECS[op.kind].in_place]:
            x = self.graph[name]
            fits = not offset and owner in self.n_bytes and self.n_bytes[owner] == x.n_bytes == y.n_bytes
            # Another operand in the same bytes would be overwritten before it is read.
            is_alone = sum(other == owner for other, _ in homes) == 1
            same_width = DTYPE_BYTES[x.dtype] == DTYPE_BYTES[y.dtype]
            if fits and is_alone and same_width and self._is_last(owner, index, done):
                return owner
        return None

    def dying(self, index: int, done: int) -> set[str]:
        """Return the owners whose bytes nobody reads after an op."""
        touched = {*(self.home[name][0] for name in self.graph.ops[index].inputs), *self.made[index]}
        return {owner for owner in touched & self.n_bytes.keys() if self._is_last(owner, index, done)}

    def _is_last(self, owner: str, index: int, done: int) -> bool:
        return owner not in self.kept_outputs and not self.readers[owner] & ~(done | 1 << index)

    def _made(self, op: Op) -> tuple[str, ...]:
        owners = dict.fromkeys(self.home[name][0] for name in op.outputs)
        return () if op.name in self.views else tuple(owner for owner in owners if owner in self.n_bytes)

    def _in_arena(self, owner: str) -> bool:
        return owner not in self.fixed or owner in self.kept_outputs

    def _homes(self) -> dict[str, tuple[str, int]]:
        home = {name: (name, 0) for name in self.fixed}
        for op in self.graph.ops:
            for name in op.outputs:
                if name in home:
                    continue
                if op.name in self.views:
                    owner, offset = home[op.inputs[0]]
                    home[name] = (owner, offset + self.views[op.name])
                else:
                    home[name] = (_written_to_output(self.graph, name) or name, 0)
        return home


def _views(graph: Graph) -> dict[str, int]:
    """Return op -> byte offset for ops that need no code: reshapes and slices of consecutive bytes."""
    views = {}
    for op in graph.ops:
        x = graph[op.inputs[0]]
        if op.output in graph.outputs or x.data is not None:
            continue
        if op.kind == "reshape":
            views[op.name] = 0
        elif op.kind == "slice":
            axis, start = op.attrs["axis"], op.attrs["start"]
            assert isinstance(axis, int)
            assert isinstance(start, int)
            row = x.size // x.shape[axis] * DTYPE_BYTES[x.dtype]
            if all(size == 1 for size in x.shape[:axis]) and start * row % ALIGNMENT == 0:
                views[op.name] = start * row
    return views


def _written_to_output(graph: Graph, name: str) -> str | None:
    """Return the graph output that is a mere reshape of a tensor, so that its op can write it directly."""
    for user in graph.consumers(name):
        if user.kind == "reshape" and user.output in graph.outputs and len(graph.consumers(name)) == 1:
            return user.output
    return None
