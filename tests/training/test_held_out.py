"""Probabilities of recordings that were left out: found again, averaged over members, and lined up for students."""

import numpy as np
import pytest
import torch
from synthetic_walk import recording

from smidgen.data import make_sequences, to_frames
from smidgen.errors import CheckpointError, ConfigError
from smidgen.training import RecordingTrainingConfig, load_model, recording_logits
from smidgen.training.held_out import probabilities_without, targets_without, train_without
from smidgen.training.recording_presets import RecordingPreset

PARTS = [to_frames(recording(seed=seed, seconds=60.0), step_s=1.0) for seed in range(3)]
PRESET = RecordingPreset(
    model="gru",
    shape={"d_model": 4},
    step_s=1.0,
    training=RecordingTrainingConfig(epochs=1, batches_per_epoch=2, batch_size=2, crop_frames=20, delay_frames=2),
    members=2,
)


def test_an_ensemble_answers_with_the_mean_of_its_members(tmp_path):
    """Members are the runs of seeds 2 and 3 for ensemble 1; both held-out recordings are answered, late as trained."""
    found = train_without((0, 2), PARTS, PRESET, tmp_path, seed=1)
    assert sorted(found) == [0, 2]
    members = [load_model(tmp_path / "without-0-2" / f"seed-{member}") for member in (2, 3)]
    alone = [recording_logits(model, make_sequences([PARTS[2]]), delay_frames=2) for model in members]
    expected = np.mean([torch.from_numpy(each).softmax(-1).numpy() for each in alone], axis=0)
    np.testing.assert_allclose(found[2], expected, atol=1e-6)
    again = probabilities_without((0, 2), tmp_path, seed=1)
    np.testing.assert_array_equal(found[0], again[0])


def test_what_was_not_trained_or_is_damaged_is_told(tmp_path):
    """A missing file names the training to repeat; a damaged one says so."""
    with pytest.raises(CheckpointError, match=r"training without \[1\] is not complete"):
        probabilities_without((1,), tmp_path, seed=0)
    (tmp_path / "without-1").mkdir()
    (tmp_path / "without-1" / "probabilities-0.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="does not hold probabilities by recording"):
        probabilities_without((1,), tmp_path, seed=0)


@pytest.mark.parametrize("held_out", [(), (3,), (0, 1, 2)])
def test_recordings_to_leave_out_must_be_there_and_leave_some(tmp_path, held_out):
    """None, one that is not there, and all are refused before anything is trained."""
    with pytest.raises(ConfigError, match="at least one goes and one stays"):
        train_without(held_out, PARTS, PRESET, tmp_path, seed=0)
    assert not list(tmp_path.iterdir())


def test_targets_line_up_with_the_training_recordings():
    """For fold 1 of 3 they are what the teachers without (1, 0) and (1, 2) say of 0 and of 2, in this order."""
    found = {(1, 0): np.full((2, 3), 0.1), (1, 2): np.full((4, 3), 0.2), (0, 1): np.full((5, 3), 0.3)}
    targets = targets_without(1, 3, found)
    assert targets[:, 0].tolist() == [0.1, 0.1, 0.2, 0.2, 0.2, 0.2]
    with pytest.raises(ConfigError, match=r"no teacher without 0 and each of \[2\]"):
        targets_without(0, 3, found)
