"""Every preset for whole recordings can be built, and unknown ones are answered with the nearest."""

import pytest

from smidgen.errors import ConfigError
from smidgen.models import build_model
from smidgen.training.recording_presets import RECORDING_PRESETS, RecordingPreset, find_recording_preset


@pytest.mark.parametrize(
    ("data", "role"), [(data, role) for data, roles in RECORDING_PRESETS.items() for role in roles]
)
def test_every_preset_builds_a_model(data, role):
    """Students look back only and keep their delay of at most 4 s; a teacher may look ahead."""
    preset = find_recording_preset(data, role)
    model = build_model(preset.model, n_access_points=4, n_motion=6, n_rooms=9, **preset.shape)
    assert model.config.causal == (role != "teacher")
    assert 0.0 <= preset.delay_s <= 4.0


def test_members_of_different_ensembles_have_different_seeds():
    """Three ensembles of three members use nine seeds."""
    preset = find_recording_preset("sphere", "teacher")
    seeds = [member for seed in range(3) for member in preset.member_seeds(seed)]
    assert len(set(seeds)) == 3 * preset.members
    assert preset.training_for(5).seed == 5


def test_unknown_names_are_answered_with_the_nearest():
    """For the data set, the role and a size out of range."""
    with pytest.raises(ConfigError, match=r"recordings of 'spher'; did you mean 'sphere'\?"):
        find_recording_preset("spher", "student")
    with pytest.raises(ConfigError, match=r"sphere has no 'teachr'; did you mean 'teacher'\?"):
        find_recording_preset("sphere", "teachr")
    with pytest.raises(ConfigError, match="at least 1 member, got 0"):
        RecordingPreset(
            model="gru", shape={}, step_s=1.0, training=find_recording_preset("sphere", "student").training, members=0
        )
