"""A run learns, leaves whole files, survives a kill, and never mixes with another run."""

import dataclasses
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from synthetic_home import windows

from smidgen.errors import CheckpointError, ConfigError, DataError
from smidgen.models import RoomClassifier, build_model
from smidgen.training import AugmentationConfig, TrainingConfig, TrainingResult, load_model, train

CONFIG = TrainingConfig(
    seed=3,
    epochs=4,
    batch_size=16,
    augmentation=AugmentationConfig(drop_access_point=0.1, offset_db=3.0, noise_db=2.0, burst=0.1, longest_burst=2),
)


def untrained(name: str = "gru", *, access_points: int = 2) -> RoomClassifier:
    torch.manual_seed(0)
    return build_model(name, n_access_points=access_points, n_motion=6, n_rooms=2, d_model=8)


def run(folder: Path, config: TrainingConfig = CONFIG) -> TrainingResult:
    return train(untrained(), windows(), windows(seed=1), config, folder, progress=False)


def assert_same_weights(expected: torch.nn.Module, actual: torch.nn.Module) -> None:
    torch.testing.assert_close(actual.state_dict(), expected.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("name", ["gru", "mamba"])
def test_a_run_learns_and_leaves_a_model_that_loads(tmp_path, name):
    """Two well separated rooms are told apart after eight epochs; the stored weights are the returned ones."""
    config = dataclasses.replace(CONFIG, epochs=8)
    result = train(untrained(name), windows(), windows(seed=1), config, tmp_path / "run", progress=False)
    assert result.validation_macro_f1 == pytest.approx(result.validation_accuracy, abs=0.01)
    assert result.validation_macro_f1 > 0.97
    assert result.resumed_at == 0
    assert not result.model.training
    assert_same_weights(result.model, load_model(tmp_path / "run"))


def test_a_run_logs_every_epoch_to_csv_and_tensorboard(tmp_path):
    """The CSV has a row of training loss and one of validation scores for each epoch; TensorBoard has its events."""
    run(tmp_path)
    rows = (tmp_path / "logs/csv/version_0/metrics.csv").read_text().splitlines()
    header = rows[0].split(",")
    assert {"epoch", "train_loss", "validation_macro_f1", "validation_accuracy"} <= set(header)
    losses = [row.split(",")[header.index("train_loss")] for row in rows[1:]]
    assert CONFIG.epochs == sum(bool(loss) for loss in losses)
    assert list((tmp_path / "logs/tensorboard/version_0").glob("events.out.tfevents.*"))


def test_the_same_call_gives_the_same_weights(tmp_path):
    """Seed and data decide the weights, bit for bit; another seed gives others."""
    first, second = run(tmp_path / "a").model, run(tmp_path / "b").model
    assert_same_weights(first, second)
    other = run(tmp_path / "c", dataclasses.replace(CONFIG, seed=4)).model
    assert not torch.equal(first.head.weight, other.head.weight)


def test_validation_windows_decide_nothing(tmp_path):
    """Without them the weights are the same, and there are no scores."""
    expected = run(tmp_path / "with").model
    result = train(untrained(), windows(), None, CONFIG, tmp_path / "without", progress=False)
    assert_same_weights(expected, result.model)
    assert result.validation_macro_f1 is None


def test_a_killed_run_resumes_to_the_weights_of_an_uninterrupted_one(tmp_path):
    """SIGKILL after the first checkpoint; the same call goes on from there and ends bit for bit where it would have."""
    config = dataclasses.replace(CONFIG, epochs=60)
    expected = run(tmp_path / "whole", config).model

    folder = tmp_path / "killed"
    program = f"from test_loop import *; run(Path({str(folder)!r}), dataclasses.replace(CONFIG, epochs=60))"
    with subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parent) as child:
        while child.poll() is None and not (folder / "checkpoints/last.ckpt").exists():
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    with pytest.raises(CheckpointError, match=r"training is not complete\. Repeat it to resume"):
        load_model(folder)

    result = run(folder, config)
    assert 0 < result.resumed_at < config.epochs
    assert_same_weights(expected, result.model)


def test_a_complete_run_is_returned_as_it_stands(tmp_path):
    """Repeating the call trains no more and gives weights and scores of the first."""
    first = run(tmp_path)
    written = (tmp_path / "model.safetensors").stat().st_mtime_ns
    second = run(tmp_path)
    assert second.resumed_at == CONFIG.epochs
    assert first.validation_macro_f1 == second.validation_macro_f1
    assert written == (tmp_path / "model.safetensors").stat().st_mtime_ns
    assert_same_weights(first.model, second.model)


def test_a_folder_of_another_run_is_refused_by_field(tmp_path):
    """Each differing field is named with both values; other data is told apart too; nothing is overwritten."""
    run(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    asked = dataclasses.replace(CONFIG, epochs=5, augmentation=AugmentationConfig(noise_db=1.0))
    with pytest.raises(
        CheckpointError, match=r"training\.epochs is 4 there, asked for 5.*augmentation\.noise_db is 2.0"
    ):
        run(tmp_path, asked)
    with pytest.raises(CheckpointError, match=r"data\.train is '[0-9a-f]{64}' there"):
        train(untrained(), windows(seed=7), windows(seed=1), CONFIG, tmp_path, progress=False)
    with pytest.raises(CheckpointError, match=r"data\.validation"):
        train(untrained(), windows(), None, CONFIG, tmp_path, progress=False)
    with pytest.raises(CheckpointError, match=r"model\.name is 'gru' there, asked for 'mamba'"):
        train(untrained("mamba"), windows(), windows(seed=1), CONFIG, tmp_path, progress=False)
    assert before == (tmp_path / "model.safetensors").read_bytes()


def test_windows_of_another_home_are_refused(tmp_path):
    """The message says what the model was built for, before anything is written."""
    with pytest.raises(DataError, match="built for 3 access points, the train windows have 2"):
        train(untrained(access_points=3), windows(), None, CONFIG, tmp_path / "run", progress=False)
    with pytest.raises(DataError, match="there are no validation windows"):
        train(untrained(), windows(), windows()[:0], CONFIG, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_training_leaves_threads_and_warnings_as_they_were(tmp_path, recwarn):
    """The loop runs on one thread and in silence, and gives both back."""
    threads = torch.get_num_threads()
    run(tmp_path)
    assert threads == torch.get_num_threads()
    assert not recwarn.list


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"gradient_clip": float("nan")}, "gradient_clip must be positive, got nan"),
        ({"weight_decay": -0.1}, "weight_decay must not be negative, got -0.1"),
        ({"label_smoothing": 1.5}, r"label_smoothing must lie in \[0, 1\], got 1.5"),
        ({"seed": -1}, "seed must not be negative, got -1"),
    ],
)
def test_values_out_of_range_are_refused(asked, message):
    """Each field of the training config states its range."""
    with pytest.raises(ConfigError, match=message):
        TrainingConfig(**asked)
