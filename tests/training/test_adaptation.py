"""A new home is learnt from a walk: at once by placing rooms, better by training on, and the same after a kill."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from smidgen.data import Windows, make_windows, simulate_home, to_frames
from smidgen.errors import CheckpointError, ConfigError, DataError
from smidgen.models import AccessPointEncoder, AccessPointEncoderConfig
from smidgen.training import pretraining
from smidgen.training.adaptation import ADAPTATION, adapt, calibration_windows, place_rooms
from smidgen.training.pretraining import HomeExamples, PretrainingConfig, pretrain, read_pretrained

LENGTH = 10
CONFIG = PretrainingConfig(episodes=60, checkpoint_every=20, learning_rate=2e-2)


def examples(seed: int, access_points: tuple[str, ...]) -> HomeExamples:
    home = simulate_home(seed, access_points=access_points)
    walked, lived = (to_frames(each, step_s=1.0) for each in (home.calibrate(0, 240.0), home.record(0, 300.0)))
    return HomeExamples(
        calibration=calibration_windows(walked, length=LENGTH), living=make_windows(lived, length=LENGTH)
    )


HOMES = (examples(0, ("kitchen", "living", "study")), examples(1, ("toilet", "bedroom", "kitchen", "hall")))


def untrained() -> AccessPointEncoder:
    torch.manual_seed(0)
    return AccessPointEncoder(AccessPointEncoderConfig(d_access_point=3, d_motion=4))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory) -> AccessPointEncoder:
    return pretrain(untrained(), HOMES, CONFIG, tmp_path_factory.mktemp("encoder"))


def accuracy(model, windows: Windows) -> float:
    with torch.no_grad():
        logits = model(torch.from_numpy(windows.rssi).float(), torch.from_numpy(windows.motion))[:, -1]
    return float((logits.argmax(dim=1).numpy() == windows.label).mean())


def test_episodes_of_other_homes_help_in_a_new_one(encoder):
    """In a home of five access points that no episode had, rooms placed by the trained encoder are found more often."""
    home = examples(2, ("study", "bathroom", "living", "bedroom", "kitchen"))
    before = accuracy(place_rooms(untrained(), home.calibration), home.living)
    assert accuracy(place_rooms(encoder, home.calibration), home.living) > max(before, 0.5)


def test_training_on_the_walk_fits_the_walk(encoder, tmp_path):
    """A few epochs leave fewer errors on the walk than placing; the model is a plain GRU classifier of that home.

    A repeated call reads it back, and another encoder is refused.
    """
    walk = HOMES[0].calibration
    config = replace(ADAPTATION, epochs=6)
    model = adapt(encoder, walk, tmp_path, config=config)
    assert accuracy(model, walk) > accuracy(place_rooms(encoder, walk), walk)
    assert (model.config.name, model.config.n_access_points) == ("gru", 3)
    again = adapt(encoder, walk, tmp_path, config=config)
    for expected, found in zip(model.parameters(), again.parameters(), strict=True):
        assert expected.equal(found)
    with pytest.raises(CheckpointError, match="belongs to another run: encoder is"):
        adapt(untrained(), walk, tmp_path, config=config)


def test_a_run_that_was_killed_ends_with_the_same_weights(encoder, tmp_path, monkeypatch):
    """Stopped after 45 of 60 episodes and repeated, it goes on from the 40th, and no weight differs."""
    original, done = pretraining.episode_loss, []

    def stop(*arguments, **options):
        if len(done) == 45:
            raise KeyboardInterrupt
        done.append(1)
        return original(*arguments, **options)

    monkeypatch.setattr(pretraining, "episode_loss", stop)
    with pytest.raises(KeyboardInterrupt):
        pretrain(untrained(), HOMES, CONFIG, tmp_path)
    monkeypatch.setattr(pretraining, "episode_loss", original)
    resumed = pretrain(untrained(), HOMES, CONFIG, tmp_path)
    for expected, found in zip(encoder.parameters(), resumed.parameters(), strict=True):
        assert expected.equal(found)


def test_the_first_minutes_of_a_walk_are_taken_by_the_clock():
    """One window a second with a room, none after the minutes asked for."""
    frames = to_frames(simulate_home(0).calibrate(0, 120.0), step_s=1.0)
    minute = calibration_windows(frames, length=LENGTH, minutes=1)
    assert float(minute.time_s.max()) <= 60.0
    assert 50 <= len(minute) <= 60
    np.testing.assert_array_equal(calibration_windows(frames, length=LENGTH)[: len(minute)].rssi, minute.rssi)


def test_what_cannot_be_learnt_from_is_refused(tmp_path):
    """No homes, a walk and a life of two homes, a walk without labels, another run's folder, impossible settings."""
    with pytest.raises(DataError, match="needs homes to learn from"):
        pretrain(untrained(), [], CONFIG, tmp_path)
    mixed = HomeExamples(calibration=HOMES[0].calibration, living=HOMES[1].living)
    with pytest.raises(DataError, match="differ in rooms or access points"):
        pretrain(untrained(), [mixed], CONFIG, tmp_path)
    frames = to_frames(simulate_home(0).calibrate(0, 120.0), step_s=1.0)
    with pytest.raises(DataError, match=r"no labelled window in the first 0\.01 minutes"):
        calibration_windows(frames, length=LENGTH, minutes=0.01)
    with pytest.raises(ConfigError, match="episodes must be at least 1"):
        PretrainingConfig(episodes=0)
    with pytest.raises(CheckpointError, match=r"config\.json cannot be read"):
        read_pretrained(untrained(), CONFIG, tmp_path)
    kept = pretrain(untrained(), HOMES, replace(CONFIG, episodes=1), tmp_path)
    read = read_pretrained(untrained(), replace(CONFIG, episodes=1), tmp_path)
    assert all(torch.equal(read.state_dict()[name], value) for name, value in kept.state_dict().items())
    with pytest.raises(CheckpointError, match=r"pretraining\.episodes is 1 there, asked for 60"):
        read_pretrained(untrained(), CONFIG, tmp_path)
    with pytest.raises(CheckpointError, match="belongs to another run"):
        pretrain(untrained(), HOMES, CONFIG, tmp_path)
