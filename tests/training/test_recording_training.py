"""A run on whole recordings learns, resumes, answers late where asked to, and follows a teacher."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from synthetic_walk import sequences

from smidgen.data import UNLABELLED
from smidgen.errors import CheckpointError, ConfigError, DataError
from smidgen.models import build_model
from smidgen.training import (
    AugmentationConfig,
    DistillationConfig,
    RecordingTrainingConfig,
    load_model,
    train_on_recordings,
)
from smidgen.training.recording_batches import NO_DECISION, scoring_crops
from smidgen.training.recording_training import recording_loss

CONFIG = RecordingTrainingConfig(
    seed=3,
    epochs=3,
    batch_size=4,
    crop_frames=30,
    batches_per_epoch=4,
    learning_rate=2e-2,
    augmentation=AugmentationConfig(drop_access_point=0.1, noise_db=2.0),
)


def untrained(name="gru", *, access_points=2):
    torch.manual_seed(0)
    return build_model(name, n_access_points=access_points, n_motion=6, n_rooms=2, d_model=8)


def run(folder, config=CONFIG, **options):
    return train_on_recordings(untrained(), sequences(0, 1), sequences(2), config, folder, progress=False, **options)


def recording_logits(model, those, *, delay_frames=0):
    """Logits (d, R) of every decision, the state running from the first frame; silence lies behind the recording."""
    ((rssi, motion, _, decision),) = list(scoring_crops(those, delay=delay_frames))
    with torch.no_grad():
        logits = model(rssi.float(), motion).numpy()
    return logits[decision.numpy() != NO_DECISION]


def assert_same_weights(expected, actual):
    torch.testing.assert_close(actual.state_dict(), expected.state_dict(), rtol=0, atol=0)


def test_a_run_learns_and_leaves_a_model_that_loads(tmp_path):
    """Two well separated rooms are told apart on another recording; the stored weights are the returned ones."""
    result = run(tmp_path, dataclasses.replace(CONFIG, epochs=10))
    assert result.validation_macro_f1 > 0.95
    assert_same_weights(result.model, load_model(tmp_path))
    held_out = sequences(2)
    answer = recording_logits(result.model, held_out).argmax(axis=1)
    assert result.validation_accuracy == pytest.approx((answer == held_out.label).mean())


def test_a_model_trained_with_a_delay_answers_that_much_later(tmp_path):
    """Read 4 frames after each decision it is right, read at once it is as wrong as rooms change within 4 s."""
    result = run(tmp_path, dataclasses.replace(CONFIG, epochs=20, delay_frames=4))
    held_out = sequences(2)
    late, at_once = (recording_logits(result.model, held_out, delay_frames=d).argmax(1) for d in (4, 0))
    assert (late == held_out.label).mean() > 0.9
    assert (at_once == held_out.label).mean() < 0.7


def test_a_run_follows_its_teacher(tmp_path):
    """With all weight on soft targets, a teacher that calls every room by the other name teaches that."""
    those = sequences(0, 1)
    upside_down = np.eye(2)[1 - those.label] * 0.98 + 0.01
    config = dataclasses.replace(CONFIG, epochs=10, distillation=DistillationConfig(weight=1.0, temperature=2.0))
    result = run(tmp_path, config, soft_targets=upside_down)
    assert result.validation_accuracy < 0.05


def test_a_killed_run_resumes_to_the_weights_of_an_uninterrupted_one(tmp_path):
    """SIGKILL after the first checkpoint; the same call goes on from there and ends bit for bit where it would have."""
    config = dataclasses.replace(CONFIG, epochs=16)
    expected = run(tmp_path / "whole", config).model
    folder = tmp_path / "killed"
    program = (
        f"from test_recording_training import *; run(Path({str(folder)!r}), dataclasses.replace(CONFIG, epochs=16))"
    )
    with subprocess.Popen([sys.executable, "-c", program], cwd=Path(__file__).parent) as child:
        while child.poll() is None and not (folder / "checkpoints/last.ckpt").exists():
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    result = run(folder, config)
    assert 0 < result.resumed_at < config.epochs
    assert_same_weights(expected, result.model)


def test_a_folder_of_another_run_is_refused_by_field(tmp_path):
    """Another delay, and a teacher where there was none, are told apart."""
    run(tmp_path)
    with pytest.raises(CheckpointError, match=r"training\.delay_frames is 0 there, asked for 2"):
        run(tmp_path, dataclasses.replace(CONFIG, delay_frames=2))
    with pytest.raises(CheckpointError, match=r"data\.soft_targets is None there"):
        run(tmp_path, soft_targets=np.full((sequences(0, 1).n_decisions, 2), 0.5))


def test_sequences_and_soft_targets_that_do_not_fit_are_refused(tmp_path):
    """Before anything is written: another home, other decisions."""
    with pytest.raises(DataError, match="built for 3 access points, the train sequences have 2"):
        train_on_recordings(untrained(access_points=3), sequences(0), None, CONFIG, tmp_path / "run")
    with pytest.raises(DataError, match=r"soft targets must have shape \(decisions, rooms\)"):
        run(tmp_path / "run", soft_targets=np.full((3, 2), 0.5))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"crop_frames": 1}, "crop_frames must be at least 2, got 1"),
        ({"batches_per_epoch": 0}, "batches_per_epoch must be at least 1, got 0"),
        ({"delay_frames": -1}, "delay_frames must be at least 0, got -1"),
        ({"silence_frames": -1}, "silence_frames must be at least 0, got -1"),
        ({"crop_frames": 4, "silence_frames": 4}, "a crop of 4 frames hears nothing after 4 of silence"),
        ({"crop_frames": 4, "delay_frames": 4}, "a crop of 4 frames holds no answer with a delay of 4"),
        ({"class_weight_power": 1.5}, r"class_weight_power must lie in \[0, 1\], got 1.5"),
    ],
)
def test_values_out_of_range_are_refused(asked, message):
    """Each field of the config states its range."""
    with pytest.raises(ConfigError, match=message):
        RecordingTrainingConfig(**asked)


def test_frames_without_a_room_do_not_count():
    """The loss is that of the labelled frames alone, whatever stands at the others; without any it is 0."""
    draw = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 5, 3, generator=draw)
    room = torch.tensor([[0, 1, UNLABELLED, 2, UNLABELLED], [UNLABELLED] * 5])
    rest = {
        "decision": torch.full((2, 5), NO_DECISION),
        "weight": torch.tensor([1.0, 2.0, 0.5]),
        "label_smoothing": 0.1,
        "soft_targets": None,
        "distillation": DistillationConfig(),
    }
    known = torch.tensor([0, 1, 3])
    alone = torch.nn.functional.cross_entropy(
        logits[0, known], room[0, known], weight=rest["weight"], label_smoothing=0.1
    )
    assert float(alone) == pytest.approx(float(recording_loss(logits, room=room, **rest)))
    assert float(recording_loss(logits[1:], room=room[1:], **rest)) == 0.0


def test_silence_is_part_of_a_run_where_there_is_any(tmp_path):
    """A run without leaves the entry out, as runs from before there was silence; one with silence is another run."""
    run(tmp_path, dataclasses.replace(CONFIG, epochs=1, batches_per_epoch=1))
    assert "silence_frames" not in json.loads((tmp_path / "config.json").read_text())["training"]
    with pytest.raises(CheckpointError, match=r"training\.silence_frames"):
        run(tmp_path, dataclasses.replace(CONFIG, epochs=1, batches_per_epoch=1, silence_frames=4))
