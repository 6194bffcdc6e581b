"""A job of the study: read back for the very recordings that made it, and scored wherever something remembers."""

import numpy as np
import pytest

from smidgen.benchmark import load_benchmark
from smidgen.data import save_recording
from smidgen.data.simulate import simulate_home
from smidgen.errors import CheckpointError
from smidgen.localisation.contestants import CONTESTANTS, Contestant
from smidgen.localisation.decodings import EVERY_DECODING, OFF
from smidgen.localisation.job import StudyJob, run_study_job


class Half:
    """Names the room of each decision and errs in every third; it answers a decision alone and remembers nothing."""

    parameters = None
    floor = 1e-3

    def __init__(self, n_rooms):
        self.prior = np.full(n_rooms, 1 / n_rooms)

    def probabilities(self, recording, stretch):
        room = np.maximum(recording.room_at((np.arange(stretch.end) + 0.5) * 2.0), 0)
        room = np.where(np.arange(stretch.end) % 3 == 1, (room + 1) % len(recording.rooms), room)
        answers = np.full((stretch.end, len(recording.rooms)), 0.3 / (len(recording.rooms) - 1))
        answers[np.arange(stretch.end), room] = 0.7
        return answers[stretch.heard_from :]

    to_decode = probabilities


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A job of such a contestant on two recordings of somebody's own, and how often it was fitted."""
    (tmp_path / "own").mkdir()
    for day in range(2):
        save_recording(simulate_home(1).record(day, 300.0), tmp_path / "own" / f"day-{day}.csv.gz")
    fitted = []

    def fit(fold, *, seed, folder):
        fitted.append(fold.split.name)
        return Half(len(fold.rooms))

    monkeypatch.setitem(CONTESTANTS, "half", Contestant(role="baseline", fit=fit, budget_s=1.0))
    load_benchmark.cache_clear()
    yield StudyJob(
        data=str(tmp_path / "own"), root=None, fold=0, contestant="half", seed=0, folder=str(tmp_path / "job"),
        trainings=str(tmp_path / "trainings"),
    ), fitted  # fmt: skip
    load_benchmark.cache_clear()


def test_a_decoder_is_scored_from_random_starts_whatever_stands_before_it(job):
    """What remembers nothing has one row alone and two with each decoder, which begins anew at each start."""
    found = run_study_job(job[0])
    assert set(found.predictions) == {
        f"float/{OFF}/whole",
        *(f"float/{name}/{start}" for name in EVERY_DECODING[1:] for start in ("whole", "random starts")),
    }
    for name in EVERY_DECODING[1:]:
        scored = (found.predictions[f"float/{name}/random starts"] == found.truth).mean()
        assert scored > (found.predictions[f"float/{OFF}/whole"] == found.truth).mean()


def test_a_result_is_read_back_for_the_same_recordings_only(job, tmp_path):
    """The second call fits nothing; with another recording under the same name the folder is refused."""
    asked, fitted = job
    first = run_study_job(asked)
    again = run_study_job(asked)
    assert len(fitted) == 1
    assert all(np.array_equal(again.predictions[key], value) for key, value in first.predictions.items())
    save_recording(simulate_home(1).record(7, 300.0), tmp_path / "own" / "day-1.csv.gz")
    load_benchmark.cache_clear()  # as a new process
    with pytest.raises(CheckpointError, match="is the result of another job: recordings is"):
        run_study_job(asked)
