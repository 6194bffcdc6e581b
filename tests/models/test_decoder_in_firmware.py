"""The decoder as firmware: the same bytes everywhere, and the room of the float64 reference."""

import numpy as np
import pytest
import torch

import smidgen
from smidgen.decoding import Transitions, fixed_lag_max_product
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.models import DecodedClassifier, RoomDecoder, build_model

R = 9


def house():
    """Return transitions as learned in a house: 96 % stay, some ways are common and most are never seen."""
    rng = np.random.default_rng(0)
    ways = np.where(rng.random((R, R)) < 0.25, rng.random((R, R)), 0.01)
    np.fill_diagonal(ways, 0.0)
    matrix = 0.04 * ways / ways.sum(axis=1, keepdims=True) + 0.96 * np.eye(R)
    return Transitions(initial=np.full(R, 1 / R), matrix=matrix)


def walk(n, seed):
    """Return logits (n, R) along a walk through the house, wrong now and then."""
    rng = np.random.default_rng(seed)
    room, matrix, logits = 0, house().matrix, rng.normal(0.0, 1.5, (n, R))
    for t in range(n):
        room = rng.choice(R, p=matrix[room])
        logits[t, room if rng.random() > 0.15 else rng.integers(R)] += 4.0
    return logits


@pytest.mark.parametrize(("delay", "target"), [(0, "cortex-m4"), (2, "cortex-m4"), (1, "cortex-m0plus")])
def test_the_integers_decide_as_float64_does(delay, target):
    """On 3,000 decisions never another room; no byte differs on host and core, step or window; little state."""
    calibration = torch.from_numpy(walk(1200, seed=1).reshape(-1, 20, R)).float()
    decoder = RoomDecoder.of(house(), delay=delay)
    stream = smidgen.stream(decoder, calibration[:1], calibration=calibration, target=target, name="decoder")
    logits = walk(3000, seed=2)
    scores = stream.run(torch.from_numpy(logits).float()[None])[0].numpy()[delay:]
    expected = fixed_lag_max_product(logits, house(), lag=delay)[: len(scores)]
    assert (scores.argmax(axis=1) == expected.argmax(axis=1)).mean() >= 0.999
    assert stream.check(torch.from_numpy(logits[:300]).float()[None], emulate=40).mismatched_bytes == 0
    assert stream.measurement.state_bytes <= 2 * R * (2 + 2 * delay) + 12


def test_classifier_and_decoder_are_one_program():
    """rssi and motion in at every frame, the decoded room out at every second one, with equal bytes everywhere."""
    torch.manual_seed(0)
    classifier = build_model("gru", n_access_points=4, n_motion=6, n_rooms=R, d_model=8).eval()
    model = DecodedClassifier(classifier, RoomDecoder.of(house(), delay=1, hop=2))
    rssi = torch.randint(-95, -40, (16, 12, 4)).float()
    inputs = (rssi, torch.randn(16, 12, 6))
    stream = smidgen.stream(
        model, tuple(x[:1] for x in inputs), calibration=inputs, inputs=SENSOR_INPUTS, name="decoded"
    )
    report = stream.check(tuple(x[:2] for x in inputs), emulate=24)
    assert report.mismatched_bytes == 0
    assert stream.run(tuple(x[:2] for x in inputs)).shape == (2, 6, R)
