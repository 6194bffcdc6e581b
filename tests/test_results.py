"""What the stored record of the SPHERE run must show: what was promised, on figures anybody can make again."""

import json
from pathlib import Path

import pytest

from smidgen.report.record_file import load_records
from smidgen.targets import CORE_TARGETS

RECORD = Path(__file__).parents[1] / "results" / "demo.json"


@pytest.fixture(scope="module")
def sphere():
    """The stored SPHERE document."""
    documents = {document["data"]: document for document in load_records(RECORD)}
    return documents["sphere"]


def test_every_program_was_proven_on_every_decision(sphere):
    """Eight sequences, three seeds, three models, two recipes: no byte differs, on the host or on the emulated core."""
    assert len(sphere["results"]) == 8 * 3 * 3 * 2
    for row in sphere["results"]:
        assert row["mismatched_bytes"] == 0
        assert row["n_emulated"] == row["n_windows"]


def test_int8_decides_as_float_does(sphere):
    """Over all decisions: the same room in at least 99 %, accuracy within 0.3 point; the interval is stored."""
    for row in (row for row in sphere["pooled"] if row["recipe"] == "int8"):
        assert row["argmax_agreement"] >= 0.99
        assert abs(row["accuracy_integer"] - row["accuracy_float"]) <= 0.003
        low, high = row["interval"]
        assert low <= row["macro_f1_integer"] - row["macro_f1_float"] <= high


def test_float32_decides_exactly_as_pytorch(sphere):
    """The C of the float32 programs names PyTorch's room every time; logits differ by at most 1e-4 of the largest."""
    for row in (row for row in sphere["results"] if row["recipe"] == "float32"):
        assert row["argmax_agreement"] == 1.0
        assert row["logit_error"] <= 1e-4


def test_the_best_model_beats_the_forest(sphere):
    """The best int8 program is above the random forest on one window, on the same folds and on the published 0.778."""
    forest = next(row for row in sphere["baselines"] if row["name"] == "random-forest")
    best = max(row["macro_f1_integer"] for row in sphere["pooled"] if row["recipe"] == "int8")
    assert best > max(forest["macro_f1"], 0.778)


def test_int8_programs_fit_the_board(sphere):
    """At most 32 KB of RAM and 64 KB of flash."""
    for row in (row for row in sphere["results"] if row["recipe"] == "int8"):
        assert row["ram_bytes"] <= 32 * 1024
        assert row["flash_bytes"] <= 64 * 1024


def test_the_same_programs_give_the_same_bytes_on_every_target():
    """No byte differs on any core, in the engine or on the host; instructions are counted on emulators."""
    rows = json.loads(RECORD.with_name("targets.json").read_text(encoding="utf-8"))
    programs = {(row["model"], row["recipe"]) for row in rows}
    assert {(row["model"], row["recipe"], row["target"]) for row in rows} == {
        (*program, target) for program in programs for target in CORE_TARGETS
    }
    for row in rows:
        assert row["mismatched_bytes"] == 0
        assert (row["instructions"] is not None) == CORE_TARGETS[row["target"]].core.is_emulated
