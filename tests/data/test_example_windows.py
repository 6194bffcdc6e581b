"""Examples as windows: the last steps of each, its label at every step, whole dBm as the firmware receives them."""

from dataclasses import replace

import numpy as np
import pytest
from labelled_examples import make_examples

from smidgen.data.example_windows import example_windows
from smidgen.errors import ConfigError, DataError
from smidgen.rssi import NOT_HEARD_DBM

LEVELS = ([-60, -61.4], [-70, np.nan, -72, -73])


def examples():
    """Return two walks past one radio, of 2 and 4 steps, by two people."""
    values = [np.array(levels, dtype=np.float32)[:, None] for levels in LEVELS]
    return make_examples((1, 0), values=values, features=("radio",), group=np.array(["b", "a"]), tags={})


def test_windows_end_where_examples_end():
    """A longer example keeps its last steps, a shorter one is preceded by its first; NaN is 127."""
    windows = example_windows(examples(), length=3, step_s=0.5)
    assert windows.rssi[:, :, 0].tolist() == [[-60, -60, -61], [NOT_HEARD_DBM, -72, -73]]
    assert windows.motion.shape == (2, 3, 0)
    assert windows.room.tolist() == [[1, 1, 1], [0, 0, 0]]
    assert windows.label.tolist() == [1, 0]
    assert [windows.recordings[i] for i in windows.recording] == ["b", "a"]
    assert (windows.step_s, windows.hop_s, windows.rooms) == (0.5, 1.5, ("hall", "kitchen"))


@pytest.mark.parametrize(("length", "step_s"), [(0, 1.0), (1, 0.0), (1, float("nan"))])
def test_windows_that_cannot_be_are_refused(length, step_s):
    """At least one step, of a positive length."""
    with pytest.raises(ConfigError, match=f"got {length} of {step_s} s"):
        example_windows(examples(), length=length, step_s=step_s)


def test_what_is_no_level_is_refused():
    """A front end that reads dBm must not be given anything else."""
    beats = [np.ones((2, 1), dtype=np.float32)] * 2
    pulse = replace(examples(), unit="beats", values=beats)
    with pytest.raises(DataError, match="not levels of radios"):
        example_windows(pulse, length=2, step_s=1.0)
