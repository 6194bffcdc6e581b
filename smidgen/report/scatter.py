"""Size against macro-F1: every program a numbered point, limits as lines. Positions are in the drawing's own units."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.report.formatting import count, kilobytes, score
from smidgen.report.study import Entry, Study, starts_anywhere

WIDTH, HEIGHT, LEFT, BOTTOM = 640.0, 248.0, 44.0, 28.0
_LIMITS = {"ram_bytes": (8 * 1024, 32 * 1024, 64 * 1024), "flash_bytes": (32 * 1024, 64 * 1024)}
_KINDS = {"ram_bytes": "RAM", "flash_bytes": "flash"}
_MARGIN = 1.25  # of the sizes shown, below the least and above the most
_GRID = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A program; `kind` decides its colour."""

    x: float
    y: float
    number: int
    label: str
    kind: str  # int or float32


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    at: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScatterFigure:
    """One kind of memory on a logarithmic axis; `limits` are upright lines, `grid` and `rivals` level ones."""

    kind: str
    points: tuple[Point, ...]
    limits: tuple[Line, ...]
    grid: tuple[Line, ...]
    rivals: tuple[Line, ...]


def draw_scatters(study: Study) -> tuple[ScatterFigure, ...]:
    """Return macro-F1 without rare rooms against RAM and against flash; nothing where nothing is compiled."""
    programs = compiled_entries(study)
    return tuple(_draw(cost, programs, _rivals(study)) for cost in _KINDS) if programs else ()


def compiled_entries(study: Study) -> list[Entry]:
    """Return the programs in the order in which the figure numbers them."""
    return [entry for entry in study.entries if entry.ram_bytes is not None and not starts_anywhere(entry)]


def _rivals(study: Study) -> list[Entry]:
    """Return the teacher that was named and the best baseline, which run in Python only."""
    baselines = [entry for entry in study.entries if entry.role == "baseline" and not starts_anywhere(entry)]
    best = max(baselines, key=lambda entry: entry.macro_f1_8, default=None)
    return [entry for entry in (study.nominee("teacher"), best) if entry is not None]


def _draw(cost: str, programs: Sequence[Entry], rivals: Sequence[Entry]) -> ScatterFigure:
    sizes = [getattr(entry, cost) for entry in programs]
    limits = _LIMITS[cost]
    low, high = math.log(min(*sizes, *limits) / _MARGIN), math.log(max(*sizes, *limits) * _MARGIN)
    scores = [entry.macro_f1_8 for entry in (*programs, *rivals)]
    floor = math.floor(min(scores) / _GRID) * _GRID
    ceiling = min(1.0, math.ceil(max(scores) / _GRID + 1e-9) * _GRID)

    def x(size: float) -> float:
        return round(LEFT + (WIDTH - LEFT) * (math.log(size) - low) / (high - low), 1)

    def y(value: float) -> float:
        return round((HEIGHT - BOTTOM) * (1 - (value - floor) / max(ceiling - floor, _GRID)), 1)

    levels = [floor + _GRID * step for step in range(round((ceiling - floor) / _GRID) + 1)]
    return ScatterFigure(
        kind=_KINDS[cost],
        points=tuple(
            Point(
                x=x(size),
                y=y(entry.macro_f1_8),
                number=number,
                label=f"{entry.name}: {score(entry.macro_f1_8)}, {count(size)} B of {_KINDS[cost]}",
                kind="float32" if entry.recipe == "float32" else "int",
            )
            for number, (entry, size) in enumerate(zip(programs, sizes, strict=True), 1)
        ),
        limits=tuple(Line(at=x(limit), label=kilobytes(limit)) for limit in limits),
        grid=tuple(Line(at=y(level), label=f"{level:.2f}") for level in levels),
        rivals=tuple(Line(at=y(entry.macro_f1_8), label=f"{entry.role}: {entry.name}") for entry in rivals),
    )
