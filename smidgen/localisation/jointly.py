"""Several that answer together: the weighted mean of what each says."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smidgen.data import Recording
from smidgen.localisation.answers import Answerer, Probabilities
from smidgen.localisation.stretches import Stretch


class Jointly:
    """Answerers of the same home with a weight each, in Python; the prior is the first one's.

    Those that err alike gain nothing from each other; networks with a state and trees on statistics err differently.
    """

    def __init__(self, members: Sequence[Answerer], *, weights: Sequence[float]) -> None:
        self._members = members
        self._weights = weights

    @property
    def parameters(self) -> int | None:
        """Weights of all members; None where one keeps examples instead."""
        counts = [member.parameters for member in self._members]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    @property
    def prior(self) -> NDArray[np.float64]:
        """(R,)."""
        return self._members[0].prior

    def probabilities(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R), NaN where a member was not asked."""
        said = [member.probabilities(recording, stretch) for member in self._members]
        mean: Probabilities = np.average(said, axis=0, weights=self._weights)
        return mean
