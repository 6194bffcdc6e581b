"""What the benchmark of decoders keeps between runs is read back for the recordings that it was made of."""

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smidgen.data.simulate import simulate_home
from smidgen.errors import CheckpointError


@pytest.fixture(scope="module")
def benchmark():
    """The benchmark; benchmarks/ is no installed package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).resolve().parent.parent))
        yield importlib.import_module("benchmarks.decoding")


def test_probabilities_are_kept_for_their_recordings(benchmark, tmp_path, monkeypatch):
    """The second call trains nothing; other recordings under the same names are refused."""
    recordings = [simulate_home(1).record(day, 60.0) for day in range(3)]
    found = benchmark._held_out("k-nearest-neighbours", recordings, (0, 2), tmp_path)
    monkeypatch.setattr(benchmark, "train_baseline", lambda *arguments, **options: pytest.fail("trained again"))
    again = benchmark._held_out("k-nearest-neighbours", recordings, (0, 2), tmp_path)
    assert [np.array_equal(a.probabilities, b.probabilities) for a, b in zip(found, again, strict=True)] == [True] * 2
    changed = [replace(simulate_home(1).record(9, 60.0), name=recordings[0].name), *recordings[1:]]
    with pytest.raises(CheckpointError, match="is the result of another job: recordings is"):
        benchmark._held_out("k-nearest-neighbours", changed, (0, 2), tmp_path)
