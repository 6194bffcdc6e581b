"""MDCSA competes with the room that its most probable path ends in, and is trained once."""

from dataclasses import replace

import numpy as np
import pytest

from smidgen.data import Split, decide
from smidgen.data.simulate import simulate_home
from smidgen.localisation import mdcsa_teacher
from smidgen.localisation.contestants import CONTESTANTS
from smidgen.localisation.hearing import all_of
from smidgen.localisation.mdcsa_teacher import fit_mdcsa
from smidgen.localisation.stretches import Stretch
from smidgen.training.mdcsa_training import last_rooms


@pytest.fixture
def home(fold, monkeypatch):
    """Two training recordings, one of which chooses the epoch, of which there is one."""
    monkeypatch.setattr(mdcsa_teacher, "_EPOCHS", 1)
    days = [simulate_home(1).record(day, 120.0) for day in range(3)]
    return replace(fold, split=Split(name="day-2", train=tuple(days[:2]), test=(days[2],)))


def test_it_answers_with_the_end_of_its_path(home, tmp_path, monkeypatch):
    """Certain of one room at each scored decision, of no room elsewhere, the same wherever a stretch begins."""
    found = fit_mdcsa(home, faithful=False, seed=0, folder=tmp_path)
    (recording,) = home.split.test
    whole, index = found.probabilities(recording, all_of(recording)), decide(recording).index
    scored = np.isin(np.arange(len(whole)), index)
    assert np.isnan(whole[~scored]).all()
    assert set(np.unique(whole[scored])) == {0.0, 1.0}
    assert (whole[scored].sum(axis=1) == 1).all()
    part = found.probabilities(recording, Stretch(heard_from=10, begin=15, end=30))
    np.testing.assert_array_equal(part, whole[10:30])
    monkeypatch.setattr(mdcsa_teacher, "last_rooms", lambda model, windows: (last_rooms(model, windows) + 1) % 7)
    other = found.probabilities(recording, all_of(recording))
    assert not np.array_equal(other[scored], whole[scored])


def test_a_complete_training_is_read_back(home, tmp_path):
    """Repeating the fit changes no weight file; the two forms are trained in folders of their own."""
    for name in ("mdcsa-crf", "mdcsa-crf-faithful"):
        CONTESTANTS[name].fit(home, seed=0, folder=tmp_path)
    weights = sorted(tmp_path.glob("*/seed-0/training/model.safetensors"))
    assert [path.parts[-4] for path in weights] == ["mdcsa-crf", "mdcsa-crf-faithful"]
    written = [path.stat().st_mtime_ns for path in weights]
    CONTESTANTS["mdcsa-crf"].fit(home, seed=0, folder=tmp_path)
    assert [path.stat().st_mtime_ns for path in weights] == written


def test_it_competes_with_one_seed_as_published_and_repaired():
    """A training takes a minute and a half a fold: both forms are teachers that compile to nothing."""
    for name in ("mdcsa-crf", "mdcsa-crf-faithful"):
        contestant = CONTESTANTS[name]
        assert (contestant.role, contestant.most_seeds, contestant.least_recordings) == ("teacher", 1, 2)
        assert contestant.programs == ()
