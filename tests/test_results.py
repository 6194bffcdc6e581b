"""What the stored record of the SPHERE run must show: what was promised, on figures anybody can make again."""

import json
from itertools import product
from pathlib import Path

import pytest

from smidgen.report import load_localisation
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


# ---- the keyword block -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def keyword():
    """The published engine, and the programs of the keyword block."""
    published, *programs = json.loads(RECORD.with_name("keyword.json").read_text(encoding="utf-8"))
    return published, programs


def test_the_keyword_programs_hear_as_the_float_model_does(keyword):
    """At most a point of accuracy less, on the takes of choices and on those held out; no byte differs."""
    for row in keyword[1]:
        assert row["accuracy_integer"] >= row["accuracy_float"] - 0.01
        assert row["validation_accuracy_integer"] >= row["validation_accuracy_float"] - 0.01
        assert row["mismatched_bytes"] == 0
        assert (row["parameters"], row["n_test"]) == (35_914, 300)


def test_the_keyword_programs_stay_within_their_memory(keyword):
    """Streams within their RAM, arenas at the lower bound; every target at once with A_n = n a and 16-bit states."""
    (program,) = (
        row for row in keyword[1]
        if (row["form"], row["recipe"], row["mode"], row["optimize"])
        == ("A_n = n*a", "int8-pure-state16", "stream", "balanced")
    )  # fmt: skip
    assert program["ram_bytes"] <= program["ram_target_bytes"] == 8_192
    assert program["flash_bytes"] <= program["flash_target_bytes"] == 47_104
    assert program["instructions"] <= program["target_instructions"] == 7_000_000
    for row in keyword[1]:
        assert row["arena_bytes"] == row["arena_lower_bound_bytes"]
        if row["mode"] == "stream":
            assert row["ram_bytes"] <= row["ram_target_bytes"]
        if (row["form"], row["recipe"], row["mode"], row["optimize"]) == ("A_n = n*a", "int8-pure", "stream", "size"):
            assert row["flash_bytes"] <= row["flash_target_bytes"]


def test_the_keyword_programs_beat_the_published_engine(keyword):
    """Streaming in int8: a twentieth of its RAM, less than half of its flash, less than a third of its instructions."""
    published, programs = keyword
    for row in programs:
        if row["mode"] == "stream" and row["recipe"] != "float32" and row["optimize"] == "balanced":
            assert row["ram_bytes"] < published["ram_bytes"] / 20
            assert row["flash_bytes"] < published["flash_bytes"] / 2
            assert row["instructions"] < published["instructions"] / 3


# ---- memory ----------------------------------------------------------------------------------------------------------


def test_every_arena_is_its_lower_bound_or_says_why_not():
    """The most bytes alive at once in the best order found, for every program; budgets hold where they are met."""
    rows = json.loads(RECORD.with_name("memory.json").read_text(encoding="utf-8"))
    for row in (row for row in rows if "refused" not in row):
        assert (row["arena_bytes"] == row["lower_bound_bytes"]) == (row["gap"] == "")
        ordered = row["arena_bytes_in_order_of_source"]
        assert ordered is None or row["arena_bytes"] <= ordered
        if "stack_bytes" in row and row["recipe"] != "float32":
            assert row["stack_bytes"] <= row["stack_budget_bytes"] == 256
        if row.get("code_budget_bytes") is not None:
            assert row["code_bytes_for_size"] <= row["code_budget_bytes"]
    (encoder,) = (row for row in rows if (row["model"], row["recipe"]) == ("encoder-50x64", "int8-pure"))
    assert encoder["ram_bytes"] <= encoder["ram_budget_bytes"] == 24 * 1024


def test_the_decoder_decides_as_float64_on_every_core():
    """On all decisions of SPHERE at least 999 of 1,000 rooms are the reference's, no byte differs, state is small."""
    rows = [row for row in json.loads((RECORD.parent / "decoding.json").read_text()) if row["model"] == "room decoder"]
    assert {(row["target"], row["delay_s"]) for row in rows} == set(product(("cortex-m4", "cortex-m0plus"), (0, 2, 4)))
    for row in rows:
        assert row["argmax_agreement"] >= 0.999
        assert row["mismatched_bytes"] == 0
        assert row["state_bytes"] < 300
        assert row["target"] != "cortex-m4" or row["instructions"] < (3_000 if row["delay_s"] < 4 else 3_500)


def test_decoding_reproduces_the_strong_baseline():
    """Extra-trees on 5 windows, Viterbi over learned transitions: 0.905 over 9 rooms, 0.895 over 8, within 0.01."""
    rows = json.loads((RECORD.parent / "decoding.json").read_text())
    asked = ("extra-trees-on-5-windows-2-ahead", "learned", "viterbi")
    (row,) = (row for row in rows if (row["model"], row["transitions"], row.get("method")) == asked)
    assert row["macro_f1"] == pytest.approx(0.905, abs=0.01)
    assert row["macro_f1_8"] == pytest.approx(0.895, abs=0.01)


# ---- localisation ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def study():
    """The stored study on SPHERE."""
    path = RECORD.with_name("localisation.json")
    if not path.exists():
        pytest.skip(f"{path.name} is not stored; `make localisation` makes it in about two hours")
    return [record for record in load_localisation(path) if record.data == "sphere"]


def test_every_program_of_the_study_is_proven(study):
    """No byte differs in any of them, and each is measured; what runs in Python costs nothing here."""
    in_python = {"float", "annotation"}
    assert {record.recipe for record in study} == in_python | {"int8", "float32"}
    for record in study:
        measured = (record.ram_bytes, record.flash_bytes, record.instructions)
        assert record.mismatched_bytes == (None if record.recipe in in_python else 0)
        assert all((cost is None) == (record.recipe in in_python) for cost in measured)


def test_the_study_has_what_was_asked_for(study):
    """Students, teachers, baselines and a person; decoding off, adjacency only, learned; streams from random starts."""
    assert {record.role for record in study} == {"student", "teacher", "baseline", "ceiling"}
    assert {record.decoding.split(",")[0] for record in study} == {"off", "adjacency", "learned"}
    streams = {record.model for record in study if record.model.endswith("-stream")}
    assert streams <= {record.model for record in study if record.protocol.endswith("random starts")}
    for record in study:
        assert len(record.per_room_f1) == 9
        assert record.command.startswith("smidgen localise --data sphere")


def test_integers_find_rooms_as_floats_do(study):
    """Without decoding the int8 program of a student is within a point of the same student in Python."""
    in_python = {r.model: r for r in study if (r.recipe, r.decoding) == ("float", "off") and _from_the_start(r)}
    for record in study:
        if (record.recipe, record.decoding) == ("int8", "off") and _from_the_start(record):
            assert abs(record.macro_f1_8 - in_python[record.model].macro_f1_8) <= 0.01


def test_a_student_fits_a_wearable(study):
    """Within 8 KB of RAM, 32 KB of flash and 60,000 instructions, in integers, and above the forest on one window."""
    fitting = [r for r in study if r.fits_wearable and r.recipe == "int8" and _from_the_start(r)]
    (forest,) = (r for r in study if (r.model, r.decoding) == ("random-forest", "off"))
    assert max(r.macro_f1_8 for r in fitting) > forest.macro_f1_8


def _from_the_start(record):
    return not record.protocol.endswith("random starts")
