"""The loss of a room classifier: cross entropy weighted against class imbalance, with the emphasis on the last step.

Shapes: b batch, t time steps, R rooms.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from smidgen.data import UNLABELLED
from smidgen.errors import DataError


def class_weights(label: Tensor, *, n_rooms: int, power: float) -> Tensor:
    """Return one weight a room, (R,): frequency ** -power, scaled so that the mean over the labels is 1.

    power 0 weighs each window alike, 1 each room alike; in between (0.5, Mahajan et al. 2018, Section 2.2) rare rooms
    count without a few windows deciding everything. A room that never occurs counts as one that occurs once.
    Args: label (n,) integer, 0..R-1. Raises: DataError without labels.
    """
    if label.numel() == 0:
        raise DataError("no labels to weigh rooms by: the training windows are empty")
    count = torch.bincount(label, minlength=n_rooms).float()
    weight = count.clamp(min=1.0) ** -power
    return weight * count.sum() / (weight * count).sum()


def room_loss(
    logits: Tensor,
    *,
    label: Tensor,
    room: Tensor,
    weight: Tensor,
    step_weight: float,
    label_smoothing: float,
) -> Tensor:
    """Return the loss of a batch: the decision at the last step, and `step_weight` times the mean over earlier steps.

    Args: logits (b, t, R); label (b,) the decision's room; room (b, t) the room at each step, UNLABELLED where unknown;
    weight (R,). The earlier steps make a recurrent state useful from the first step on.
    """
    last = F.cross_entropy(logits[:, -1], label, weight=weight, label_smoothing=label_smoothing)
    known = room[:, :-1].ne(UNLABELLED)
    if step_weight == 0.0 or not known.any():
        return last
    earlier = F.cross_entropy(
        logits[:, :-1][known], room[:, :-1][known], weight=weight, label_smoothing=label_smoothing
    )
    return last + step_weight * earlier
