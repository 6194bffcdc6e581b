"""How far two people agree who annotated the same recordings: no model can be scored reliably beyond it."""

from collections.abc import Sequence

import numpy as np

from smidgen.data import UNLABELLED, Recording, decide
from smidgen.errors import DataError
from smidgen.training.metrics import Scores, score


def annotator_agreement(pairs: Sequence[tuple[Recording, Recording]], *, hop_s: float = 2.0) -> Scores:
    """Score the second annotator's rooms at the first one's decisions, as a model's answers would be.

    Args: pairs, each a recording with the rooms of the first annotator and with those of the second. Decisions that
    the second left without a room are left out. Raises DataError where no decision has both.
    """
    truth, answer = [], []
    for first, second in pairs:
        decisions = decide(first, hop_s=hop_s)
        answers = second.room_at((decisions.index + 0.5) * hop_s)
        both = answers != UNLABELLED
        truth.append(decisions.label[both])
        answer.append(answers[both])
    if not sum(map(len, truth)):
        raise DataError(f"no decision of {len(pairs)} recordings has the rooms of two annotators; give some that have")
    return score(np.concatenate(truth), np.concatenate(answer), rooms=pairs[0][0].rooms)
