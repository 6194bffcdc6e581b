"""Where a program's instructions and flash go, layer by layer."""

from dataclasses import dataclass

from smidgen.report.document import Document, ProgramMeasurement
from smidgen.report.formatting import count


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRow:
    """One operator call, written out; `share` is its percent of the program's instructions."""

    name: str
    op: str
    macs: str
    instructions: str
    share: float
    per_mac: str
    flash_bytes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerTable:
    program: str
    target: str
    rows: tuple[LayerRow, ...]
    total: LayerRow
    summary: str
    best: bool


def draw_layer_tables(document: Document) -> tuple[LayerTable, ...]:
    """Return a table for each int8 program; for every program where none is int8."""
    best = document.best
    chosen = [measurement for measurement in document.measurements if measurement.recipe == best.recipe]
    return tuple(_draw(measurement, best=measurement.name == best.name) for measurement in chosen)


def _draw(measurement: ProgramMeasurement, *, best: bool) -> LayerTable:
    layers, whole = measurement.layers, measurement.instructions
    rest = _row(
        "the rest",
        "",
        0,
        whole - sum(layer.instructions for layer in layers),
        measurement.flash_bytes - sum(layer.flash_bytes for layer in layers),
        whole,
    )
    total_macs = sum(layer.macs for layer in layers)
    return LayerTable(
        program=measurement.name,
        target=measurement.target,
        rows=(
            *(_row(layer.name, layer.op, layer.macs, layer.instructions, layer.flash_bytes, whole) for layer in layers),
            rest,
        ),
        total=_row("total", "", total_macs, whole, measurement.flash_bytes, whole),
        summary=_summary(measurement),
        best=best,
    )


def _row(name: str, op: str, macs: int, instructions: int, flash_bytes: int, whole: int) -> LayerRow:
    return LayerRow(
        name=name,
        op=op,
        macs=count(macs) if macs else "",
        instructions=count(instructions),
        share=round(100 * instructions / whole, 1) if whole else 0.0,
        per_mac=f"{instructions / macs:.2f}" if macs else "",
        flash_bytes=count(flash_bytes),
    )


def _summary(measurement: ProgramMeasurement) -> str:
    fewest = measurement.instructions_min
    varied = "" if fewest == measurement.instructions else f", {count(fewest)} in the cheapest"
    cycles = measurement.cycles_estimate
    estimate = "" if cycles is None else f" About {count(cycles)} cycles (estimate)."
    return (
        f"{measurement.target}: {count(measurement.instructions)} instructions in the costliest of "
        f"{count(measurement.n_inputs)} invokes measured{varied}.{estimate}"
    )
