"""Bands cover exactly the steps they stand for, and every wrong step is marked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.report.document import Timeline
from smidgen.report.timeline import draw_timeline

ROOMS = ("hall", "kitchen", "study")
STEPS = st.lists(st.tuples(st.integers(-1, 2), st.integers(-1, 2)), min_size=1, max_size=60)


def draw(truth, prediction, time_s=None):
    time_s = tuple(float(step) for step in range(len(truth))) if time_s is None else time_s
    return draw_timeline(
        Timeline(
            split="home A",
            recording="morning",
            rooms=ROOMS,
            time_s=time_s,
            truth=tuple(truth),
            predictions={"mamba int8": tuple(prediction)},
        )
    )


def share(bands):
    return sum(band.width for band in bands) / 100


@given(steps=STEPS)
def test_bands_cover_what_they_stand_for(steps):
    """On a fixed step the widths of truth, prediction and errors equal the shares of labelled, answered and wrong."""
    truth, prediction = zip(*steps, strict=True)
    figure = draw(truth, prediction)
    (row,) = figure.predictions
    n, rounding = len(steps), 1e-5 * (len(steps) + 1)
    assert sum(room >= 0 for room in truth) / n == pytest.approx(share(figure.truth.bands), abs=rounding)
    assert sum(room >= 0 for room in prediction) / n == pytest.approx(share(row.bands), abs=rounding)
    wrong = sum(true not in (-1, room) for true, room in steps)
    assert wrong / n == pytest.approx(share(row.errors), abs=rounding)


def test_neighbouring_bands_differ_and_are_named():
    """Equal steps make one band, with its room and its times in words."""
    figure = draw([0] * 60 + [1] * 60, [0] * 90 + [1] * 30)
    (row,) = figure.predictions
    assert [(band.left, band.width, band.room) for band in figure.truth.bands] == [(0.0, 50.0, 0), (50.0, 50.0, 1)]
    assert [band.label for band in row.bands] == ["hall, 0:00 to 1:30", "kitchen, 1:30 to 2:00"]
    assert [band.label for band in row.errors] == ["hall for kitchen, 1:00 to 1:30"]
    assert row.accuracy == "75.00 %"
    assert figure.truth.accuracy == ""


def test_a_missing_answer_is_an_error_and_missing_truth_is_not():
    """No answer counts against a program; a step without truth counts neither way."""
    (row,) = draw([0, 0, -1, -1], [0, -1, 2, -1]).predictions
    assert row.accuracy == "50.00 %"
    assert [band.label for band in row.errors] == ["no answer for hall, 0:01 to 0:02"]


def test_a_recording_without_truth_has_no_accuracy():
    """Nothing labelled, nothing claimed."""
    assert draw([-1, -1], [0, 1]).predictions[0].accuracy == "–"


def test_a_gap_in_time_is_not_covered():
    """A band ends one step after its last decision, however far the next is."""
    figure = draw([0, 0, 0, 0], [0, 0, 0, 0], time_s=(0.0, 1.0, 8.0, 9.0))
    assert [(band.left, band.width) for band in figure.truth.bands] == [(0.0, 20.0), (80.0, 20.0)]


def test_rooms_nobody_enters_are_left_out_of_the_legend():
    """A room keeps its index, and so its colour."""
    assert draw([0, 0], [0, 2]).rooms == ((0, "hall"), (2, "study"))


@pytest.mark.parametrize(("n", "last"), [(1, "0:01"), (45, "0:40"), (1500, "25:00"), (7300, "2:00:00")])
def test_the_axis_has_few_round_ticks(n, last):
    """Two to eight ticks from 0:00, all inside, whatever the length in seconds."""
    ticks = draw([0] * n, [0] * n).ticks
    assert ticks[0].label == "0:00"
    assert last == ticks[-1].label
    assert 2 <= len(ticks) <= 8
    assert all(0 <= tick.left <= 100 for tick in ticks)
