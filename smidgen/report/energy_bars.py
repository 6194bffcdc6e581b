"""An hour of wear as stacked bars: what deciding on the wrist takes beside streaming, part by part; all an estimate."""

from collections.abc import Sequence
from dataclasses import dataclass

TOTAL = "total"
_ORDER = ("model", "scan", "stream", "advertise", "report", "accelerometer", "sleep")
_HEADROOM = 1.04


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyPart:
    """One part of one arrangement, in mJ for an hour of wear: the ends of its span."""

    board: str
    arrangement: str  # wrist, connection or advertising
    part: str  # or "total"
    mj_per_hour_low: float
    mj_per_hour_high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergySegment:
    """A part at the middle of its span; positions are percent of the axis."""

    part: str
    left: float
    width: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyBar:
    arrangement: str
    segments: tuple[EnergySegment, ...]
    total: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyFigure:
    """A bar an arrangement; `parts` are those that occur, in the order of the legend."""

    board: str
    parts: tuple[str, ...]
    bars: tuple[EnergyBar, ...]


def draw_energy(parts: Sequence[EnergyPart]) -> EnergyFigure | None:
    """Return the figure, None where there is nothing to draw."""
    if not parts:
        return None
    arrangements = tuple(dict.fromkeys(part.arrangement for part in parts))
    totals = {part.arrangement: part for part in parts if part.part == TOTAL}
    axis = _HEADROOM * max(_middle(total) for total in totals.values())
    return EnergyFigure(
        board=parts[0].board,
        parts=tuple(name for name in _ORDER if any(part.part == name for part in parts)),
        bars=tuple(
            _bar(totals[name], [part for part in parts if part.arrangement == name and part.part != TOTAL], axis)
            for name in arrangements
        ),
    )


def _bar(total: EnergyPart, parts: Sequence[EnergyPart], axis: float) -> EnergyBar:
    segments, start = [], 0.0
    for part in sorted(parts, key=lambda each: _ORDER.index(each.part)):
        middle = _middle(part)
        segments.append(
            EnergySegment(
                part=part.part,
                left=round(100 * start / axis, 3),
                width=round(100 * middle / axis, 3),
                label=f"{part.part}: {_span(part)}",
            )
        )
        start += middle
    return EnergyBar(arrangement=total.arrangement, segments=tuple(segments), total=_span(total))


def _middle(part: EnergyPart) -> float:
    return (part.mj_per_hour_low + part.mj_per_hour_high) / 2


def _span(part: EnergyPart) -> str:
    return f"{part.mj_per_hour_low:,.0f} to {part.mj_per_hour_high:,.0f} mJ"
