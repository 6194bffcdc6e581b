"""A document is checked as a whole: what contradicts itself is refused with the entry and the reason."""

import json

import pytest

from smidgen.errors import DataError
from smidgen.report.document import Document


def test_everything_written_is_read(document):
    """Numbers of a document that went through JSON arrive unchanged."""
    read = Document.from_mapping(json.loads(json.dumps(document)))
    assert [row["macro_f1_integer"] for row in document["pooled"]] == [row.macro_f1_integer for row in read.pooled]
    assert [row["ram_bytes"] for row in document["measurements"]] == [row.ram_bytes for row in read.measurements]
    assert document["confusion"][3]["matrix"] == [list(row) for row in read.confusion[3].matrix]
    assert document["timeline"]["predictions"] == {
        name: list(steps) for name, steps in read.timeline.predictions.items()
    }


def test_best_is_the_int8_program_of_highest_macro_f1(document):
    """A float32 program of higher score does not take its place; without int8 the best of all does."""
    assert Document.from_mapping(document).best.name == "mamba int8"
    document["pooled"] = [row for row in document["pooled"] if row["recipe"] == "float32"]
    assert Document.from_mapping(document).best.name == "mamba float32"


def refuse(document):
    with pytest.raises(DataError) as raised:
        Document.from_mapping(document, source="runs/a/report.json")
    return str(raised.value)


def test_a_missing_entry_is_named(document):
    """The message has the file, the entry, what is absent and what to do."""
    del document["pooled"][2]["ram_bytes"]
    message = refuse(document)
    assert message.startswith("runs/a/report.json.pooled[2] has no 'ram_bytes'; it has model, recipe, ")
    assert message.endswith("Run the command that wrote the document again")


@pytest.mark.parametrize("part", ["pooled", "results", "baselines"])
def test_percent_in_place_of_a_fraction_is_refused(document, part):
    """A score above 1 is a unit mixed up, and is not drawn."""
    name = "accuracy" if part == "baselines" else "accuracy_integer"
    document[part][0][name] = 87.2
    assert f"{part}[0]: '{name}' must be a fraction from 0 to 1, got 87.2" in refuse(document)


def test_no_program_is_refused(document):
    """A page without a program would have nothing to say."""
    document["pooled"] = []
    assert "'pooled' is empty" in refuse(document)


@pytest.mark.parametrize("spoil", [lambda matrix: matrix.pop(), lambda matrix: matrix[4].pop()])
def test_a_matrix_that_does_not_match_its_rooms_is_refused(document, spoil):
    """Both a lost row and a lost column are seen."""
    spoil(document["confusion"][1]["matrix"])
    assert "confusion[1]: matrix must be 9 x 9, as there are 9 rooms" in refuse(document)


def test_a_timeline_that_contradicts_itself_is_refused(document):
    """Steps missing, rooms beyond the list and time going backwards are told apart."""
    timeline = document["timeline"]
    n = len(timeline["time_s"])
    steps = timeline["predictions"]["gru int8"]
    steps.pop()
    assert f"timeline: 'gru int8' has {n - 1} steps, time_s has {n}" in refuse(document)
    steps.append(9)
    assert "timeline: 'gru int8' names room 9; there are 9 rooms, counted from 0" in refuse(document)
    steps[-1] = -2
    assert "timeline: 'gru int8' names room -2" in refuse(document)
    steps[-1] = -1
    Document.from_mapping(document)
    timeline["time_s"][5] = timeline["time_s"][4]
    assert "timeline: time_s must hold at least one time and grow" in refuse(document)


def test_layers_larger_than_their_program_are_refused(document):
    """Parts of flash cannot exceed the whole."""
    document["measurements"][1]["flash_bytes"] = 100
    assert "measurements[1]: the layers hold 9344 B of flash, the whole program only 100 B" in refuse(document)
