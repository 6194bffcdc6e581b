"""Streams answer for the decision that is asked: with a delay of their own, a decoder's, and after a warm-up."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from smidgen.errors import ConfigError
from smidgen.experiment import calibration_windows
from smidgen.localisation.decodings import DECODINGS, OFF, answer
from smidgen.localisation.evidence import UNCHOSEN
from smidgen.localisation.hearing import all_of, heard_frames
from smidgen.localisation.stream_student import StreamStudent, fit_stream
from smidgen.localisation.stretches import Stretch
from smidgen.models import RoomClassifier, RoomEnsemble, build_model
from smidgen.training.recording_presets import find_recording_preset


class NextFrames(torch.nn.Module):
    """Names the room by the level of the first access point `delay` frames ago: what it should answer is known."""

    def __init__(self, delay):
        super().__init__()
        self.delay = delay

    def forward(self, rssi, motion):
        late = torch.roll(rssi[:, :, 0], self.delay, dims=1)
        return torch.nn.functional.one_hot((late.long() % 3), 3).float()


def student(fold, classifier, *, delay_decisions=0):
    return StreamStudent(
        classifier=classifier, fold=fold, prior=np.full(len(fold.rooms), 1 / len(fold.rooms)),
        calibration=calibration_windows(fold.training, seed=0), delay_decisions=delay_decisions,
    )  # fmt: skip


@pytest.mark.parametrize("delay", [0, 2])
def test_an_answer_that_comes_late_speaks_of_its_decision(fold, delay):
    """The room of the frame with which the decision ends, whatever the delay and wherever the stretch begins."""
    (recording,) = fold.split.test
    level = fold.frames(recording).rssi[1::2, 0].astype(int) % 3
    found = student(fold, NextFrames(2 * delay), delay_decisions=delay)
    for stretch in (all_of(recording), Stretch(heard_from=7, begin=12, end=30)):
        rooms = found.probabilities(recording, stretch).argmax(axis=1)
        assert np.array_equal(rooms, level[stretch.heard_from : stretch.end])


def network(fold) -> RoomClassifier:
    torch.manual_seed(0)
    windows = fold.training
    return build_model(
        "gru", n_access_points=windows.rssi.shape[2], n_motion=windows.motion.shape[2], n_rooms=len(fold.rooms),
        d_model=8,
    ).eval()  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0, 2])
def test_a_program_answers_as_the_network(fold, delay):
    """The float32 program has the network's room at every decision of a stretch, and its proof finds no difference."""
    (recording,) = fold.split.test
    found = student(fold, network(fold), delay_decisions=delay)
    program = found.compile("float32", OFF, UNCHOSEN)
    stretch = Stretch(heard_from=3, begin=8, end=40)
    expected = found.probabilities(recording, stretch).argmax(axis=1)
    assert np.array_equal(program.scores(recording, stretch).argmax(axis=1), expected)
    costs = program.costs(fold.split.test)
    assert costs.mismatched_bytes == 0
    assert costs.n_compared == 2 * all_of(recording).end


@pytest.mark.parametrize("name", ["learned, lag 0 s", "learned, lag 4 s"])
def test_python_decodes_as_the_module_that_compiles(fold, name):
    """Room for room, in all of a recording and in a stretch: the mean of each decision's frames, no floor, 4 s more."""
    (recording,) = fold.split.test
    found = student(fold, network(fold))
    waits = DECODINGS[name].delay_decisions
    for stretch in (all_of(recording), Stretch(heard_from=7, begin=12, end=40)):
        heard = heard_frames(fold, recording, stretch, frames_behind=waits * fold.steps_per_hop)
        with torch.no_grad():
            scores = found.module(name, UNCHOSEN)(*heard)[0, waits:].numpy()
        best = np.sort(scores, axis=1)
        clear = best[:, -1] - best[:, -2] > 1e-4  # float32 against float64
        assert clear.mean() > 0.9
        rooms = answer(found, recording, stretch, name, fold, UNCHOSEN)
        assert np.array_equal(rooms[clear], scores.argmax(axis=1)[clear])


@pytest.mark.slow
def test_a_decoder_in_the_program_decodes_as_in_python(fold):
    """With 4 s of delay the decoded program names the rooms that Python's decoder does, but for rounding."""
    (recording,) = fold.split.test
    found, name = student(fold, network(fold)), "learned, lag 4 s"
    rooms = found.compile("float32", name, UNCHOSEN).scores(recording, all_of(recording)).argmax(axis=1)
    expected = answer(found, recording, all_of(recording), name, fold, UNCHOSEN)
    assert (rooms == expected).mean() >= 0.99


def test_members_learn_from_their_own_seeds_and_answer_as_one(fold, tmp_path):
    """Ensembles 0 and 1 of two have seeds 0 to 3; their member of seed 0 is the network that stands alone."""
    preset = find_recording_preset("sphere", "student")
    quick = replace(preset.training, epochs=1, batches_per_epoch=1, batch_size=2)
    pair = replace(preset, members=2, training=quick)
    (recording,) = fold.split.test
    first, second = (fit_stream(fold, pair, seed=seed, folder=tmp_path) for seed in range(2))
    alone = fit_stream(fold, replace(pair, members=1), seed=0, folder=tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == [f"seed-{seed}" for seed in range(4)]
    assert first.parameters == second.parameters == 2 * alone.parameters
    said = [x.probabilities(recording, all_of(recording)) for x in (first, second, alone)]
    assert not np.array_equal(said[0], said[1])
    assert not np.array_equal(said[0], said[2])
    assert isinstance(first.classifier, RoomEnsemble)
    expected, found = alone.classifier.state_dict(), first.classifier.members[0].state_dict()
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_no_decoder_goes_behind_several_networks(fold):
    """The refusal names the decoding that was asked for."""
    several = student(fold, RoomEnsemble([network(fold), network(fold)]))
    with pytest.raises(ConfigError, match="'learned, lag 0 s' was asked for"):
        several.compile("int8", "learned, lag 0 s", UNCHOSEN)
