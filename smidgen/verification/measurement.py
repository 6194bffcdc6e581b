"""The record of what a program costs, from what the machine that ran it can tell."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smidgen.codegen.bundle import Program
from smidgen.records import LayerMeasurement, Measurement
from smidgen.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeCount:
    """Instructions of one invoke."""

    total: int
    by_layer: tuple[int, ...]  # in the program's order
    cycles_estimate: int | None  # None for cores without a cycle model


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedSize:
    """Memory that a linked program takes before anything runs."""

    flash_bytes: int
    code_bytes: int | None  # of flash; None where code and constants cannot be told apart
    static_bytes: int  # of RAM
    context_bytes: int
    layer_flash_bytes: Mapping[str, int] | None  # by C function; None where code has no sections to tell apart


def make_measurement(
    program: Program,
    target: Target,
    size: LinkedSize,
    *,
    n_inputs: int,
    stack_bytes: int | None = None,
    counts: Sequence[InvokeCount] = (),
) -> Measurement:
    """Return the record of a program on a target.

    Args: n_inputs, how many invokes ran; stack_bytes, the deepest seen, None where it is not measured; counts, of each
    invoke, or none where instructions cannot be counted.
    """
    worst = max(counts, key=lambda count: count.total, default=None)
    cycles = None if worst is None else worst.cycles_estimate
    layer_instructions = [None] * len(program.layers) if worst is None else worst.by_layer
    return Measurement(
        program=program.name,
        target=target.name,
        flash_bytes=size.flash_bytes,
        code_bytes=size.code_bytes,
        context_bytes=size.context_bytes,
        state_bytes=program.state_bytes,
        arena_bytes=program.arena_bytes,
        io_bytes=sum(port.n_bytes for port in program.ports),
        stack_bytes=stack_bytes,
        static_bytes=size.static_bytes,
        instructions=None if worst is None else worst.total,
        instructions_min=min((count.total for count in counts), default=None),
        n_inputs=n_inputs,
        cycles_estimate=cycles,
        latency_us_estimate=None if cycles is None else target.latency_us(cycles),
        energy_uj_estimate=None if cycles is None else target.energy_uj(cycles),
        layers=tuple(
            LayerMeasurement(
                name=layer.name,
                op=layer.op,
                macs=layer.macs,
                instructions=instructions,
                flash_bytes=None if size.layer_flash_bytes is None else size.layer_flash_bytes[layer.function],
            )
            for layer, instructions in zip(program.layers, layer_instructions, strict=True)
        ),
    )
