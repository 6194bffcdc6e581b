"""Confusion matrices of the best program: splits of the same rooms summed, rows shaded by their share."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.report.document import Confusion, Document
from smidgen.report.formatting import NOTHING, count, percent, score

_LIGHT_TEXT_SHADE = 0.78  # of a cell that is right; orange is never so dark that it asks for light text


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A count of decisions. `shade`, 0 to 1, is the root of its share of the row, so that few errors still show."""

    count: str
    shade: float
    label: str
    right: bool
    light_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomRow:
    room: str
    cells: tuple[Cell, ...]
    recall: str
    f1: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfusionFigure:
    """One matrix of `program` over the splits that have these rooms."""

    program: str
    splits: tuple[str, ...]
    rooms: tuple[str, ...]
    rows: tuple[RoomRow, ...]
    decisions: str


def draw_confusions(document: Document) -> tuple[ConfusionFigure, ...]:
    """Return a matrix for each list of rooms: one for a single home, one for each home where homes differ."""
    best = document.best
    by_rooms: dict[tuple[str, ...], list[Confusion]] = {}
    for confusion in document.confusion:
        if (confusion.model, confusion.recipe) == (best.model, best.recipe):
            by_rooms.setdefault(confusion.rooms, []).append(confusion)
    return tuple(draw_confusion(best.name, rooms, confusions) for rooms, confusions in by_rooms.items())


def draw_confusion(program: str, rooms: tuple[str, ...], confusions: Sequence[Confusion]) -> ConfusionFigure:
    """Return one matrix: the confusions of a program on the same rooms, summed."""
    n = len(rooms)
    matrix = [[sum(part.matrix[row][column] for part in confusions) for column in range(n)] for row in range(n)]
    return ConfusionFigure(
        program=program,
        splits=tuple(dict.fromkeys(part.split for part in confusions)),
        rooms=rooms,
        rows=tuple(_room_row(matrix, row, rooms) for row in range(n)),
        decisions=count(sum(map(sum, matrix))),
    )


def _room_row(matrix: list[list[int]], row: int, rooms: tuple[str, ...]) -> RoomRow:
    true, predicted, right = sum(matrix[row]), sum(line[row] for line in matrix), matrix[row][row]
    cells = []
    for column, decisions in enumerate(matrix[row]):
        share = decisions / true if true else 0.0
        shade = round(math.sqrt(share), 3)
        cells.append(
            Cell(
                count=count(decisions),
                shade=shade,
                label=f"{rooms[row]} taken for {rooms[column]}: {percent(share)}",
                right=row == column,
                light_text=row == column and shade >= _LIGHT_TEXT_SHADE,
            )
        )
    return RoomRow(
        room=rooms[row],
        cells=tuple(cells),
        recall=percent(right / true) if true else NOTHING,
        f1=score(2 * right / (true + predicted)) if true + predicted else NOTHING,
    )
