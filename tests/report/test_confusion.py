"""Matrices are summed over splits of the same rooms, and each cell says its share of the row."""

import numpy as np
import pytest

from smidgen.report.confusion import draw_confusions
from smidgen.report.document import Document


def figures(document):
    return draw_confusions(Document.from_mapping(document))


def test_the_best_programs_splits_are_summed(document):
    """One figure for one list of rooms, of the best int8 program only, with every count."""
    parts = [part for part in document["confusion"] if (part["model"], part["recipe"]) == ("mamba", "int8")]
    matrix = np.sum([part["matrix"] for part in parts], axis=0)
    (figure,) = figures(document)
    assert figure.program == "mamba int8"
    assert figure.splits == ("sequence 1", "sequence 4", "sequence 7")
    assert f"{matrix.sum():,}" == figure.decisions
    assert [[f"{count:,}" for count in row] for row in matrix] == [
        [cell.count for cell in row.cells] for row in figure.rows
    ]


def test_shading_is_normalised_by_row_and_scores_by_the_standard_formulas(document):
    """Squared shades of a row add to 1; recall and F1 equal those computed from the matrix."""
    parts = [part for part in document["confusion"] if (part["model"], part["recipe"]) == ("mamba", "int8")]
    matrix = np.sum([part["matrix"] for part in parts], axis=0)
    (figure,) = figures(document)
    for index, row in enumerate(figure.rows):
        assert pytest.approx(sum(cell.shade**2 for cell in row.cells), abs=0.01) == 1.0
        assert [index] == [column for column, cell in enumerate(row.cells) if cell.right]
        recall, precision = matrix[index, index] / matrix[index].sum(), matrix[index, index] / matrix[:, index].sum()
        assert f"{100 * recall:.2f} %" == row.recall
        assert f"{2 * precision * recall / (precision + recall):.3f}" == row.f1


def test_homes_of_different_rooms_stay_apart(document):
    """Rooms of one home are never added to another's."""
    homes = {"home A": ["kitchen", "hall"], "home B": ["kitchen", "hall", "attic"]}
    document["confusion"] = [
        {"model": "mamba", "recipe": "int8", "split": home, "rooms": rooms, "matrix": [[5] * len(rooms)] * len(rooms)}
        for home, rooms in homes.items()
    ]
    first, second = figures(document)
    assert (first.splits, first.rooms, first.decisions) == (("home A",), ("kitchen", "hall"), "20")
    assert (second.splits, second.rooms, second.decisions) == (("home B",), ("kitchen", "hall", "attic"), "45")


def test_a_room_without_decisions_divides_by_nothing(document):
    """A room neither entered nor predicted has no recall and no F1; one only predicted has F1 0."""
    document["confusion"] = [
        {"model": "mamba", "recipe": "int8", "split": "a", "rooms": ["x", "y", "z"],
         "matrix": [[3, 1, 0], [0, 0, 0], [0, 0, 0]]}
    ]  # fmt: skip
    ((x, y, z),) = (figure.rows for figure in figures(document))
    assert (x.recall, x.f1) == ("75.00 %", "0.857")
    assert (y.recall, y.f1) == ("–", "0.000")
    assert (z.recall, z.f1) == ("–", "–")


def test_without_matrices_there_is_no_figure(document):
    """Confusion is an optional part."""
    document["confusion"] = []
    assert figures(document) == ()
