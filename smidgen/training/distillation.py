"""Distillation: a student learns from what a teacher believes of each decision (Hinton, Vinyals & Dean 2015).

A teacher is whatever gives probabilities (n, R) for n decisions: a network's softmax, the share of a forest's trees,
the posterior marginals of a CRF. A mid-size assistant (Mirzadeh et al. 2020) is two distillations, one after the other.
Glossary: n decisions, b of them in a batch, R rooms, f width of the teacher's features, d that of the student's.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from smidgen.errors import ConfigError, DataError

#: How far a teacher's probabilities may sum up to something else than 1.
_SUM_TOLERANCE = 1e-3
#: What a probability of zero counts as in a logarithm: float32 takes its powers 1 / temperature without underflow.
_LEAST_PROBABILITY = 1e-12

#: A feature that varies less is one that never varies.
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationConfig:
    """How much a student believes its teacher: weight * t**2 KL(teacher_t || student_t) + (1 - weight) * the labels."""

    weight: float = 0.7  # a, of the teacher against the labels
    temperature: float = 2.0  # t
    feature_weight: float = 0.0  # of the squared distance of projected features (Romero et al. 2015, "FitNets")

    def __post_init__(self) -> None:
        if not 0.0 <= self.weight <= 1.0:
            raise ConfigError(f"distillation: weight must lie in [0, 1], got {self.weight}")
        if not self.temperature > 0.0:
            raise ConfigError(f"distillation: temperature must be positive, got {self.temperature}")
        if not self.feature_weight >= 0.0:
            raise ConfigError(f"distillation: feature_weight must not be negative, got {self.feature_weight}")


def distillation_loss(logits: Tensor, probabilities: Tensor, *, temperature: float) -> Tensor:
    """Return the mean of t**2 KL(teacher_t || student_t) over decisions; t**2 keeps the gradient's size.

    Args: logits (..., R) of the student; probabilities (..., R) of the teacher at a temperature of 1.
    """
    student = F.log_softmax(logits / temperature, dim=-1)
    teacher = F.log_softmax(probabilities.clamp(min=_LEAST_PROBABILITY).log() / temperature, dim=-1)
    divergence = (teacher.exp() * (teacher - student)).sum(-1)
    return temperature**2 * divergence.mean()


def checked_teaching(
    soft_targets: NDArray[np.floating] | None,
    teacher_features: NDArray[np.floating] | None,
    config: DistillationConfig,
    *,
    n_decisions: int,
    n_rooms: int,
) -> dict[str, Tensor]:
    """Return what a teacher gives for n decisions, by name: nothing, its probabilities, or its features too.

    Features are brought to mean 0 and deviation 1, so that one weight suits any teacher. Errors as
    `checked_soft_targets`, and ConfigError where features or their weight stand alone.
    """
    if (teacher_features is None) != (config.feature_weight == 0.0) and soft_targets is not None:
        raise ConfigError(
            f"distillation: feature_weight is {config.feature_weight}, and the teacher gives "
            f"{'no features' if teacher_features is None else 'features'}; give both or neither"
        )
    if soft_targets is None:
        if teacher_features is not None:
            raise ConfigError("distillation: features are matched beside probabilities; give soft_targets too")
        return {}
    taught = {"soft_targets": checked_soft_targets(soft_targets, n_decisions=n_decisions, n_rooms=n_rooms)}
    if teacher_features is not None:
        if teacher_features.ndim != 2 or len(teacher_features) != n_decisions:
            raise DataError(
                f"a teacher's features must have shape (decisions, features) with {n_decisions} decisions, got "
                f"{teacher_features.shape}"
            )
        features = torch.from_numpy(np.asarray(teacher_features, np.float32))
        taught["teacher_features"] = (features - features.mean(0)) / features.std(0).clamp(min=_LEAST_DEVIATION)
    return taught


def checked_soft_targets(probabilities: NDArray[np.floating], *, n_decisions: int, n_rooms: int) -> Tensor:
    """Return a teacher's probabilities (n, R) as float32; DataError unless each row is a distribution."""
    if probabilities.shape != (n_decisions, n_rooms):
        raise DataError(
            f"soft targets must have shape (decisions, rooms) = {(n_decisions, n_rooms)}, got {probabilities.shape}; "
            "give the teacher's probabilities for the training windows, in their order"
        )
    wrong = np.flatnonzero(~((probabilities >= 0).all(1) & (np.abs(probabilities.sum(1) - 1) <= _SUM_TOLERANCE)))
    if len(wrong):
        raise DataError(
            f"soft targets must be probabilities: row {wrong[0]} is {probabilities[wrong[0]].round(4).tolist()}, with "
            f"sum {probabilities[wrong[0]].sum():.4f}. Apply a softmax to logits first"
        )
    return torch.from_numpy(np.asarray(probabilities, np.float32))
