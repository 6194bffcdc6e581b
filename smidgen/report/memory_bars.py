"""RAM and flash of every program as stacked bars against the limits. Positions are percent of the axis."""

from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.report.document import Document, ProgramMeasurement
from smidgen.report.formatting import count, kilobytes

_HEADROOM = 1.06  # so that the largest limit's line and label stay inside the drawing

_RAM_PARTS = ("state", "arena", "buffers", "stack", "other")
_FLASH_PARTS = ("layers", "shared")


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    part: str
    left: float
    width: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    program: str
    segments: tuple[Segment, ...]
    total: str
    fits: str  # the smallest limit that holds it, in words


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    left: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BarFigure:
    """One kind of memory: a bar a program, a line a limit."""

    kind: str
    parts: tuple[str, ...]
    bars: tuple[Bar, ...]
    limits: tuple[Limit, ...]


def draw_ram(document: Document) -> BarFigure:
    """Return RAM by what it holds; "other" is padding of the context and .data/.bss."""
    return _draw(
        "RAM", _RAM_PARTS, [_ram_parts(m) for m in document.measurements], document, document.targets.ram_limits
    )


def draw_flash(document: Document) -> BarFigure:
    """Return flash: what single layers need of their own, and what they share."""
    return _draw(
        "flash", _FLASH_PARTS, [_flash_parts(m) for m in document.measurements], document, document.targets.flash_limits
    )


def _ram_parts(measurement: ProgramMeasurement) -> tuple[int, ...]:
    padding = measurement.context_bytes - measurement.state_bytes - measurement.arena_bytes
    return (
        measurement.state_bytes,
        measurement.arena_bytes,
        measurement.io_bytes,
        measurement.stack_bytes,
        padding + measurement.static_bytes,
    )


def _flash_parts(measurement: ProgramMeasurement) -> tuple[int, ...]:
    layers = sum(layer.flash_bytes for layer in measurement.layers)
    return layers, measurement.flash_bytes - layers


def _draw(
    kind: str, parts: tuple[str, ...], sizes: Sequence[tuple[int, ...]], document: Document, limits: Sequence[int]
) -> BarFigure:
    limits = sorted(limits)
    axis_bytes = _HEADROOM * max([*limits, *(sum(size) for size in sizes)], default=1)
    return BarFigure(
        kind=kind,
        parts=parts,
        bars=tuple(
            _bar(measurement.name, parts, size, axis_bytes, limits)
            for measurement, size in zip(document.measurements, sizes, strict=True)
        ),
        limits=tuple(Limit(left=round(100 * limit / axis_bytes, 3), label=kilobytes(limit)) for limit in limits),
    )


def _bar(program: str, parts: tuple[str, ...], size: tuple[int, ...], axis_bytes: float, limits: Sequence[int]) -> Bar:
    segments, start = [], 0
    for part, part_bytes in zip(parts, size, strict=True):
        if part_bytes:
            segments.append(
                Segment(
                    part=part,
                    left=round(100 * start / axis_bytes, 3),
                    width=round(100 * part_bytes / axis_bytes, 3),
                    label=f"{part}: {count(part_bytes)} B",
                )
            )
        start += part_bytes
    return Bar(program=program, segments=tuple(segments), total=f"{count(start)} B", fits=_fits(start, limits))


def _fits(total_bytes: int, limits: Sequence[int]) -> str:
    if not limits:
        return ""
    holding = next((limit for limit in limits if total_bytes <= limit), None)
    return f"over {kilobytes(limits[-1])}" if holding is None else f"fits {kilobytes(holding)}"
