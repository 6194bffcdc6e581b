"""Every preset builds what it promises, small enough for the firmware's budget."""

import pytest

from smidgen.errors import ConfigError
from smidgen.models import build_model
from smidgen.training.presets import PRESET_MODELS, PRESETS, find_preset


@pytest.mark.parametrize("data", PRESETS)
@pytest.mark.parametrize("model", PRESET_MODELS)
def test_presets_build_models_of_2_to_20_thousand_parameters(data, model):
    """Each data set has each model, of a size whose int8 weights leave most of 64 KB of flash to code."""
    preset = find_preset(data)
    built = build_model(model, n_access_points=4, n_motion=6, n_rooms=9, **preset.models[model].shape)
    assert 2_000 <= sum(parameter.numel() for parameter in built.parameters()) <= 20_000
    if model == "transformer":
        assert preset.length == preset.models[model].shape["n_positions"]


def test_the_seed_is_all_that_a_run_changes():
    """training_for gives the preset's training under another seed."""
    preset = find_preset("sphere").models["gru"]
    assert preset.training_for(7).seed == 7
    assert preset.training == preset.training_for(preset.training.seed)


def test_an_unknown_data_set_is_answered_with_the_nearest():
    """A mistyped name gets a suggestion, a strange one the list."""
    with pytest.raises(ConfigError, match="no preset 'shpere'; did you mean 'sphere'"):
        find_preset("shpere")
    with pytest.raises(ConfigError, match="choose from sphere, simulated"):
        find_preset("mnist")
