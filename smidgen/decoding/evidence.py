"""Evidence of a decision: what a classifier's probabilities say of each room, without what it assumed beforehand.

Glossary: `n` decisions, `K` decisions with those that were not asked, `R` rooms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceConfig:
    """How posteriors become likelihoods: p(x | room) ~ (p(room | x) / p(room)^alpha)^sharpness.

    The division is that of hybrid networks (Bourlard & Morgan 1994, Section 7.2); neighbouring decisions see nearly the
    same air, so that their evidence counts too often: a sharpness below 1 makes up for it.
    """

    alpha: float = 1.0  # 0: the prior stays in
    sharpness: float = 1.0
    floor: float = 1e-3  # least probability: trees say 0 where they only saw little

    def __post_init__(self) -> None:
        if not 0 <= self.alpha <= 1:
            raise ConfigError(f"alpha must lie in 0..1, got {self.alpha}")
        if not self.sharpness > 0:
            raise ConfigError(f"sharpness must be positive, got {self.sharpness}")
        if not 0 < self.floor < 1:
            raise ConfigError(f"floor must lie between 0 and 1, got {self.floor}")


def log_evidence(
    probabilities: NDArray[np.floating], prior: NDArray[np.floating], config: EvidenceConfig
) -> NDArray[np.float64]:
    """Return the logarithm (n, R) of the evidence, up to a constant per decision.

    Args: probabilities (n, R) of the classifier; prior (R,), share of each room among its training decisions (by
    weight, if it was trained with class weights); a room that never trained has the prior of the rarest that did.
    Raises DataError where shapes disagree or a number is no probability.
    """
    if probabilities.ndim != 2 or probabilities.shape[1:] != prior.shape:
        raise DataError(f"probabilities {probabilities.shape} do not go with priors of {prior.shape} rooms")
    if not ((probabilities >= 0) & (probabilities <= 1 + 1e-6)).all():
        raise DataError("evidence is made of probabilities in 0..1; pass logits through a softmax first")
    if not (prior > 0).any():
        raise DataError("the prior of every room is 0. Give the shares of the rooms in training.")
    trained = np.where(prior > 0, prior, prior[prior > 0].min())
    floored = np.maximum(probabilities.astype(np.float64), config.floor)
    evidence: NDArray[np.float64] = config.sharpness * (np.log(floored) - config.alpha * np.log(trained))
    return evidence


def on_grid(evidence: NDArray[np.float64], index: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return evidence (K, R) for every decision from the first asked to the last: 0, which says nothing, between them.

    Args: evidence (n, R) of the decisions whose numbers are `index` (n,), increasing. A gap so costs as many
    transitions as decisions are missing. Raises DataError for other numbers.
    """
    if index.shape != evidence.shape[:1] or not len(index) or (np.diff(index) < 1).any():
        raise DataError(f"{len(evidence)} rows of evidence need as many increasing decision numbers, got {index}")
    grid = np.zeros((int(index[-1] - index[0]) + 1, evidence.shape[1]))
    grid[index - index[0]] = evidence
    return grid
