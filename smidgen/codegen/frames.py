"""The frame counter of a step program in C, and the conditions on it under which ops run and outputs come."""

from smidgen.codegen.c_text import unsigned
from smidgen.ir.clock import EVERY_FRAME, Clock, counter_cycle
from smidgen.ir.graph import Graph


def counts_frames(graph: Graph) -> bool:
    """Return whether what a step does depends on how many frames came before."""
    return graph.is_step and (graph.frame_limit is not None or any(op.clock != EVERY_FRAME for op in graph.ops))


def count_frame(graph: Graph) -> list[str]:
    """Return the statements that read the frame counter and move it on."""
    if not counts_frames(graph):
        return []
    refused, moved = [], "frame + 1U"
    if graph.frame_limit is None:
        end, first = counter_cycle(op.clock for op in graph.ops)
        moved = f"(frame == {unsigned(end - 1)}) ? {unsigned(first)} : (frame + 1U)"
    else:
        macro = graph.name.upper()
        refused = [f"    if (frame >= {macro}_FRAME_LIMIT) {{", f"        return {macro}_ERROR_FRAMES;", "    }"]
    return ["    const uint32_t frame = ctx->frame;", *refused, f"    ctx->frame = {moved};"]


def answer_status(graph: Graph) -> str:
    """Return the expression for what a call answers when all went well."""
    macro = graph.name.upper()
    if not graph.is_step or graph.output_clock == EVERY_FRAME:
        return f"{macro}_OK"
    return f"({ticks(graph.output_clock)}) ? {macro}_OK : {macro}_PENDING"


def ticks(clock: Clock) -> str:
    """Return the condition on `frame` under which a clock other than that of every frame ticks."""
    conditions = []
    if clock.offset:
        conditions.append(f"frame >= {unsigned(clock.offset)}")
    if clock.stride > 1:
        since = f"(frame - {unsigned(clock.offset)})" if clock.offset else "frame"
        conditions.append(f"({since} % {unsigned(clock.stride)}) == 0U")
    return " && ".join(f"({condition})" for condition in conditions) if len(conditions) > 1 else conditions[0]
