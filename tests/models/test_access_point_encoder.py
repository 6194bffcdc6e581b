"""One encoder for every access point: any number of them, in any order, and a plain classifier in the end."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import ConfigError
from smidgen.models import AccessPointEncoder, AccessPointEncoderConfig
from smidgen.models.access_point_encoder import room_centres

CONFIG = AccessPointEncoderConfig(n_motion=2, d_access_point=3, d_motion=4)


def encoder(seed: int = 0) -> AccessPointEncoder:
    torch.manual_seed(seed)
    return AccessPointEncoder(CONFIG).eval()


def windows(n: int, n_access_points: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    rssi = torch.randint(-110, -40, (n, 7, n_access_points), generator=draw).float()
    rssi[torch.rand(rssi.shape, generator=draw) < 0.3] = 127.0
    return rssi, 0.3 * torch.randn(n, 7, 2, generator=draw)


@settings(max_examples=20)
@given(n_access_points=st.integers(1, 6), seed=st.integers(0, 1000))
def test_the_plain_classifier_gives_the_logits_of_the_centres(n_access_points, seed):
    """Block-diagonal matrices and a linear head say exactly what shared weights and distances say, at every step."""
    shared = encoder(seed)
    rssi, motion = windows(12, n_access_points, seed)
    with torch.no_grad():
        states = shared(rssi, motion)
        centres = room_centres(states[:, -1], torch.arange(12) % 4, n_rooms=4)
        found = shared.classifier(centres, n_access_points=n_access_points)(rssi, motion)
        for step in range(rssi.shape[1]):
            expected = shared.logits(states[:, step], centres)
            torch.testing.assert_close(expected, found[:, step], rtol=1e-4, atol=1e-5)


@settings(max_examples=20)
@given(order=st.permutations(range(5)))
def test_access_points_have_no_order(order):
    """Swapped in the walk and in life alike, they leave every logit as it was."""
    shared = encoder()
    rssi, motion = windows(12, 5)
    room = torch.arange(12) % 3
    with torch.no_grad():
        logits = []
        for levels in (rssi, rssi[:, :, list(order)]):
            states = shared(levels, motion)[:, -1]
            logits.append(shared.logits(states, room_centres(states, room, n_rooms=3)))
    torch.testing.assert_close(logits[0], logits[1], rtol=1e-4, atol=1e-5)


def test_logits_order_rooms_by_distance():
    """Differences between logits are differences of squared distances, times the sharpness."""
    shared = encoder()
    states, centres = torch.randn(6, 7), torch.randn(3, 7)
    with torch.no_grad():
        shared.log_sharpness.fill_(0.5)
        logits = shared.logits(states, centres)
        distances = -(torch.cdist(states, centres) ** 2) * shared.log_sharpness.exp()
    torch.testing.assert_close(distances - distances[:, :1], logits - logits[:, :1], rtol=1e-4, atol=1e-4)


def test_a_room_that_was_not_visited_is_not_answered():
    """Its centre is not a number; its logit is the lowest."""
    shared = encoder()
    states = shared(*windows(8, 2))[:, -1]
    centres = room_centres(states, torch.tensor([0, 2] * 4), n_rooms=3)
    assert centres.isnan().any(dim=1).tolist() == [False, True, False]
    assert not (shared.logits(states, centres).argmax(dim=1) == 1).any()


def test_sizes_that_do_not_belong_together_are_refused():
    """Centres of another number of access points, and an encoder without a state."""
    with pytest.raises(ConfigError, match="among 3 access points have 13 entries each"):
        encoder().classifier(torch.zeros(2, 10), n_access_points=3)
    with pytest.raises(ConfigError, match="d_access_point must be at least 1"):
        AccessPointEncoderConfig(d_access_point=0)
