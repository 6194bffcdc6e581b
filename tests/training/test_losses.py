"""Rare rooms count, and the last step counts most."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from smidgen.errors import DataError
from smidgen.training import class_weights, room_loss


@given(
    label=st.lists(st.integers(0, 4), min_size=1, max_size=60),
    power=st.floats(0.0, 1.0),
)
def test_weights_average_to_one_over_the_labels(label, power):
    """The scale of the loss does not depend on the imbalance; every weight is positive and finite."""
    labels = torch.tensor(label)
    weight = class_weights(labels, n_rooms=5, power=power)
    assert float(weight[labels].mean()) == pytest.approx(1.0, rel=1e-5)
    assert bool((weight > 0).all())


def test_weights_fall_with_a_power_of_the_frequency():
    """Power 0.5: a room 16 times rarer weighs 4 times more; 0: alike; 1: each room contributes alike."""
    label = torch.tensor([0] * 16 + [1])
    ratio = [float(w[1] / w[0]) for w in (class_weights(label, n_rooms=2, power=p) for p in (0.0, 0.5, 1.0))]
    expected = [1.0, 4.0, 16.0]
    assert expected == pytest.approx(ratio)


def test_a_room_that_never_occurs_counts_as_occurring_once():
    """It neither divides by zero nor outweighs the rarest room that does occur."""
    weight = class_weights(torch.tensor([0, 0, 0, 1]), n_rooms=3, power=0.5)
    assert float(weight[1]) == float(weight[2])


def test_no_labels_are_refused():
    """The message names the cause."""
    with pytest.raises(DataError, match="no labels"):
        class_weights(torch.tensor([], dtype=torch.long), n_rooms=3, power=0.5)


def loss_of(logits: torch.Tensor, *, room: list[int], label: int, step_weight: float) -> float:
    weight = torch.ones(logits.shape[-1])
    loss = room_loss(
        logits.unsqueeze(0),
        label=torch.tensor([label]),
        room=torch.tensor([room]),
        weight=weight,
        step_weight=step_weight,
        label_smoothing=0.0,
    )
    return float(loss)


def test_the_last_step_is_scored_against_the_decision_and_earlier_ones_against_their_room():
    """The sum is the cross entropy of the last row plus step_weight times the mean over the labelled earlier rows."""
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    last = F.cross_entropy(logits[3:], torch.tensor([2]))
    earlier = F.cross_entropy(logits[[0, 2]], torch.tensor([0, 1]))
    assert float(last + 0.3 * earlier) == pytest.approx(loss_of(logits, room=[0, -1, 1, 0], label=2, step_weight=0.3))
    assert float(last) == pytest.approx(loss_of(logits, room=[0, -1, 1, 0], label=2, step_weight=0.0))


def test_windows_without_labelled_steps_are_scored_by_their_decision():
    """The loss stays finite where all earlier steps lie outside every visit."""
    assert math.log(3) == pytest.approx(loss_of(torch.zeros(4, 3), room=[-1, -1, -1, -1], label=0, step_weight=0.3))
