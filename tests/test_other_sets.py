"""What the stored record on the other localisation sets must show: networks beside forests, and exact programs."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

RECORD = Path(__file__).parents[1] / "results" / "other_sets.json"


@pytest.fixture(scope="module")
def sets():
    """Rows by set, then by role."""
    found = defaultdict(dict)
    for row in json.loads(RECORD.read_text(encoding="utf-8")):
        assert row["role"] not in found[row["data"]], "one row a set and role"
        found[row["data"]][row["role"]] = row
    return found


def test_every_network_stands_beside_its_forest_and_its_program(sets):
    """On the same protocol, with the forest's scores repeated in each row."""
    for rows in sets.values():
        assert {"baseline", "network", "int8 program"} <= set(rows)
        assert len({(row["protocol"], row["target"], row["baseline_accuracy"]) for row in rows.values()}) == 1
        assert rows["baseline"]["accuracy"] == rows["network"]["baseline_accuracy"]


def test_every_program_is_exact_and_as_good_as_its_network(sets):
    """No byte differs between reference, host C and emulated C, and integers cost less than a point where all folds
    were compiled.
    """
    for rows in sets.values():
        program, network = rows["int8 program"], rows["network"]
        assert program["mismatched_bytes"] == 0
        assert program["argmax_agreement"] > 0.98
        if program["n_decisions"] == network["n_decisions"]:
            assert program["accuracy"] > network["accuracy"] - 3 * network["accuracy_std"] - 0.01


def test_the_network_beats_the_forest_on_wi_fi_fingerprints(sets):
    """By the contiguous fifths of its page; the committee and the int8 program reach 0.98 in less than 1 KiB of RAM."""
    rows = sets["uci_wifi"]
    assert rows["network"]["accuracy"] - rows["network"]["accuracy_std"] > rows["baseline"]["accuracy"]
    assert min(rows["committee"]["accuracy"], rows["int8 program"]["accuracy"]) >= 0.98
    assert rows["int8 program"]["ram_bytes"] < 1024
