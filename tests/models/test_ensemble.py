"""Networks that answer together: one module, one program, whose answer is the mean of theirs."""

import pytest
import torch
from room_models import ACCESS_POINTS, MOTION, ROOMS, SHAPES, windows

import smidgen
from smidgen.errors import ConfigError
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.models import LastStep, RoomClassifier, RoomEnsemble, build_model, together


def classifier(name: str, *, seed: int, **shape: int) -> RoomClassifier:
    torch.manual_seed(seed)
    sizes = SHAPES[name] | shape
    return build_model(name, n_access_points=ACCESS_POINTS, n_motion=MOTION, n_rooms=ROOMS, **sizes).eval()


def test_the_answer_is_the_mean_of_the_members():
    """Per step and of the last step alike; so a room's probability is the geometric mean, made to sum to one."""
    members = [classifier("gru", seed=seed) for seed in range(3)]
    heard = windows(4)
    logits = RoomEnsemble(members)(*heard)
    torch.testing.assert_close(torch.stack([member(*heard) for member in members]).mean(0), logits)
    last = RoomEnsemble([LastStep(member) for member in members])
    torch.testing.assert_close(logits[:, -1], last(*heard))
    believed = torch.stack([member(*heard).softmax(-1) for member in members]).log().mean(0).exp()
    torch.testing.assert_close(believed / believed.sum(-1, keepdim=True), logits.softmax(-1))


def test_a_lone_network_is_no_ensemble():
    """One network stands for itself, with nothing around it; none is refused."""
    alone = classifier("gru", seed=0)
    assert together([alone]) is alone
    assert isinstance(together([alone, alone]), RoomEnsemble)
    with pytest.raises(ConfigError, match="at least 1 member, got 0"):
        together([])


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["int8", "float32"])
def test_an_ensemble_streams_as_one_program(recipe):
    """Two Mambas keep two states: steps, windows, reference, host and core differ in no byte, and in no room."""
    members = RoomEnsemble([classifier("mamba", seed=seed, longest_memory=100) for seed in range(2)])
    firmware = smidgen.stream(
        members, windows(1), calibration=windows(64), recipe=recipe, name="rooms", inputs=SENSOR_INPUTS
    )
    recording = tuple(x.flatten(0, 1)[None] for x in windows(5, seed=1))
    assert firmware.check(recording, emulate=20).mismatched_bytes == 0
    with torch.no_grad():
        expected = members(*recording).argmax(-1)
    assert (firmware.run(recording).argmax(-1) == expected).float().mean() >= 0.95


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["int8", "float32"])
def test_windows_of_transformers_share_their_memory(recipe):
    """Of two transformers with a convolution in front no byte differs; they take little more RAM than one."""
    members = [LastStep(classifier("transformer", seed=seed, d_conv=4)).eval() for seed in range(2)]
    one, both = (
        smidgen.compile(net, windows(1), calibration=windows(64), recipe=recipe, name="rooms", inputs=SENSOR_INPUTS)
        for net in (members[0], RoomEnsemble(members))
    )
    assert both.check(windows(20, seed=1), emulate=5).mismatched_bytes == 0
    assert both.measurement.ram_bytes < 1.1 * one.measurement.ram_bytes
