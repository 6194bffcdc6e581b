"""Networks on fingerprints answer for the windows that none of them saw, and are read back from their folders."""

import numpy as np
import pytest
import torch
from labelled_examples import make_examples

import smidgen
from smidgen.data.example_windows import example_windows
from smidgen.data.protocols import ContiguousFolds
from smidgen.errors import DataError
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.models import LastStep
from smidgen.training import AugmentationConfig, TrainingConfig
from smidgen.training.example_training import held_out_answers
from smidgen.training.presets import ModelPreset

PRESET = ModelPreset(
    shape={"n_frames": 1, "d_model": 8, "n_layers": 2},
    training=TrainingConfig(epochs=25, batch_size=16, augmentation=AugmentationConfig(noise_db=1.0)),
)


@pytest.fixture(scope="module")
def fingerprints():
    """240 fingerprints of two radios in three rooms, a level of a room's own each, noise of 3 dB."""
    draw = np.random.default_rng(0)
    label = np.repeat(np.arange(3), 80)
    levels = np.array([[-50, -80], [-80, -50], [-65, -95]])[label] + draw.normal(0, 3, (240, 2))
    values = list(levels[:, None].astype(np.float32))
    return make_examples(label, values=values, classes=("a", "b", "c"), tags={})


@pytest.fixture(scope="module")
def windows(fingerprints):
    return example_windows(fingerprints, length=1, step_s=1.0)


@pytest.fixture(scope="module")
def folds(fingerprints):
    return list(ContiguousFolds(n=2).folds(fingerprints))


@pytest.fixture(scope="module")
def answers(windows, folds, tmp_path_factory):
    return held_out_answers(windows, folds, PRESET, tmp_path_factory.mktemp("run"), model="mlp", seed=0)


def test_every_window_is_answered_once_by_a_network_that_did_not_see_it(windows, folds, answers):
    """The rooms are told apart; probabilities stand in the order of `tested`; each fold has its own network."""
    assert sorted(answers.tested.tolist()) == list(range(240))
    assert len(answers.models) == 2
    np.testing.assert_allclose(answers.probabilities.sum(axis=1), 1.0)
    assert (answers.probabilities.argmax(axis=1) == windows.label[answers.tested]).mean() > 0.98
    with torch.no_grad():
        logits = answers.models[1](torch.from_numpy(windows.rssi[folds[1].test]).float())[:, -1]
    np.testing.assert_allclose(logits.softmax(-1).numpy(), answers.probabilities[len(folds[0].test) :], atol=1e-6)


def test_finished_trainings_are_read_back(windows, folds, tmp_path):
    """A second call leaves the weights on disk as they are and gives the same answers, bit for bit."""
    first = held_out_answers(windows, folds[:1], PRESET, tmp_path, model="mlp", seed=1)
    (weights,) = tmp_path.rglob("model.safetensors")
    written = weights.stat().st_mtime_ns
    again = held_out_answers(windows, folds[:1], PRESET, tmp_path, model="mlp", seed=1)
    assert weights.stat().st_mtime_ns == written
    np.testing.assert_array_equal(first.probabilities, again.probabilities)


def test_a_network_of_radio_alone_compiles_to_a_program_without_motion(windows, folds, answers):
    """One input, int8 dBm; integer reference, host C and emulated C agree byte for byte and with the network."""
    levels = torch.from_numpy(windows.rssi).float()
    calibration = levels[folds[0].train]
    firmware = smidgen.compile(
        LastStep(answers.models[0]),
        calibration[:1],
        calibration=calibration,
        name="rooms",
        inputs={"rssi": SENSOR_INPUTS["rssi"]},
    )
    report = firmware.check(levels[folds[0].test], emulate=2)
    assert firmware.float_program.input_names == ("rssi",)
    assert report.mismatched_bytes == 0
    assert report.argmax_agreement > 0.98


def test_no_fold_is_refused(windows, tmp_path):
    """A protocol that yields nothing is an error, not an empty answer."""
    with pytest.raises(DataError, match="no fold to train on"):
        held_out_answers(windows, [], PRESET, tmp_path, model="mlp", seed=0)
