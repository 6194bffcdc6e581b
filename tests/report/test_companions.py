"""Records of other benchmarks as tables beside a study: by data set, means over homes, and what does not fit."""

import json

import pytest

from smidgen.errors import DataError
from smidgen.report.companions import read_companions

ROBUST = {
    "data": "sphere", "model": "gru", "training": "preset", "corruption": "missing", "severity": 1.0,
    "unit": "access points", "macro_f1_without_rare": 0.7, "command": "python -m benchmarks.robustness",
}  # fmt: skip
ADAPTED = {
    "data": "sphere", "home": "a", "method": "adapted", "minutes": 10.0, "accuracy": 0.9,
    "command": "python -m benchmarks.adaptation",
}  # fmt: skip


def test_disturbances_are_rows_and_trainings_columns(tmp_path):
    """What was not measured has a dash; records of other data sets stay out."""
    rows = [
        ROBUST,
        {**ROBUST, "training": "strong", "macro_f1_without_rare": 0.75},
        {**ROBUST, "corruption": "none", "severity": 0.0, "macro_f1_without_rare": 0.8},
        {**ROBUST, "data": "simulated", "corruption": "gaps"},
    ]
    (tmp_path / "robustness.json").write_text(json.dumps(rows))
    (table,) = read_companions(tmp_path, "sphere")
    assert table.columns == ("gru, preset", "gru, strong")
    assert table.rows == (("missing, 1 access points", ("0.700", "0.750")), ("none", ("0.800", "–")))


def test_calibration_is_the_mean_over_homes(tmp_path):
    """In percent, minutes upwards."""
    rows = [ADAPTED, {**ADAPTED, "home": "b", "accuracy": 0.8}, {**ADAPTED, "minutes": 2.5, "accuracy": 0.5}]
    (tmp_path / "adaptation.json").write_text(json.dumps(rows))
    (table,) = read_companions(tmp_path, "sphere")
    assert table.rows == (("2.5", ("50.00",)), ("10", ("85.00",)))


def test_a_folder_without_records_adds_nothing(tmp_path):
    """Nor does none."""
    assert read_companions(tmp_path, "sphere") == ()
    assert read_companions(None, "sphere") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is not JSON"), ("{}", "expected a list of records"), ('[{"data": "sphere"}]', r"row 1 has no 'model'")],
)
def test_records_that_do_not_fit_are_named(text, message, tmp_path):
    """By file and row."""
    (tmp_path / "robustness.json").write_text(text)
    with pytest.raises(DataError, match=message):
        read_companions(tmp_path, "sphere")
