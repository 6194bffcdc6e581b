"""Rows of the leaderboard from results of jobs: pooled over held-out parts, mean and spread over seeds."""

from dataclasses import asdict, fields, replace

import numpy as np
import pytest
from studies import result

from smidgen.errors import ConfigError
from smidgen.localisation import scoring
from smidgen.localisation.contestants import CONTESTANTS, FLOAT
from smidgen.localisation.delivery import preferred_student
from smidgen.localisation.document import near_change
from smidgen.localisation.fold import HOP_S
from smidgen.localisation.nominees import DELIVERY, NOMINEES, Nominee
from smidgen.localisation.scoring import record_of, rows_of
from smidgen.records import LocalisationRecord
from smidgen.training.baselines import BASELINES
from smidgen.training.metrics import score

ISSUE_FIELDS = (
    "data", "protocol", "model", "role", "recipe", "decoding", "delay_s", "macro_f1", "macro_f1_8", "macro_f1_std",
    "accuracy", "per_room_f1", "seeds", "parameters", "ram_bytes", "flash_bytes", "instructions", "mismatched_bytes",
    "command", "versions",
)  # fmt: skip


class OneHome:
    """A pool of one home whose study is rare."""

    rooms = ("hall", "kitchen", "study")
    rare = ("study",)

    def score(self, truth, predicted):
        return score(
            np.concatenate([labels for _, labels in truth]),
            np.concatenate([labels for _, labels in predicted]),
            rooms=self.rooms,
        )


def record(results, *, recipe="float", protocol="whole"):
    (row,) = (row for row in rows_of(results) if (row.recipe, row.protocol) == (recipe, protocol))
    return record_of(row, OneHome(), data="own", command="smidgen localise", versions="smidgen 1")


def test_a_record_has_the_fields_that_were_asked_for():
    """Those of the issue, in its order, and what makes the record again."""
    assert tuple(field.name for field in fields(LocalisationRecord)) == ISSUE_FIELDS


def test_decisions_are_pooled_over_folds_and_averaged_over_seeds():
    """Accuracy is of all decisions of a seed; the spread is over seeds, not over folds."""
    results = [result("gru-stream", fold=fold, seed=seed, wrong=wrong, compiled=True)
               for (fold, seed), wrong in {(0, 0): 0, (1, 0): 6, (0, 1): 2, (1, 1): 2}.items()]  # fmt: skip
    found = record(results)
    assert found.accuracy == pytest.approx(1 - 5 / 60)
    assert found.seeds == 2
    per_seed = [[r.predictions["float/off/whole"] for r in results if r.job.seed == seed] for seed in (0, 1)]
    truth = np.concatenate([results[0].truth] * 2)
    macro = [score(truth, np.concatenate(said), rooms=OneHome.rooms).macro_f1 for said in per_seed]
    assert found.macro_f1 == pytest.approx(np.mean(macro))
    assert found.macro_f1_std == pytest.approx(np.std(macro, ddof=1))
    assert found.macro_f1_8 > found.macro_f1  # the rare room has all the errors
    assert found.per_room_f1["kitchen"] == 1.0


def test_costs_are_the_most_and_mismatches_the_sum():
    """A program that is small on one fold counts with its largest; one differing byte anywhere is told."""
    results = [result("gru-stream", fold=fold, compiled=True) for fold in (0, 1)]
    spoiled = replace(results[1].programs[1], mismatched_bytes=3)
    results[1] = replace(results[1], programs=(results[1].programs[0], spoiled))
    found = record(results, recipe="int8")
    assert (found.ram_bytes, found.mismatched_bytes) == (701, 3)
    assert found.fits_wearable
    assert not replace(found, instructions=60_001).fits_wearable
    assert record(results).mismatched_bytes is None


def test_random_starts_are_rows_of_their_own():
    """The protocol says so, and the score is that of the other predictions."""
    results = [result("gru-stream", wrong=5, compiled=True)]
    assert record(results, recipe="int8").accuracy < 1.0
    started = record(results, recipe="int8", protocol="random starts")
    assert started.accuracy == 1.0
    assert started.protocol == f"{scoring.HELD_OUT['own']}, random starts"


def test_delays_of_model_and_decoding_add_up():
    """Trees that hear 4 s more, decoded with 4 s of lag, answer after 8 s; Viterbi after the recording."""
    base = result("extra-trees-on-5-windows-2-ahead")
    said = base.predictions["float/off/whole"]
    names = ("off", "learned, lag 4 s", "learned, Viterbi")
    results = [replace(
        base, programs=tuple(replace(base.programs[0], decoding=name) for name in names),
        predictions={f"float/{name}/whole": said for name in names},
    )]  # fmt: skip
    records = [record_of(row, OneHome(), data="own", command="", versions="") for row in rows_of(results)]
    assert [r.delay_s for r in records] == [4.0, 8.0, None]
    assert all(asdict(r)["ram_bytes"] is None for r in records)


def test_transitions_are_the_decisions_around_a_change_of_room():
    """Two decisions before and two from the change on; never across recordings or a long gap."""
    base = result("random-forest")
    expected = np.zeros(30, dtype=bool)
    expected[[8, 9, 10, 11, 18, 19, 20, 21]] = True
    assert np.array_equal(near_change(base), expected)
    parted = replace(base, recording=np.repeat([0, 1, 1], 10).astype(np.int16))
    assert np.flatnonzero(near_change(parted)).tolist() == [18, 19, 20, 21]
    gap = replace(base, index=np.arange(30) + 10 * (np.arange(30) >= 20))
    assert np.flatnonzero(near_change(gap)).tolist() == [8, 9, 10, 11]


def test_integers_are_delivered_before_a_better_float_program():
    """In integers that fit and answer within 4 s; a float32 program only where there is none."""
    integer = record([result("gru-stream", wrong=5, compiled=True)], recipe="int8")
    better = replace(integer, recipe="float32", macro_f1_8=1.0)
    late = replace(integer, decoding="learned, lag 4 s", delay_s=8.0, macro_f1_8=1.0)
    large = replace(integer, model="transformer-window", ram_bytes=20_000, macro_f1_8=1.0)
    assert preferred_student([better, late, large, integer]) == integer
    assert preferred_student([late, better]) == better
    assert preferred_student([large]) == large


def test_no_held_out_score_decides_what_is_delivered():
    """The nominees come first in their order, then the table's programs, whatever any of them scores."""
    base = record([result("gru-stream", compiled=True)], recipe="int8")
    named = {each.question: each for each in NOMINEES}
    first, second = (replace(base, model=named[each].model, recipe=named[each].recipe, macro_f1_8=low)
                     for each, low in zip(DELIVERY, (0.1, 0.2), strict=True))  # fmt: skip
    other = replace(base, model="gru-stream-distilled", macro_f1_8=1.0)
    another = replace(base, model="mamba-stream", macro_f1_8=0.9)
    assert preferred_student([other, second, first]) == first
    assert preferred_student([other, second]) == second
    assert preferred_student([another, other]) == other
    assert preferred_student([other, another]) == other


def test_every_nominee_is_a_row_of_the_study():
    """Its contestant runs it: in Python, or as one of its programs; each question has one."""
    assert len({each.question for each in NOMINEES}) == len(NOMINEES)
    for each in NOMINEES:
        contestant = CONTESTANTS[each.model]
        rows = [*contestant.programs, *((FLOAT, decoding) for decoding in contestant.decodings)]
        assert (each.recipe, each.decoding) in rows
    with pytest.raises(ConfigError, match="nobody called 'gru-strem' competes"):
        Nominee(question="teacher", model="gru-strem", recipe="int8")


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_as_late_as_the_intervals_that_it_hears(name):
    """What the leaderboard says of its delay is what its features look at behind the decision."""
    assert CONTESTANTS[name].looks_ahead_s == BASELINES[name].delay * HOP_S
