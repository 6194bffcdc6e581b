"""Where tensors and states live: the user's buffers, flash, arena or state bytes."""

from collections.abc import Mapping

from smidgen.ir.graph import Graph, Op
from smidgen.ir.ops import OP_SPECS, states_of
from smidgen.passes.check_plan import check_plan
from smidgen.passes.liveness import Liveness
from smidgen.passes.loop_memory import aligned
from smidgen.passes.memory_plan import MemoryPlan, Placement, scratch_bytes
from smidgen.passes.placement import Block, live_bytes, place


def plan_memory(graph: Graph, *, is_body: bool = False, has_dsp: bool = True) -> MemoryPlan:
    """Place every tensor; views share the bytes of their source, pointwise ops work in place where the source dies.

    Args: is_body, of a loop: it has no self-test; has_dsp, False for a core that lacks Arm's DSP extension: the program
    runs on others too, without making use of it.
    """
    bodies = plan_bodies(graph, has_dsp=has_dsp)
    liveness = Liveness(graph, working_bytes(graph, bodies, has_dsp=has_dsp), has_selftest=not is_body)
    storages = _storages(liveness)
    # The states of a window's op live as long as its scratch, and stand in front of it.
    working = {
        op.name: Block(size, index, index)
        for index, (op, size) in enumerate(zip(graph.ops, liveness.working_bytes, strict=True))
        if size
    }
    blocks = [*{id(block): block for block in storages.values()}.values(), *working.values()]
    gap = place(blocks)
    live = [live_bytes(blocks, index) for index in range(len(graph.ops))]
    peak = max(range(len(graph.ops)), key=lambda i: live[i], default=0)
    states, state_bytes = _place_states(graph, {name: block.offset for name, block in working.items()})
    sizes = {op.name: scratch_bytes(graph, op, bodies, has_dsp=has_dsp) for op in graph.ops}
    plan = MemoryPlan(
        placements=_placements(liveness, storages, _results_in_states(graph)),
        states=states,
        scratch={name: working[name].offset + working[name].n_bytes - size for name, size in sizes.items() if size},
        views=frozenset(liveness.views)
        | {op.name for op in graph.ops if op.kind == "reshape" and _is_in_place(liveness, op)},
        arena_bytes=max((aligned(block.offset + block.n_bytes) for block in blocks), default=0),
        state_bytes=state_bytes,
        lower_bound_bytes=max(live, default=0),
        gap=gap,
        peak_op=graph.ops[peak].name if graph.ops else "",
        bodies=bodies,
        known_outputs={name: storages[name].offset for name in graph.outputs if name in liveness.kept_outputs},
        has_dsp=has_dsp,
    )
    check_plan(graph, plan)
    return plan


def plan_bodies(graph: Graph, *, has_dsp: bool) -> dict[str, MemoryPlan]:
    """Return the plans of loops' bodies, by op."""
    return {op.name: plan_memory(op.body, is_body=True, has_dsp=has_dsp) for op in graph.ops if op.body is not None}


def working_bytes(graph: Graph, bodies: Mapping[str, MemoryPlan], *, has_dsp: bool) -> list[int]:
    """Return what each op needs of the arena while it runs: scratch, and in a window its states."""
    return [
        scratch_bytes(graph, op, bodies, has_dsp=has_dsp) + (0 if graph.is_step else _state_bytes(graph, op))
        for op in graph.ops
    ]


def _storages(liveness: Liveness) -> dict[str, Block]:
    """Return the block of every owner, in the order in which the ops stand; one for two where an op works in place."""
    storages: dict[str, Block] = {}
    end = len(liveness.graph.ops) - 1
    for index in range(end + 1):
        overwritten = liveness.overwritten(index, (1 << index) - 1)
        for owner in liveness.made[index]:
            if owner not in storages:
                fresh = Block(liveness.n_bytes[owner], index, index)
                storages[owner] = fresh if overwritten is None else storages[overwritten]
            last_read = end if owner in liveness.kept_outputs else liveness.readers[owner].bit_length() - 1
            storages[owner].last = max(storages[owner].last, last_read)
    return storages


def _placements(
    liveness: Liveness, storages: Mapping[str, Block], results_in_states: Mapping[str, Placement]
) -> dict[str, Placement]:
    graph, placements = liveness.graph, {}
    for name, (owner, offset) in liveness.home.items():
        if owner in results_in_states:
            place = results_in_states[owner]
        elif owner in (*graph.inputs, *graph.outputs):
            place = Placement(region=owner, offset=0)
        elif owner in storages:
            place = Placement(region="arena", offset=storages[owner].offset)
        else:
            place = Placement(region="constant", offset=0)
        placements[name] = Placement(region=place.region, offset=place.offset + offset)
    return placements


def _is_in_place(liveness: Liveness, op: Op) -> bool:
    """Return whether a reshape that is no view finds its bytes where they should go: in an output."""
    return liveness.home[op.output] == liveness.home[op.inputs[0]]


def _place_states(graph: Graph, working: Mapping[str, int]) -> tuple[dict[str, dict[str, Placement]], int]:
    """Return the placements of states by op, and the bytes of state.

    States of a step graph follow each other in the state bytes; those of a window stand at the op's `working` bytes in
    the arena, in front of its scratch.
    """
    states: dict[str, dict[str, Placement]] = {}
    state_bytes = 0
    for op in graph.ops:
        region, offset = ("state", state_bytes) if graph.is_step else ("arena", working.get(op.name, 0))
        places = {}
        for state in states_of(graph, op):
            places[state.role] = Placement(region=region, offset=offset)
            offset += aligned(state.n_bytes)
        if places:
            states[op.name] = places
        if graph.is_step:
            state_bytes = offset
    return states, state_bytes


def _results_in_states(graph: Graph) -> dict[str, Placement]:
    """Return the placements of the tensors that stand in the bytes of a state."""
    if not graph.is_step:
        return {}
    states, _ = _place_states(graph, {})
    kept = ((op, OP_SPECS[op.kind].result_state) for op in graph.ops)
    return {op.output: states[op.name][role] for op, role in kept if role is not None}


def _state_bytes(graph: Graph, op: Op) -> int:
    return sum(aligned(state.n_bytes) for state in states_of(graph, op))
