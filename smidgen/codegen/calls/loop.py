"""The call of a loop: C's own `for` around the calls of its body, in one function.

The body's ports become pointers that are set at every step: into the whole tensors where a frame begins on an aligned
byte, else to a buffer that is copied. What the body's ops know of memory is shifted to the loop's scratch.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from smidgen.codegen.c_text import SUFFIXES, arena_view, commentable, unsigned
from smidgen.codegen.calls.site import Call, Site
from smidgen.ir.graph import Tensor
from smidgen.ir.ops.loop import Ports, state_role
from smidgen.ir.ops.op_spec import integers
from smidgen.passes.loop_memory import loop_buffers
from smidgen.passes.memory_plan import MemoryPlan, Placement


def loop(site: Site, invocation: Callable[[Site], Call]) -> Call:
    """Return the statements of a loop; `invocation` gives those of an op of its body, whose states begin anew."""
    body = site.op.body
    assert body is not None
    plumbing = _Plumbing.of(site)
    plan = _within(site.plan.bodies[site.op.name], plumbing.arena, plumbing.variables)
    calls = [(op, invocation(Site(graph=body, plan=plan, constants=site.constants, op=op))) for op in body.ops]
    run = [
        line
        for op, made in calls
        if made.statements
        for line in (f"/* {commentable(op.name)}   {op.kind} */", *made.statements)
    ]
    kernels = tuple(kernel for _, made in calls for kernel in (made.kernel, *made.more_kernels))
    steps = _repeated(site, [*plumbing.begin(), *plumbing.unread(run), *run, *plumbing.end()])
    return Call(kernel="memory", more_kernels=kernels, statements=(*steps, *_last_states(site)))


def _repeated(site: Site, inside: list[str]) -> list[str]:
    """Return statements within a loop over t; one step needs none, but a block of its own."""
    steps = site.x[0].shape[0]
    if steps == 1:
        head = ["{"]
    elif site.op.attrs["reverse"]:
        head = [
            "SMIDGEN_ROLLED",
            f"for (uint32_t i = 0U; i < {unsigned(steps)}; i++) {{",
            f"    const uint32_t t = {unsigned(steps - 1)} - i;",
        ]
    else:
        head = ["SMIDGEN_ROLLED", f"for (uint32_t t = 0U; t < {unsigned(steps)}; t++) {{"]
    return [*head, *(f"    {line}" for line in inside), "}"]


def _last_states(site: Site) -> list[str]:
    """Return copies of the states after the last step to the results that they are."""
    indices = integers(site.op, "lasts")
    names = site.op.outputs[len(site.op.outputs) - len(indices) :]
    return [
        f"copy_bytes({site.state(state_role(index))}, {site.at(site.graph[name])}, "
        f"{unsigned(site.graph[name].n_bytes)});"
        for index, name in zip(indices, names, strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Port:
    """A port of the body, the variable that points to it, and what it points to; `moves` is its whole tensor."""

    tensor: Tensor
    variable: str
    place: str
    is_written: bool
    moves: str = ""  # the address of this step's part, where the port has a buffer of its own

    @property
    def declaration(self) -> str:
        """The variable."""
        const = "" if self.is_written else "const "
        return f"{const}smidgen_{SUFFIXES[self.tensor.dtype]} *const {self.variable} = {self.place};"

    def copied(self, source: str, target: str) -> str:
        """Return the statement that copies the port's bytes."""
        return f"copy_bytes({source}, {target}, {unsigned(self.tensor.n_bytes)});"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plumbing:
    """What sets the body's pointers at the beginning of a step, and moves what it made at the end."""

    looped: tuple[_Port, ...]  # frames
    held: tuple[_Port, ...]  # states, and what every step reads whole
    following: tuple[_Port, ...]  # states for the next step
    emitted: tuple[_Port, ...]
    arena: int  # where the body's begins

    @classmethod
    def of(cls, site: Site) -> "_Plumbing":
        """Lay out the ports of the loop at `site`."""
        ports, buffers = Ports.of(site.op), loop_buffers(site.op, site.x)
        start = site.plan.scratch.get(site.op.name, 0)

        def buffer(port: Tensor) -> str:
            return arena_view(port.dtype, "arena", start + buffers.offsets[port.name])

        def moving(role: str, index: int, port: Tensor, tensor: Tensor) -> _Port:
            """Return a port that goes along time: a part of a whole tensor, or a buffer beside it."""
            place, is_written = site.at(tensor), role == "emitted"
            part = place if tensor.shape[0] == 1 else f"&({place})[t * {unsigned(port.size)}]"
            is_copied = port.name in buffers.offsets
            return _Port(
                tensor=port, variable=f"{role}_{index}", place=buffer(port) if is_copied else part,
                is_written=is_written or is_copied, moves=part if is_copied else "",
            )  # fmt: skip

        n_frames, n_whole = len(ports.frames), len(ports.whole)
        stacked = [site.graph[name] for name in site.op.outputs[: len(ports.emitted)]]
        states = [
            _Port(tensor=port, variable=f"state_{i}", place=site.state(state_role(i)), is_written=False)
            for i, port in enumerate(ports.states)
        ]
        whole = [
            _Port(tensor=port, variable=f"whole_{i}", place=site.at(tensor), is_written=False)
            for i, (port, tensor) in enumerate(zip(ports.whole, site.x[n_frames : n_frames + n_whole], strict=True))
        ]
        frames = zip(ports.frames, site.x, strict=False)
        return cls(
            looped=tuple(moving("frame", i, port, tensor) for i, (port, tensor) in enumerate(frames)),
            held=(*states, *whole),
            following=tuple(
                _Port(tensor=port, variable=f"next_{i}", place=buffer(port), is_written=True,
                      moves=site.state(state_role(i)))
                for i, port in enumerate(ports.following)
            ),
            emitted=tuple(
                moving("emitted", i, port, tensor)
                for i, (port, tensor) in enumerate(zip(ports.emitted, stacked, strict=True))
            ),
            arena=start + buffers.arena,
        )  # fmt: skip

    @property
    def variables(self) -> dict[str, str]:
        """The variable that points to each port of the body, by the port's name."""
        ports = (*self.looped, *self.held, *self.following, *self.emitted)
        return {port.tensor.name: port.variable for port in ports}

    def begin(self) -> list[str]:
        """Return the declarations of the ports, then copies of frames into their buffers."""
        ports = (*self.looped, *self.held, *self.following, *self.emitted)
        copies = [port.copied(port.moves, port.variable) for port in self.looped if port.moves]
        return [*(port.declaration for port in ports), *copies]

    def unread(self, run: Sequence[str]) -> list[str]:
        """Return what tells the compiler of ports that the statements of a step leave alone."""
        words = {word for line in run for word in re.findall(r"\w+", line)}
        return [f"(void){port.variable};" for port in (*self.looped, *self.held) if port.variable not in words]

    def end(self) -> list[str]:
        """Return copies of what was emitted to its place, and of the next states over the old."""
        return [port.copied(port.variable, port.moves) for port in (*self.emitted, *self.following) if port.moves]


def _within(plan: MemoryPlan, offset: int, variables: Mapping[str, str]) -> MemoryPlan:
    """Return a body's plan with its arena at a byte of the arena around it, and ports where their variables point."""

    def moved(place: Placement) -> Placement:
        if place.region == "arena":
            return replace(place, offset=place.offset + offset)
        return replace(place, region=variables.get(place.region, place.region))

    return replace(
        plan,
        placements={name: moved(place) for name, place in plan.placements.items()},
        states={op: {role: moved(place) for role, place in roles.items()} for op, roles in plan.states.items()},
        scratch={op: start + offset for op, start in plan.scratch.items()},
    )
