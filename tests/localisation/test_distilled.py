"""Soft labels come from teachers that saw neither the recording they speak of nor the one that is held out."""

from dataclasses import replace

import numpy as np

from smidgen.data import Split, decide
from smidgen.data.simulate import simulate_home
from smidgen.localisation import distilled
from smidgen.localisation.distilled import fit_distilled
from smidgen.training.recording_presets import find_recording_preset


class Sure:
    """Says the first room of everything."""

    def probabilities(self, recording, stretch):
        answers = np.zeros((stretch.end, len(recording.rooms)))
        answers[:, 0] = 1.0
        return answers


def test_a_teacher_hears_neither_the_test_nor_what_it_speaks_of(fold, tmp_path, monkeypatch):
    """One teacher a training recording, on the others alone; folds find the same teacher in the same folder."""
    first, second, third = (simulate_home(1).record(day, 120.0) for day in range(3))
    heard, taught = {}, {}

    def fit_teacher(blind, preset, *, seed, folder):
        heard[folder.name] = {recording.name for recording in blind.split.train}
        return Sure()

    def fit_stream(fold, preset, *, seed, folder, soft_targets):
        taught[folder.name] = soft_targets

    monkeypatch.setattr(distilled, "fit_teacher", fit_teacher)
    monkeypatch.setattr(distilled, "fit_stream", fit_stream)
    preset = find_recording_preset("sphere", "student")
    for name, train, test in (("a", (first, second), third), ("b", (second, third), first)):
        part = replace(fold, split=Split(name=name, train=train, test=(test,)))
        fit_distilled(part, preset, preset, seed=0, folder=tmp_path / name, teachers=tmp_path)
    names = [recording.name for recording in (first, second, third)]
    assert heard == {
        f"without-{names[0].replace('/', '-')}-{names[2].replace('/', '-')}": {names[1]},
        f"without-{names[1].replace('/', '-')}-{names[2].replace('/', '-')}": {names[0]},
        f"without-{names[0].replace('/', '-')}-{names[1].replace('/', '-')}": {names[2]},
    }
    assert len(taught["a"]) == len(decide(first)) + len(decide(second))
    assert np.array_equal(taught["b"].argmax(axis=1), np.zeros(len(decide(second)) + len(decide(third))))
