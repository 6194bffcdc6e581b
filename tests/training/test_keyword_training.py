"""A keyword spotter learns in its run folder, is read back from there, and is never mixed with another run."""

import re
from dataclasses import replace

import pytest
import torch

from smidgen.errors import CheckpointError, ConfigError, DataError
from smidgen.models import KeywordConfig, KeywordSpotter
from smidgen.training import KeywordExamples, KeywordTrainingConfig, train_keywords
from smidgen.training.keyword_training import augment_sound

SHAPE = KeywordConfig(d_input=6, n_keywords=2, d_model=8, d_state=4)
CONFIG = KeywordTrainingConfig(epochs=6, batch_size=16, longest_delay=3, loudness=0.2, masked_bands=1)


def examples(n=64, *, seed=0):
    """Return sounds of two keywords: loud in the low bands, loud in the high bands."""
    draw = torch.Generator().manual_seed(seed)
    label = torch.arange(n) % 2
    features = torch.rand(n, 12, 6, generator=draw)
    features[:, :, :3] += 2.0 * (label == 0)[:, None, None]
    features[:, :, 3:] += 2.0 * (label == 1)[:, None, None]
    return KeywordExamples(features=features, label=label)


def untrained(seed=0):
    torch.manual_seed(seed)
    return KeywordSpotter(SHAPE)


def run(folder, config=CONFIG, model=None):
    return train_keywords(model or untrained(), examples(), examples(seed=1), config, folder, progress=False)


def test_a_run_learns_and_is_read_back(tmp_path):
    """Two keywords are told apart after six epochs; a second call finds the run complete and gives its weights."""
    model = run(tmp_path)
    assert not model.training
    unseen = examples(seed=2)
    with torch.no_grad():
        assert (model(unseen.features).argmax(1) == unseen.label).float().mean() > 0.95
    again = run(tmp_path, model=untrained(seed=5))
    torch.testing.assert_close(again.state_dict(), model.state_dict(), rtol=0, atol=0)


def test_a_run_stopped_between_epochs_ends_with_the_same_weights(tmp_path):
    """Continued from the checkpoint of its last whole epoch, bit for bit as one that was never stopped."""
    whole = run(tmp_path / "whole")

    class Stopped(Exception):
        pass

    def stop_in_the_third_epoch(module, *_):
        calls.append(module)
        if len(calls) == 3 * 4 - 1:
            raise Stopped

    calls, cut = [], untrained()
    handle = cut.register_forward_hook(stop_in_the_third_epoch)
    with pytest.raises(Stopped):
        run(tmp_path / "cut", model=cut)
    handle.remove()
    assert (tmp_path / "cut" / "checkpoints" / "last.ckpt").exists()
    resumed = run(tmp_path / "cut", model=untrained())
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_another_run_in_the_folder_is_refused(tmp_path):
    """Another seed, or other sounds, are another run."""
    run(tmp_path, replace(CONFIG, epochs=1))
    with pytest.raises(CheckpointError, match=re.escape("training.seed is 0 there, asked for 1")):
        run(tmp_path, replace(CONFIG, epochs=1, seed=1))
    with pytest.raises(CheckpointError, match=re.escape("data.train is ")):
        train_keywords(untrained(), examples(seed=3), examples(seed=1), replace(CONFIG, epochs=1), tmp_path)


def test_augmentation_delays_masks_and_keeps_silence():
    """What was silent stays 0, what is pushed out is lost, the rest is as loud as it was up to the chosen offset."""
    features = examples(200).features
    features[:, 9:] = 0.0
    changed = augment_sound(features, CONFIG, generator=torch.Generator().manual_seed(0))
    assert changed.shape == features.shape
    assert changed.min() >= 0.0
    for delay in range(4):  # every delay occurs, silence in front
        fits = (changed[:, :delay] == 0).all((1, 2)) & (changed[:, delay:9] != 0).any(2).all(1)
        assert fits.any()
    assert (changed[:, -1] == 0).all(1).float().mean() > 0.1  # no sound where there was none, unless delayed
    plain = KeywordTrainingConfig()
    torch.testing.assert_close(augment_sound(features, plain, generator=torch.Generator()), features)


@pytest.mark.parametrize("asked", [{"longest_delay": -1}, {"loudness": -0.5}, {"masked_bands": -1}, {"epochs": 0}])
def test_a_training_that_cannot_be_is_refused(asked):
    """Each field states its range."""
    with pytest.raises(ConfigError, match=f"training: {next(iter(asked))} must"):
        KeywordTrainingConfig(**asked)


@pytest.mark.parametrize(
    ("features", "label"),
    [((4, 12), (4,)), ((4, 12, 6), (3,)), ((0, 12, 6), (0,))],
    ids=["no bands", "label missing", "none"],
)
def test_examples_that_do_not_belong_together_are_refused(features, label):
    """Features (n, T, F) and one label each, at least one."""
    with pytest.raises(DataError, match="keyword examples need"):
        KeywordExamples(features=torch.zeros(features), label=torch.zeros(label, dtype=torch.int64))


def test_examples_of_another_shape_than_the_model_are_refused(tmp_path):
    """Other bands, or a keyword more, than the model was built for."""
    wide = KeywordExamples(features=torch.zeros(4, 12, 7), label=torch.zeros(4, dtype=torch.int64))
    more = KeywordExamples(features=torch.zeros(4, 12, 6), label=torch.full((4,), 2))
    for wrong in (wide, more):
        with pytest.raises(DataError, match="the model takes 6 bands and tells 2 keywords"):
            train_keywords(untrained(), wrong, examples(), CONFIG, tmp_path)
