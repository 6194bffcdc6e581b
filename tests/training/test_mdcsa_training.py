"""The teacher's training learns, stops when its validation score rises no more, and survives a kill."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_home import windows
from torch.nn import functional as F

from smidgen.errors import CheckpointError, ConfigError, DataError
from smidgen.models import MDCSACRF, MDCSACRFConfig
from smidgen.training import (
    MDCSATrainingConfig,
    MDCSATrainingResult,
    last_rooms,
    train_mdcsa,
)
from smidgen.training import run as training_run
from smidgen.training.mdcsa_training import MDCSATraining, mdcsa_loss

CONFIG = MDCSATrainingConfig(
    seed=1, epochs=4, batch_size=24, learning_rate=1e-2, patience=2, first_epoch=1, hall="kitchen"
)


def untrained(**changed: object) -> MDCSACRF:
    torch.manual_seed(0)
    shape = {"n_access_points": 2, "n_motion": 6, "n_rooms": 2, "d_model": 8, "n_positions": 6, "faithful": False}
    return MDCSACRF(MDCSACRFConfig(**shape | changed))


def run(folder: Path, config: MDCSATrainingConfig = CONFIG) -> MDCSATrainingResult:
    return train_mdcsa(untrained(), windows(), windows(seed=1), config, folder, progress=False)


def test_a_teacher_learns_and_answers_for_the_last_step(tmp_path):
    """Two well separated rooms; rooms and marginals agree; the folder gives the same model again."""
    config = dataclasses.replace(CONFIG, epochs=10, batch_size=12, learning_rate=3e-2, patience=10)
    result = run(tmp_path, config)
    assert result.validation_accuracy > 0.97
    unseen = windows(seed=2)
    rooms = last_rooms(result.model, unseen)
    assert np.mean(rooms == unseen.label) > 0.97
    with torch.no_grad():
        marginals = result.model.marginals(torch.from_numpy(unseen.rssi).float(), torch.from_numpy(unseen.motion))
    assert np.mean(marginals[:, -1].argmax(dim=1).numpy() == rooms) > 0.97
    again = run(tmp_path, config)
    assert again.validation_accuracy == result.validation_accuracy
    assert np.array_equal(last_rooms(again.model, unseen), rooms)


def test_scales_come_from_training_windows_alone(tmp_path):
    """Validation windows that reach further change nothing."""
    far = windows(seed=1)
    far.motion[0, 0, 0] = 50.0
    result = train_mdcsa(untrained(), windows(), far, CONFIG, tmp_path, progress=False)
    motion = windows().motion.reshape(-1, 6)
    np.testing.assert_allclose(result.model.scaler.low[2:], motion.min(0))
    np.testing.assert_allclose(result.model.scaler.span[2:], np.ptp(motion, axis=0), rtol=1e-6)


def test_the_loss_is_likelihood_and_hall():
    """Written out for a batch with a step that nobody labelled."""
    model = untrained().eval()
    generator = torch.Generator().manual_seed(0)
    emissions = torch.randn(3, 6, 2, generator=generator)
    hall = torch.randn(3, 6, generator=generator)
    rooms = torch.randint(2, (3, 6), generator=generator)
    rooms[1, 2] = -1
    known = rooms >= 0
    expected = -model.crf.log_likelihood(emissions, rooms, known).mean() + F.binary_cross_entropy_with_logits(
        hall[known], (rooms[known] == 1).float()
    )
    torch.testing.assert_close(mdcsa_loss(model, emissions, hall, rooms=rooms, hall_room=1), expected)


def scripted(monkeypatch: pytest.MonkeyPatch, accuracies: list[float]) -> list[int]:
    """Let the validation accuracy of each epoch be as listed; returns the epochs that were scored, as they come."""
    scored: list[int] = []

    def validation_step(self, batch, batch_index):
        scored.append(self.current_epoch)
        self.log("validation_accuracy", accuracies[self.current_epoch])
        self.log("validation_macro_f1", 0.1 * self.current_epoch)

    monkeypatch.setattr(MDCSATraining, "validation_step", validation_step)
    return scored


def test_it_stops_after_patience_with_the_weights_of_the_best_epoch(tmp_path, monkeypatch):
    """Best at epoch 2; 3 and 4 are not better, 5 is not run; epoch 0 may not be the best. Equal is not better."""
    scored = scripted(monkeypatch, [0.9, 0.5, 0.7, 0.7, 0.6, 0.8])
    config = dataclasses.replace(CONFIG, epochs=6)
    stopped = run(tmp_path / "stopped", config)
    assert scored == [0, 1, 2, 3, 4]
    assert (stopped.validation_accuracy, stopped.validation_macro_f1) == pytest.approx((0.7, 0.2))
    scripted(monkeypatch, [0.9, 0.5, 0.7])
    three = run(tmp_path / "three", dataclasses.replace(config, epochs=3))
    for name, tensor in three.model.state_dict().items():
        assert torch.equal(stopped.model.state_dict()[name], tensor), name


class Killed(Exception):
    """Stands for SIGKILL."""


def test_a_run_that_was_killed_after_its_last_epoch_stops_again(tmp_path, monkeypatch):
    """Patience had run out when it was killed: one epoch later it stops, with the best epoch of before."""
    scored = scripted(monkeypatch, [0.9, 0.5, 0.7, 0.7, 0.6, 0.8, 0.9, 0.9])
    config = dataclasses.replace(CONFIG, epochs=8)

    def dying(*arguments):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(training_run, "save_result", dying)
        with pytest.raises(Killed):
            run(tmp_path, config)
    resumed = run(tmp_path, config)
    assert scored == [0, 1, 2, 3, 4, 5]
    assert (resumed.validation_accuracy, resumed.validation_macro_f1) == pytest.approx((0.7, 0.2))


def test_a_killed_run_goes_on_where_it_was_bit_for_bit(tmp_path, monkeypatch):
    """Killed in epoch 2 and repeated: the weights are those of a run that was not, dropout and best epoch included."""
    whole = run(tmp_path / "whole")
    step, calls = MDCSATraining.training_step, iter(range(1000))

    def dying(self, batch, batch_index):
        if next(calls) == 9:  # of 4 batches an epoch
            raise Killed
        return step(self, batch, batch_index)

    monkeypatch.setattr(MDCSATraining, "training_step", dying)
    with pytest.raises(Killed):
        run(tmp_path / "killed")
    torch.manual_seed(99)  # another process draws other numbers
    resumed = run(tmp_path / "killed")
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], tensor), name
    assert resumed.validation_accuracy == whole.validation_accuracy


def test_what_cannot_be_trained_is_refused(tmp_path):
    """A home without the hall, windows of another home, a folder of another run, and settings out of range."""
    with pytest.raises(ConfigError, match="no room is called 'kitchn'; did you mean 'kitchen'"):
        run(tmp_path, dataclasses.replace(CONFIG, hall="kitchn"))
    with pytest.raises(DataError, match="built for 3 access points, the train windows have 2"):
        train_mdcsa(untrained(n_access_points=3), windows(), windows(), CONFIG, tmp_path, progress=False)
    run(tmp_path, dataclasses.replace(CONFIG, epochs=1))
    with pytest.raises(CheckpointError, match=r"training\.epochs is 1 there, asked for 4"):
        run(tmp_path)
    for name, value in (("patience", 0), ("lookahead_rate", 0.0), ("learning_rate", 0.0), ("first_epoch", -1)):
        with pytest.raises(ConfigError, match=f"{name} must"):
            dataclasses.replace(CONFIG, **{name: value})


def test_the_defaults_are_the_published_ones():
    """RAdam 1e-4 with Lookahead (5, 0.5), batches of 1024, 300 epochs, patience 30 from epoch 5."""
    found = MDCSATrainingConfig()
    assert (found.learning_rate, found.lookahead_steps, found.lookahead_rate) == (1e-4, 5, 0.5)
    assert (found.batch_size, found.epochs, found.patience, found.first_epoch) == (1024, 300, 30, 5)
