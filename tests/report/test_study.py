"""A study's document: what it refuses, which rows come first, and its records on disk."""

from dataclasses import fields

import pytest
from made_studies import default_entries, entry, program, study

from smidgen.errors import DataError
from smidgen.records import LocalisationRecord
from smidgen.report import load_localisation, save_localisation
from smidgen.report.study import Study, from_random_starts, headline, summary


def test_the_headline_has_each_model_off_and_with_its_best_decoders():
    """Of the two that learned, Viterbi is better and stands there; random starts stay below; students come first."""
    shown = headline(Study.from_mapping(study()).entries)
    assert [(e.model, e.recipe, e.decoding) for e in shown] == [
        ("gru-stream", "float", "off"),
        ("gru-stream", "int8", "off"),
        ("conformer", "float", "off"),
        ("extra-trees", "float", "learned, Viterbi"),
        ("extra-trees", "float", "adjacency, filter"),
        ("extra-trees", "float", "off"),
    ]


def test_the_summary_has_a_row_a_model_and_baselines_at_their_best():
    """What ships stands for a student; a baseline may decode, as whoever compares would let it."""
    shown = summary(Study.from_mapping(study()).entries)
    assert [(e.model, e.recipe, e.decoding) for e in shown] == [
        ("gru-stream", "int8", "off"),
        ("conformer", "float", "off"),
        ("extra-trees", "float", "learned, Viterbi"),
        ("extra-trees", "float", "off"),
    ]


def test_the_chosen_row_is_the_delivered_one():
    """Other programs may score higher: no held-out score chooses. Without firmware it is the first row."""
    found = Study.from_mapping(study(*default_entries(), program("mamba-stream", 0.95)))
    assert (found.chosen.model, found.chosen.recipe) == ("gru-stream", "int8")
    assert from_random_starts(found.chosen, found.entries).macro_f1_8 == 0.831
    assert from_random_starts(found.entries[0], found.entries) is None
    assert Study.from_mapping(study(delivered=None)).chosen.recipe == "float"


def test_a_nominee_is_found_over_whole_recordings():
    """Never its row from random starts; None for a question without a row, and for a row that was not run."""
    found = Study.from_mapping(study())
    assert found.nominee("student at once").macro_f1_8 == 0.842
    assert found.nominee("mamba") is None
    assert Study.from_mapping(study(entry("extra-trees", "baseline", 0.8))).nominee("teacher") is None


def test_a_student_is_shown_with_the_decoder_that_hears_most():
    """Also where another scores higher; a baseline with its best."""
    rows = [program("gru-stream", 0.9, decoding="learned, lag 0 s"),
            program("gru-stream", 0.8, decoding="learned, lag 4 s", delay_s=4.0)]  # fmt: skip
    for order in (rows, rows[::-1]):
        assert [e.macro_f1_8 for e in headline(Study.from_mapping(study(*order)).entries)] == [0.8]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (study(entry("gru", "student", 1.2)), "'macro_f1' must be a fraction from 0 to 1, got 1.18"),
        (study(entry("gru", "pupil", 0.9)), "'role' must be one of student, teacher, baseline, ceiling, got 'pupil'"),
        ({**study(), "entries": []}, "'entries' is empty"),
        (study(program("gru", 0.9, ram_bytes="1 KB")), r"entries\[0\].ram_bytes: expected a whole number"),
    ],
)
def test_what_does_not_fit_is_named(wrong, message):
    """By its place in the document, with what to do."""
    with pytest.raises(DataError, match=message) as refused:
        Study.from_mapping(wrong)
    assert "Run `smidgen localise` again" in str(refused.value)


def test_records_are_read_back_as_stored(tmp_path):
    """One line a record, with its fields and no others."""
    path = tmp_path / "localisation.json"
    save_localisation(Study.from_mapping(study()).entries, path)
    records = load_localisation(path)
    assert len(path.read_text().splitlines()) == len(records) + 2
    names = [field.name for field in fields(LocalisationRecord)]
    expected = [{name: row[name] for name in names} for row in default_entries()]
    assert [{name: getattr(record, name) for name in names} for record in records] == expected


def test_stored_records_that_do_not_fit_are_refused(tmp_path):
    """Missing, not JSON, empty, or with a field that no record has."""
    path = tmp_path / "localisation.json"
    with pytest.raises(DataError, match="`make localisation` writes them"):
        load_localisation(path)
    for text, message in (("{", "is not JSON"), ("[]", "found an empty one"), ('[{"speed": 1}]', "no field 'speed'")):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            load_localisation(path)
