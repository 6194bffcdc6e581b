"""Energy as stacked bars: parts add up to their arrangement, at the middle of their spans."""

import pytest

from smidgen.report.energy_bars import EnergyPart, draw_energy


def part(arrangement, name, low, high):
    return EnergyPart(board="b", arrangement=arrangement, part=name, mj_per_hour_low=low, mj_per_hour_high=high)


def test_parts_stand_side_by_side_on_one_axis():
    """The longest bar ends just inside; a part begins where the one before it ends."""
    figure = draw_energy([
        part("wrist", "scan", 80, 120), part("wrist", "model", 5, 15), part("wrist", "total", 85, 135),
        part("connection", "scan", 80, 120), part("connection", "stream", 30, 70),
        part("connection", "total", 110, 190),
    ])  # fmt: skip
    wrist, connection = figure.bars
    assert figure.parts == ("model", "scan", "stream")
    assert [segment.part for segment in wrist.segments] == ["model", "scan"]
    assert wrist.segments[1].left == pytest.approx(wrist.segments[0].width)
    ends = [bar.segments[-1].left + bar.segments[-1].width for bar in (wrist, connection)]
    assert ends[0] / ends[1] == pytest.approx(110 / 150, rel=1e-3)
    assert 90 < ends[1] < 100
    assert wrist.total == "85 to 135 mJ"


def test_nothing_estimated_draws_nothing():
    """A study without programs has no hour of wear."""
    assert draw_energy([]) is None
