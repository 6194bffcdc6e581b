import numpy as np
import pytest
from published_data import DATA, needs

from smidgen.data.sets.uci_wifi import FILE, FOLDER, PROTOCOLS, load_uci_wifi
from smidgen.errors import DataError
from smidgen.training.example_baselines import score_examples

LINES = [f"-6{i % 10}\t-56\t-61\t-66\t-71\t-82\t-{i % 90 + 1}\t{i // 500 + 1}" for i in range(2000)]


def write(root, lines):
    (root / FOLDER).mkdir()
    (root / FOLDER / FILE).write_text("\n".join(lines) + "\n")
    return root


def test_lines_become_fingerprints(tmp_path):
    """Levels and rooms are as written, whichever folder is named."""
    for root in (write(tmp_path, LINES), tmp_path / FOLDER):
        examples = load_uci_wifi(root)
        assert examples.values[1003].tolist() == [[-63, -56, -61, -66, -71, -82, -14]]
        assert np.bincount(examples.label).tolist() == [500] * 4


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (LINES[:-1], "expected 2000 lines, found 1999. The file is cut or joined"),
        ([*LINES[:-1], LINES[0]], "txt:2000: expected the rooms in order, found room 1 after 4"),
        ([LINES[0][:-1] + "5", *LINES[1:]], r"txt:1: expected a room 1..4, found 5"),
        ([LINES[0][:-2], *LINES[1:]], "txt:1: expected 8 cells, found 7"),
        (["30" + LINES[0][3:], *LINES[1:]], "example 0 holds 30 for AP1"),
    ],
    ids=["cut", "shuffled", "room", "cells", "level"],
)
def test_what_is_not_the_set_is_refused(tmp_path, lines, message):
    """A cut file, rooms out of order (shuffled rows would leak), unknown rooms and impossible levels."""
    with pytest.raises(DataError, match=message):
        load_uci_wifi(write(tmp_path, lines))


def test_missing_folder(tmp_path):
    """The message says what lies where and how to get it."""
    with pytest.raises(DataError, match=r"expected uci_wifi_localization/wifi_localization\.txt, found none. Fetch"):
        load_uci_wifi(tmp_path)


@needs(FOLDER)
def test_the_published_set_scores_as_its_page_says():
    """2,000 rows, 500 a room, -98 to -10 dBm; a forest over contiguous fifths reaches 0.974 within 0.01."""
    examples = load_uci_wifi(DATA)
    assert np.bincount(examples.label).tolist() == [500] * 4
    assert (examples.stacked().min(), examples.stacked().max()) == (-98, -10)
    scores = score_examples(examples, PROTOCOLS["contiguous-fifths"], name="random-forest", seed=0)
    assert scores.macro_f1 == pytest.approx(0.974, abs=0.01)
