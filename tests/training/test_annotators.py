"""The agreement of two annotators, on made-up visits and on the published ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from recordings import every, make_recording

from smidgen.data import UNLABELLED
from smidgen.data.sphere import second_annotations
from smidgen.errors import DataError
from smidgen.training.annotators import annotator_agreement

DATA = Path(os.environ.get("SMIDGEN_DATA", Path(__file__).parents[3] / "shared" / "data"))


def annotated(room):
    """Return 60 s in which the room of each second is given."""
    time_s = every(0.05, 60.0)
    rooms = np.asarray(room, dtype=np.int16)[np.minimum(time_s.astype(int), 59)]
    return make_recording(time_s, room=rooms, rssi_dbm=np.full((len(time_s), 2), -60, np.float32))


def test_decisions_with_two_rooms_are_compared():
    """The second moves the change from 30 s to 34 s and leaves the last 6 s open: 2 of 27 decisions differ."""
    first = annotated([0] * 30 + [1] * 30)
    second = annotated([0] * 34 + [1] * 20 + [UNLABELLED] * 6)
    scores = annotator_agreement([(first, second)])
    assert scores.accuracy == pytest.approx(1 - 2 / 27)
    assert [scores.f1[room] for room in first.rooms[:2]] == pytest.approx([2 * 15 / (15 + 17), 2 * 10 / (12 + 10)])


def test_nothing_in_common_is_refused():
    """An annotator who left everything open, and no recording at all."""
    with pytest.raises(DataError, match="no decision of 1 recordings has the rooms of two"):
        annotator_agreement([(annotated([0] * 60), annotated([UNLABELLED] * 60))])
    with pytest.raises(DataError, match="no decision of 0 recordings"):
        annotator_agreement([])


@pytest.mark.skipif(not (DATA / "sphere_challenge").is_dir(), reason=f"no SPHERE recordings under {DATA}")
def test_two_people_part_on_the_hall():
    """Four sequences have two annotations; they agree on 99.3 % of the decisions, and least on the hall."""
    pairs = second_annotations(DATA)
    assert [first.name[-1] for first, _ in pairs] == list("1247")
    scores = annotator_agreement(pairs)
    assert scores.accuracy == pytest.approx(0.993, abs=5e-4)
    f1 = {room: value for room, value in scores.f1.items() if not np.isnan(value)}
    assert min(f1, key=f1.__getitem__) == "hall"
    assert f1["hall"] == pytest.approx(0.885, abs=5e-4)
