"""Confidence and "unknown" are part of the program: the integers say both, and C says the same."""

import numpy as np
import pytest
import torch
from room_models import ROOMS, network, windows

import smidgen
from smidgen.errors import ConfigError
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.models import ConfidentRooms

TEMPERATURE, THRESHOLD = 0.2, 0.8  # sharp, for an untrained network whose logits lie close together


@pytest.fixture(scope="module")
def model():
    return ConfidentRooms(network("gru").classifier, temperature=TEMPERATURE, threshold=THRESHOLD).eval()


@pytest.fixture(scope="module")
def firmware(model):
    """Per step, so that it streams."""
    return smidgen.compile(
        model, windows(1), calibration=windows(64), recipe="int8", name="rooms", inputs=SENSOR_INPUTS
    )


def test_the_answer_is_a_room_from_the_threshold_on_and_unknown_below(model):
    """An argmax over R + 1: index R exactly where no room reaches the threshold."""
    with torch.no_grad():
        answer = model(*windows(64, seed=1))
        expected = torch.softmax(model.rooms(*windows(64, seed=1)) / TEMPERATURE, dim=-1)
    torch.testing.assert_close(expected, answer[..., :ROOMS])
    best, room = expected.max(dim=-1)
    assert torch.where(best >= THRESHOLD, room, ROOMS).equal(answer.argmax(dim=-1))
    assert 0.05 < float((answer.argmax(dim=-1) == ROOMS).float().mean()) < 0.95  # both answers occur


def test_the_integers_answer_as_the_network_does(model, firmware):
    """Probabilities within 0.01, the threshold within a step of int16, the same answer in 99 % of the steps."""
    with torch.no_grad():
        expected = model(*windows(64, seed=1))
    found = firmware.run(windows(64, seed=1))
    assert float((expected - found)[..., :ROOMS].abs().max()) < 0.01
    assert float((found[..., ROOMS] - THRESHOLD).abs().max()) < 1 / 32767
    assert float((expected.argmax(-1) == found.argmax(-1)).float().mean()) > 0.99


def test_confidence_and_unknown_are_inside_the_proof(firmware):
    """Reference, host C and emulated C agree on every byte, window by window and frame by frame."""
    assert firmware.check(windows(32, seed=1), emulate=8).mismatched_bytes == 0
    assert firmware.streaming.check(windows(2, seed=2), emulate=12).mismatched_bytes == 0


def test_the_temperature_costs_no_operator(firmware):
    """Folded into the head: after it come only softmax and the threshold, whose integers fit int16."""
    names = [op.name for op in firmware.graph.ops]
    assert names[names.index("rooms.head") + 1 :] == ["softmax", "cat"]
    assert str(firmware.graph[firmware.graph.outputs[0]].dtype) == "int16"
    assert len(np.unique(firmware.run_integers(windows(8))[0][..., ROOMS])) == 1


@pytest.mark.parametrize(("temperature", "threshold"), [(0.0, 0.5), (1.0, 1.0), (1.0, -0.1), (float("nan"), 0.5)])
def test_what_is_no_temperature_or_threshold_is_refused(temperature, threshold):
    """A threshold of 1 would never answer; a temperature of 0 divides by it."""
    with pytest.raises(ConfigError):
        ConfidentRooms(network("gru"), temperature=temperature, threshold=threshold)
