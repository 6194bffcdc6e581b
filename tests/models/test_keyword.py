"""The keyword block has the size that peers publish, and its two forms differ in what is learned only."""

import pytest
import torch

from smidgen.errors import ConfigError
from smidgen.models import KeywordConfig, KeywordSpotter


def test_the_block_has_the_published_number_of_parameters():
    """Linear 40 to 64, one Mamba-1 mixer of 128 channels and 16 states, Linear 64 to 10: 35,914 in either form."""
    for learn_decay in (True, False):
        model = KeywordSpotter(KeywordConfig(learn_decay=learn_decay))
        assert sum(parameter.numel() for parameter in model.parameters()) == 35_914


def test_the_kept_decay_is_not_learned():
    """With learn_decay=False, A is no matter of training and stays -(1, .., 16) in every channel."""
    kept, learned = (KeywordSpotter(KeywordConfig(learn_decay=learn)) for learn in (False, True))
    for model in (kept, learned):
        model(torch.randn(2, 5, 40)).sum().backward()
    assert kept.mixer.A_log.grad is None
    assert learned.mixer.A_log.grad is not None
    torch.testing.assert_close(kept.mixer.A_log.exp(), torch.arange(1.0, 17.0).expand(128, 16))


@pytest.mark.parametrize("asked", [{"d_input": 0}, {"n_keywords": 1}, {"d_state": 0}])
def test_a_shape_that_cannot_be_is_refused(asked):
    """Each size states its least value."""
    (name,) = asked
    with pytest.raises(ConfigError, match=f"KeywordConfig: {name} must be at least"):
        KeywordConfig(**asked)
