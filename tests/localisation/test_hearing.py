"""What networks hear: frames of a stretch with silence behind the end, windows with silence before the start."""

import numpy as np
import torch

from smidgen.data import NOT_HEARD_DBM, make_windows
from smidgen.localisation.fold import count_decisions
from smidgen.localisation.hearing import all_of, heard_frames, heard_windows
from smidgen.localisation.stretches import Stretch


def test_windows_are_those_of_training(fold):
    """At every scored decision the window is the one that `make_windows` cuts."""
    (recording,) = fold.split.test
    rssi, motion = heard_windows(fold, recording, all_of(recording), 30)
    cut = make_windows(fold.frames(recording), length=30)
    scored = np.rint(cut.time_s / 2.0).astype(int) - 1
    assert len(rssi) == count_decisions(recording)
    assert torch.equal(rssi[scored], torch.from_numpy(cut.rssi).float())
    assert torch.equal(motion[scored], torch.from_numpy(cut.motion))


def test_frames_of_a_stretch_follow_on_each_other(fold):
    """What a stretch hears is that part of the whole, two frames a decision."""
    (recording,) = fold.split.test
    whole_rssi, whole_motion = heard_frames(fold, recording, all_of(recording))
    rssi, motion = heard_frames(fold, recording, Stretch(heard_from=5, begin=10, end=20))
    assert torch.equal(rssi, whole_rssi[:, 10:40])
    assert torch.equal(motion, whole_motion[:, 10:40])


def test_silence_follows_the_end_of_a_recording(fold):
    """What answers late hears nothing behind the last frame."""
    (recording,) = fold.split.test
    n = len(fold.frames(recording))
    end = Stretch(heard_from=0, begin=0, end=count_decisions(recording))
    rssi, motion = heard_frames(fold, recording, end, frames_behind=8)
    assert rssi.shape[1] == 2 * end.end + 8
    assert (rssi[:, n:] == NOT_HEARD_DBM).all()
    assert (motion[:, n:] == 0).all()
