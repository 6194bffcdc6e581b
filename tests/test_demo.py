"""The demonstration's document: pooled scores and tables from the results of jobs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from room_models import compiled

from smidgen.benchmark import Benchmark
from smidgen.data import Split
from smidgen.data.simulate import simulate_home
from smidgen.demo import DemoConfig, document
from smidgen.experiment import JobResult
from smidgen.records import EvaluationRecord
from smidgen.report import render_html
from smidgen.training.baselines import CAUSAL_BASELINES
from smidgen.training.metrics import score

RECORD = EvaluationRecord(
    model="mamba", recipe="int8", data="simulated", split="home-1", seed=0,
    macro_f1_float=0.5, macro_f1_integer=0.5, macro_f1_without_rare=0.5, accuracy_float=0.5, accuracy_integer=0.5,
    argmax_agreement=1.0, mismatched_bytes=0, ram_bytes=6000, state_bytes=0, arena_bytes=5000, stack_bytes=200,
    flash_bytes=20000, instructions=300000, cycles_estimate=None, parameters=2500, n_windows=0, n_emulated=0,
    logit_error=0.01,
)  # fmt: skip


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    """Two simulated homes with five minutes each."""
    splits = []
    for number in (1, 2):
        recording = simulate_home(number).record(0, 300.0)
        splits.append(Split(name=f"home-{number}", train=(recording,), test=(recording,)))
    homes = tuple(split.test[0].home for split in splits)
    return Benchmark(name="simulated", homes=homes, splits=tuple(splits))


def _result(benchmark: Benchmark, index: int, *, seed: int, wrong: int) -> JobResult:
    """A job whose float model errs in its first `wrong` decisions, and whose int8 program in one more."""
    split = benchmark.splits[index]
    windows = benchmark.windows(split.test)
    n_rooms = len(windows.rooms)
    predictions = {"truth": windows.label, "time_s": windows.time_s}
    for key, errors in (("float", wrong), ("int8", wrong + 1), ("float32", wrong)):
        predicted = windows.label.copy()
        predicted[:errors] = (predicted[:errors] + 1) % n_rooms
        predictions[key] = predicted
    records = tuple(
        replace(RECORD, recipe=recipe, split=split.name, seed=seed, n_windows=len(windows), n_emulated=len(windows))
        for recipe in ("int8", "float32")
    )
    measurement = compiled("gru", "int8").measurement.to_dict()
    return JobResult(
        records=records,
        measurements=tuple({"model": "mamba", "recipe": recipe, **measurement} for recipe in ("int8", "float32")),
        predictions=predictions,
        recording=split.test[0].name,
        rooms=windows.rooms,
        home=split.test[0].home,
    )


@pytest.fixture(scope="module")
def made(benchmark) -> dict:
    """The document of two seeds over both homes."""
    results = [_result(benchmark, index, seed=seed, wrong=3 + seed) for seed in (0, 1) for index in (0, 1)]
    truths = [benchmark.windows(split.test).label for split in benchmark.splits]
    baselines = {(name, index): truths[index] for name in CAUSAL_BASELINES for index in (0, 1)}
    return document(DemoConfig(models=("mamba",)), benchmark, results, baselines)


def test_pooled_scores_are_those_of_all_decisions_at_once(benchmark, made):
    """Macro-F1 pools decisions over homes, telling their rooms apart, and averages over seeds."""
    expected = []
    for seed in (0, 1):
        truth, predicted = [], []
        for index, split in enumerate(benchmark.splits):
            predictions = _result(benchmark, index, seed=seed, wrong=3 + seed).predictions
            offset = index * len(split.test[0].rooms)
            truth.append(predictions["truth"] + offset)
            predicted.append(predictions["int8"] + offset)
        rooms = [str(room) for room in range(2 * len(benchmark.splits[0].test[0].rooms))]
        expected.append(score(np.concatenate(truth), np.concatenate(predicted), rooms=rooms))
    row = next(row for row in made["pooled"] if row["recipe"] == "int8")
    assert row["macro_f1_integer"] == pytest.approx(np.mean([each.macro_f1 for each in expected]))
    assert row["accuracy_integer"] == pytest.approx(np.mean([each.accuracy for each in expected]))
    assert row["macro_f1_integer_std"] == pytest.approx(np.std([each.macro_f1 for each in expected], ddof=1))
    assert row["macro_f1_integer"] < row["macro_f1_float"]
    assert row["interval"][0] <= row["macro_f1_integer"] - row["macro_f1_float"] <= row["interval"][1]


def test_a_perfect_baseline_scores_one(made):
    """The baseline rows hold scores of the same decisions."""
    assert [row["macro_f1"] for row in made["baselines"]] == [1.0] * len(CAUSAL_BASELINES)


def test_every_result_row_holds_the_keys_of_the_record(made):
    """`results` has one flat row a model, recipe, split and seed."""
    assert len(made["results"]) == 8
    assert all(set(row) == set(EvaluationRecord.__dataclass_fields__) for row in made["results"])


def test_the_document_is_json_and_draws_a_page(made):
    """What the demonstration writes is what the report reads."""
    page = render_html(json.loads(json.dumps(made)))
    assert "home-1" in page
    assert "mamba int8" in page
