"""What the stored records on the worth of answers must show: disturbances, confidence, new homes, energy."""

import json
from collections import defaultdict
from pathlib import Path

import pytest

from smidgen.data.corruption import CORRUPTIONS
from smidgen.targets import ARRANGEMENTS, RADIO_CURRENTS

RESULTS = Path(__file__).parents[1] / "results"


def records(name):
    return json.loads((RESULTS / name).read_text(encoding="utf-8"))


# ---- disturbances ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["sphere", "simulated"])
def disturbed(request):
    """Rows by model and training, then by disturbance and degree."""
    found = defaultdict(dict)
    for row in records("robustness.json"):
        if row["data"] == request.param:
            found[row["model"], row["training"]][row["corruption"], row["severity"]] = row
    return found


def test_every_disturbance_was_measured_at_every_degree(disturbed):
    """For networks under each training and for the trees alike."""
    asked = {(name, float(degree)) for name, kind in CORRUPTIONS.items() for degree in kind.severities}
    assert len(disturbed) == 4
    assert all(set(rows) == asked | {("none", 0.0)} for rows in disturbed.values())


def test_a_flood_of_another_stacks_codes_costs_nothing(disturbed):
    """Not one decision differs, for any model."""
    for rows in disturbed.values():
        for degree in (0.5, 1.0):
            assert rows["flood", degree]["accuracy"] == rows["none", 0.0]["accuracy"]


def test_probabilities_widen_with_every_access_point_that_is_missing(disturbed):
    """The mean entropy of networks under augmentation rises with each, and with the share of time without packets."""
    for (model, training), rows in disturbed.items():
        if model == "gru" and training != "plain":
            for name in ("missing", "gaps"):
                entropy = [rows["none", 0.0]["entropy_nats"]]
                entropy += [rows[name, float(degree)]["entropy_nats"] for degree in CORRUPTIONS[name].severities]
                assert sorted(entropy) == entropy, name


def test_augmentation_is_worth_most_where_an_access_point_is_missing(disturbed):
    """The stronger the augmentation, the higher the macro-F1 with one access point less."""
    scores = [
        disturbed["gru", training]["missing", 1.0]["macro_f1_without_rare"]
        for training in ("plain", "preset", "strong")
    ]
    assert sorted(scores) == scores


def test_networks_hardly_mind_lost_packets(disturbed):
    """With one packet of five left, every network keeps nine tenths of its macro-F1."""
    for (model, _), rows in disturbed.items():
        if model == "gru":
            whole, fifth = (rows[key]["macro_f1_without_rare"] for key in (("none", 0.0), ("rate", 5.0)))
            assert fifth > 0.9 * whole


# ---- confidence ------------------------------------------------------------------------------------------------------


def test_a_temperature_makes_confidence_as_good_as_accuracy_in_the_integers():
    """The calibration error falls to a fifth and below 0.02, in the compiled program as in float; no byte differs."""
    rows = [row for row in records("confidence.json") if row["kind"] == "calibration"]
    error = {(row["precision"], row["scaled"]): row["expected_calibration_error"] for row in rows}
    for precision in ("float", "int8"):
        assert error[precision, True] < min(0.02, error["float", False] / 5)
    assert all(row["mismatched_bytes"] == 0 for row in rows)


def test_unknown_is_answered_about_as_often_as_asked_and_spares_errors():
    """Within two points of the coverage chosen elsewhere, and what is answered is right more often than all of it."""
    rows = records("confidence.json")
    for precision in ("float", "int8"):
        scaled = [row for row in rows if row["precision"] == precision and row["scaled"]]
        (everything,) = (row for row in scaled if row["kind"] == "calibration")
        chosen = {row["chosen_for"]: row for row in scaled if row["kind"] == "unknown"}
        assert chosen["coverage"]["coverage"] == pytest.approx(0.95, abs=0.02)
        assert chosen["accuracy"]["accuracy"] > chosen["coverage"]["accuracy"] > everything["accuracy"]


# ---- energy ----------------------------------------------------------------------------------------------------------


def test_energies_are_spans_by_board_and_arrangement():
    """Each has a lower and an upper bound, every arrangement a total, and each row says that it is an estimate."""
    rows = records("energy.json")
    assert {row["board"] for row in rows} == set(RADIO_CURRENTS)
    assert {row["arrangement"] for row in rows if row["part"] == "total"} == set(ARRANGEMENTS)
    assert all(row["is_estimate"] and 0 < row["mj_per_hour_low"] <= row["mj_per_hour_high"] for row in rows)


# ---- new homes -------------------------------------------------------------------------------------------------------


def test_rooms_placed_by_other_homes_are_found_sooner_than_fingerprints():
    """Mean accuracy over simulated homes: above k-nearest neighbours and a network from scratch at every minute."""
    rows = [row for row in records("adaptation.json") if row["data"] == "simulated"]
    by_method = defaultdict(lambda: defaultdict(list))
    for row in rows:
        by_method[row["method"]][row["minutes"]].append(row["accuracy"])
    for minutes, placed in by_method["placed"].items():
        for other in ("k-nearest-neighbours", "scratch"):
            assert sum(placed) > sum(by_method[other][minutes]) + 0.05 * len(placed)


def test_more_minutes_of_a_walk_never_cost_accuracy():
    """Of rooms placed, on average over homes."""
    rows = [row for row in records("adaptation.json") if (row["data"], row["method"]) == ("simulated", "placed")]
    by_minutes = defaultdict(list)
    for row in rows:
        by_minutes[row["minutes"]].append(row["accuracy"])
    means = [sum(by_minutes[minutes]) for minutes in sorted(by_minutes)]
    assert sorted(means) == means
