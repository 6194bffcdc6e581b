"""The document of a study: what its pictures show, and which rows were named, whatever the scores are."""

from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
from studies import ROOMS, result

from smidgen.localisation.delivery import Delivered
from smidgen.localisation.document import study_document
from smidgen.localisation.nominees import NOMINEES
from smidgen.localisation.scoring import record_of, rows_of
from smidgen.report.study import Study
from smidgen.training.metrics import score


class OneHome:
    """A pool of one home."""

    rooms = ROOMS
    rare = ()

    def score(self, truth, predicted):
        return score(*(np.concatenate([labels for _, labels in side]) for side in (truth, predicted)), rooms=ROOMS)


DELIVERED = Delivered(
    folder="firmware", model="gru-stream", recipe="int8", decoding="off", instructions={"cortex-m4": 30_000}
)


def made(results, delivered=DELIVERED, ceiling=None):
    pool = OneHome()
    rows = [(row, record_of(row, pool, data="own", command="smidgen localise", versions="smidgen 1"))
            for row in rows_of(results)]  # fmt: skip
    return study_document(
        "smidgen localise", {"smidgen": "1"}, SimpleNamespace(name="own"), pool, rows, delivered, ceiling
    )


@pytest.fixture(scope="module")
def results():
    """A delivered student that errs, a better one, the named teacher, a better teacher, two baselines."""
    return [
        result("gru-stream", wrong=6, compiled=True), result("gru-stream-4s", compiled=True),
        result("bidirectional-gru-and-trees", wrong=4), result("mdcsa-crf", wrong=0),
        result("k-nearest-neighbours", wrong=8), result("random-forest", wrong=5),
    ]  # fmt: skip


def test_pictures_show_the_named_rows_and_the_best_baseline(results):
    """The delivered student and the named teacher, though others score higher; energy is the delivered program's."""
    document = made(results)
    names = ["gru-stream int8", "bidirectional-gru-and-trees float", "random-forest float"]
    assert [each["model"] for each in document["confusion"]] == names
    assert list(document["timeline"]["predictions"]) == names
    assert document["energy"]
    found = Study.from_mapping(document)
    assert (found.chosen.model, found.chosen.accuracy) == ("gru-stream", pytest.approx(24 / 30))
    assert found.nominee("teacher").model == "bidirectional-gru-and-trees"
    assert found.nominee("student after 4 s").accuracy == 1.0
    assert found.nominee("mamba") is None
    assert document["nominees"] == [asdict(each) for each in NOMINEES]


def test_a_study_without_programs_has_pictures_and_no_energy(results):
    """Nothing is delivered: the first row stands at the top of the page."""
    document = made(results[4:], delivered=None)
    assert [each["model"] for each in document["confusion"]] == ["random-forest float"]
    assert document["energy"] == []
    assert Study.from_mapping(document).chosen.model == "k-nearest-neighbours"


def test_a_second_person_stands_behind_all_rows(results):
    """As the study was given it."""
    row = {**made(results)["entries"][0], "name": "second annotator", "role": "ceiling"}
    assert made(results, ceiling=row)["entries"][-1] == row
    assert len(made(results, ceiling=row)["entries"]) == len(made(results)["entries"]) + 1
