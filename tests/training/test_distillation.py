"""A student learns what its teacher believes, by the formula, beside labels, features and all, and resumes with it."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from synthetic_home import windows
from torch.nn import functional as F

from smidgen.errors import CheckpointError, ConfigError, DataError
from smidgen.models import build_model
from smidgen.training import DistillationConfig, TrainingConfig, TrainingResult, train
from smidgen.training.distillation import checked_soft_targets, checked_teaching, distillation_loss
from smidgen.training.room_training import RoomTraining

CONFIG = TrainingConfig(seed=3, epochs=4, batch_size=16)


def teacher(n: int = 96, *, seed: int = 0) -> NDArray[np.float64]:
    """Return probabilities (n, 2) of a teacher that is right and rarely sure."""
    sure = np.random.default_rng(seed).uniform(0.6, 0.9, n)
    label = windows(n=n, seed=seed).label
    return np.where(label[:, None] == np.arange(2), sure[:, None], 1 - sure[:, None])


def run(folder: Path, config: TrainingConfig = CONFIG, **taught: NDArray[np.float64]) -> TrainingResult:
    torch.manual_seed(0)
    model = build_model("gru", n_access_points=2, n_motion=6, n_rooms=2, d_model=8)
    return train(model, windows(), None, config, folder, progress=False, **taught)


def answers(result: TrainingResult) -> NDArray[np.float32]:
    """Return the student's probabilities (n, 2) for the training windows."""
    those = windows()
    with torch.no_grad():
        logits = result.model(torch.from_numpy(those.rssi).float(), torch.from_numpy(those.motion))[:, -1]
    return logits.softmax(1).numpy()


@pytest.mark.parametrize("temperature", [1.0, 2.0, 5.0])
def test_the_loss_is_hintons(temperature: float) -> None:
    """t**2 times torch's own divergence of softmax(z / t), for a teacher given by probabilities at t = 1."""
    draw = torch.Generator().manual_seed(0)
    student, logits = torch.randn(2, 7, 5, generator=draw)
    expected = temperature**2 * F.kl_div(
        F.log_softmax(student / temperature, 1), F.softmax(logits / temperature, 1), reduction="batchmean"
    )
    torch.testing.assert_close(distillation_loss(student, logits.softmax(1), temperature=temperature), expected)


def test_a_certain_teacher_is_a_label() -> None:
    """Probabilities of exactly 0 and 1 give a finite loss, that of the label, and finite gradients."""
    logits = torch.randn(6, 4, generator=torch.Generator().manual_seed(1)).requires_grad_()
    label = torch.tensor([0, 1, 2, 3, 0, 1])
    loss = distillation_loss(logits, F.one_hot(label).float(), temperature=1.0)
    torch.testing.assert_close(loss, F.cross_entropy(logits, label))
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_a_student_believes_its_teacher_by_weight(tmp_path: Path) -> None:
    """Alone it grows surer than the teacher; wholly taught it is as unsure, which labels cannot tell."""
    soft = teacher()
    config = dataclasses.replace(CONFIG, epochs=12, label_smoothing=0.0)
    distance = {}
    for weight in (0.0, 1.0):
        taught = dataclasses.replace(config, distillation=DistillationConfig(weight=weight, temperature=1.0))
        distance[weight] = np.abs(answers(run(tmp_path / str(weight), taught, soft_targets=soft)) - soft).mean()
    assert distance[1.0] < 0.12
    assert distance[0.0] > 1.5 * distance[1.0]


def test_a_teacher_of_weight_zero_changes_no_bit(tmp_path: Path) -> None:
    """The student is then the same as alone, so that an ablation compares nothing but the teacher."""
    config = dataclasses.replace(CONFIG, distillation=DistillationConfig(weight=0.0))
    alone, taught = run(tmp_path / "alone"), run(tmp_path / "taught", config, soft_targets=teacher())
    torch.testing.assert_close(alone.model.state_dict(), taught.model.state_dict(), rtol=0, atol=0)


def test_features_are_matched_through_a_projection(tmp_path: Path) -> None:
    """Features that tell what labels do not reach the student: a linear map of its own finds them again."""
    those = windows()
    hidden = those.motion[:, -1, :1] * 7.0 + 2.0  # a deviation and a mean of their own
    fit = {}
    for weight in (0.0, 2.0):
        distillation = DistillationConfig(weight=0.5, feature_weight=weight)
        config = dataclasses.replace(CONFIG, epochs=15, distillation=distillation)
        taught = {"soft_targets": teacher()} | ({"teacher_features": hidden} if weight else {})
        model = run(tmp_path / str(weight), config, **taught).model
        with torch.no_grad():
            rssi, motion = torch.from_numpy(those.rssi).float(), torch.from_numpy(those.motion)
            own = model.encoder(model.front_end(rssi, motion))[:, -1].numpy()
        design = np.column_stack([own, np.ones(len(own))])
        residual = hidden - design @ np.linalg.lstsq(design, hidden, rcond=None)[0]
        fit[weight] = 1.0 - residual.var() / hidden.var()
    assert fit[2.0] > fit[0.0] + 0.1


def test_a_killed_student_resumes_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projection and all: a run that broke off in its third epoch ends as one that did not."""
    config = dataclasses.replace(CONFIG, distillation=DistillationConfig(feature_weight=1.0))
    taught = {"soft_targets": teacher(), "teacher_features": np.random.default_rng(0).normal(size=(96, 3))}
    expected = run(tmp_path / "whole", config, **taught)

    class Killed(Exception):
        """Stands for the end of the process."""

    step = RoomTraining.training_step

    def dies(self: RoomTraining, batch: tuple[torch.Tensor, ...], batch_index: int) -> torch.Tensor:
        if self.global_step == 14:
            raise Killed
        return step(self, batch, batch_index)

    monkeypatch.setattr(RoomTraining, "training_step", dies)
    with pytest.raises(Killed):
        run(tmp_path / "killed", config, **taught)
    monkeypatch.undo()
    result = run(tmp_path / "killed", config, **taught)
    assert result.resumed_at == 2
    torch.testing.assert_close(result.model.state_dict(), expected.model.state_dict(), rtol=0, atol=0)


def test_another_teacher_is_another_run(tmp_path: Path) -> None:
    """A folder is refused for other soft targets; a run without a teacher does not ask how it would be taught."""
    run(tmp_path / "taught", soft_targets=teacher())
    with pytest.raises(CheckpointError, match=r"data\.soft_targets is '[0-9a-f]{64}' there"):
        run(tmp_path / "taught", soft_targets=np.full((96, 2), 0.5))
    run(tmp_path / "alone")
    run(tmp_path / "alone", dataclasses.replace(CONFIG, distillation=DistillationConfig(weight=0.1)))


def test_what_is_no_teacher_is_refused() -> None:
    """Logits, other windows, other rooms, features alone, weights out of range: what was asked and found is told."""
    with pytest.raises(DataError, match=r"shape \(decisions, rooms\) = \(4, 2\), got \(5, 2\)"):
        checked_soft_targets(np.full((5, 2), 0.5), n_decisions=4, n_rooms=2)
    with pytest.raises(DataError, match=r"row 1 is \[2\.0, -1\.0\], with sum 1\.0000\. Apply a softmax"):
        checked_soft_targets(np.array([[0.5, 0.5], [2.0, -1.0]]), n_decisions=2, n_rooms=2)
    with pytest.raises(DataError, match=r"row 0 is \[nan, 0\.5\]"):
        checked_soft_targets(np.array([[np.nan, 0.5]]), n_decisions=1, n_rooms=2)
    half, both = np.full((4, 2), 0.5), DistillationConfig(feature_weight=1.0)
    with pytest.raises(ConfigError, match=r"feature_weight is 1\.0, and the teacher gives no features"):
        checked_teaching(half, None, both, n_decisions=4, n_rooms=2)
    with pytest.raises(ConfigError, match=r"feature_weight is 0\.0, and the teacher gives features"):
        checked_teaching(half, half, DistillationConfig(), n_decisions=4, n_rooms=2)
    with pytest.raises(ConfigError, match="give soft_targets too"):
        checked_teaching(None, half, both, n_decisions=4, n_rooms=2)
    with pytest.raises(DataError, match=r"with 4 decisions, got \(3, 2\)"):
        checked_teaching(half, half[:3], both, n_decisions=4, n_rooms=2)
    for field, wrong in (("weight", 1.5), ("temperature", 0.0), ("feature_weight", -1.0)):
        with pytest.raises(ConfigError, match=f"distillation: {field} must"):
            DistillationConfig(**{field: wrong})
