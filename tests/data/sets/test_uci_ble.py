import numpy as np
import pytest
from published_data import DATA, needs

from smidgen.data.sets.uci_ble import BEACONS, FILE, FOLDER, PROTOCOLS, load_uci_ble
from smidgen.errors import DataError
from smidgen.training.example_baselines import score_examples

HEADER = ",".join(("location", "date", *BEACONS))


def line(cell, first="-70"):
    return f"{cell},10-18-2016 11:15:21,{first}" + ",-200" * 12


LINES = [line(("D01", "I07", "P08", "W15")[i % 4]) for i in range(1420)]


def write(root, lines):
    (root / FOLDER).mkdir()
    (root / FOLDER / FILE).write_bytes("".join(f"{line}\r\n" for line in (HEADER, *lines)).encode())
    return root


def test_cells_become_zones(tmp_path):
    """Column groups by row groups, those that occur; -200 is not heard, whatever the line ends."""
    examples = load_uci_ble(write(tmp_path, LINES))
    assert examples.classes == ("A-H 1-7", "I-L 1-7", "M-P 8-15", "Q-W 8-15")
    assert np.bincount(examples.label).tolist() == [355] * 4
    np.testing.assert_array_equal([[-70.0] + [np.nan] * 12], examples.values[0])
    assert (examples.tag("cell")[1], examples.tag("day")[1]) == ("I07", "10-18-2016")


def test_levels_below_any_radio_are_not_heard_and_counted(tmp_path):
    """The published file holds a few -199 and -198 for -200."""
    examples = load_uci_ble(write(tmp_path, [line("O02", "-198"), *LINES[1:]]))
    assert np.isnan(examples.values[0]).all()
    assert examples.counts == {"rows": 1420, "levels_not_heard": 1420 * 12, "levels_below_any_radio": 1}


@pytest.mark.parametrize(
    ("first", "message"),
    [
        (line("X02"), r"csv:2: expected a location A01 to W15 on the grid, found 'X02'"),
        (line("O16"), "expected a location A01 to W15 on the grid, found 'O16'"),
        (line("O2"), "expected a location A01 to W15 on the grid, found 'O2'"),
        (line("O02", "loud"), "csv:2: expected a number in column b3001, found 'loud'"),
        (line("O02", "70"), "example 0 holds 70 for b3001"),
    ],
)
def test_what_is_off_the_grid_or_no_level_is_refused(tmp_path, first, message):
    """By file and line."""
    with pytest.raises(DataError, match=message):
        load_uci_ble(write(tmp_path, [first, *LINES[1:]]))


def test_a_cut_file_is_refused(tmp_path):
    """The file has no checksum of its own, so its lines are counted."""
    with pytest.raises(DataError, match="expected 1420 lines, found 1000"):
        load_uci_ble(write(tmp_path, LINES[:1000]))


@needs(FOLDER)
def test_the_published_set_scores_as_its_page_says():
    """7 zones of the sizes listed, 105 cells; a forest over stratified fifths reaches 0.870 within 0.02."""
    examples = load_uci_ble(DATA)
    assert sorted(np.bincount(examples.label).tolist()) == sorted([36, 533, 103, 309, 19, 364, 56])
    assert len(set(examples.tag("cell").tolist())) == 105
    assert examples.counts["levels_not_heard"] / 1420 / 13 == pytest.approx(0.889, abs=0.001)
    scores = score_examples(examples, PROTOCOLS["stratified-fifths"], name="random-forest", seed=0)
    assert scores.macro_f1 == pytest.approx(0.870, abs=0.02)
