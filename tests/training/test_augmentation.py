"""Augmentation disturbs windows as the world would, and never invents a packet."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from smidgen.errors import ConfigError
from smidgen.training import AugmentationConfig, augment_rssi

NOT_HEARD = 127.0

configs = st.builds(
    AugmentationConfig,
    drop_access_point=st.floats(0.0, 0.9),
    drop_sometimes_absent=st.floats(0.0, 0.9),
    offset_db=st.floats(0.0, 30.0),
    noise_db=st.floats(0.0, 30.0),
    burst=st.floats(0.0, 0.9),
    longest_burst=st.integers(1, 12),
)


def windows(*, batch: int = 16, steps: int = 12, access_points: int = 4, seed: int = 0) -> torch.Tensor:
    """(b, t, A) whole dBm, about a third not heard."""
    draw = torch.Generator().manual_seed(seed)
    rssi = torch.randint(-110, 21, (batch, steps, access_points), generator=draw).float()
    rssi[torch.rand(rssi.shape, generator=draw) < 0.3] = NOT_HEARD
    return rssi


def augmented(rssi: torch.Tensor, config: AugmentationConfig, seed: int = 0) -> torch.Tensor:
    return augment_rssi(rssi, config, generator=torch.Generator().manual_seed(seed))


@given(config=configs, seed=st.integers(0, 2**31))
def test_nothing_is_heard_that_was_not(config, seed):
    """127 stays 127 whatever the config; what is still heard is a whole dBm a controller can report."""
    rssi = windows(seed=seed)
    result = augmented(rssi, config, seed)
    assert bool((result[rssi == NOT_HEARD] == NOT_HEARD).all())
    heard = result[result != NOT_HEARD]
    assert bool(((heard >= -127) & (heard <= 20) & (heard == heard.round())).all())


@given(config=configs, seed=st.integers(0, 2**31))
def test_what_another_stack_writes_for_nothing_is_never_lifted_into_a_level(config, seed):
    """-111 to -128 and 21 to 126 mean "not heard", and an offset does not make packets of them."""
    codes = torch.cat([torch.arange(-128.0, -110.0), torch.arange(21.0, 128.0)])
    assert bool((augmented(codes.reshape(1, -1, 1), config, seed) == NOT_HEARD).all())


@given(config=configs, seed=st.integers(0, 2**31))
def test_the_generator_decides_everything(config, seed):
    """The same generator state gives the same windows, and the input is left as it was."""
    rssi = windows()
    before = rssi.clone()
    torch.testing.assert_close(augmented(rssi, config, seed), augmented(rssi, config, seed), rtol=0, atol=0)
    torch.testing.assert_close(rssi, before, rtol=0, atol=0)


def test_the_default_leaves_windows_alone():
    """A config of zeros is the identity."""
    torch.testing.assert_close(augmented(windows(), AugmentationConfig()), windows(), rtol=0, atol=0)


@given(offset_db=st.floats(0.0, 30.0), noise_db=st.floats(0.0, 30.0), seed=st.integers(0, 2**31))
def test_levels_move_by_offset_and_noise_at_most(offset_db, noise_db, seed):
    """No level moves further than the two together, half a dB for rounding; packets stay heard."""
    rssi = windows().clamp(-60.0, -40.0)
    config = AugmentationConfig(offset_db=offset_db, noise_db=noise_db)
    assert float((augmented(rssi, config, seed) - rssi).abs().max()) <= offset_db + noise_db + 0.5


def test_an_offset_is_one_for_the_whole_window():
    """Every level of a window moves by the same amount, windows by different ones within +-6 dB."""
    rssi = torch.full((64, 12, 4), -60.0)
    moved = augmented(rssi, AugmentationConfig(offset_db=6.0)) - rssi
    assert bool((moved == moved[:, :1, :1]).all())
    assert moved.min() <= -5.0
    assert moved.max() >= 5.0


def test_a_dropped_access_point_is_silent_for_the_whole_window():
    """Each access point is heard at every step of a window or at none, and is dropped as often as asked."""
    result = augmented(torch.full((2000, 5, 4), -60.0), AugmentationConfig(drop_access_point=0.25))
    silent = result == NOT_HEARD
    assert bool((silent == silent[:, :1]).all())
    assert float(silent[:, 0].float().mean()) == pytest.approx(0.25, abs=0.02)


def test_a_burst_silences_all_access_points_for_some_steps_in_a_row():
    """Where a burst falls, no access point is heard, for 1 to longest_burst steps without a gap."""
    result = augmented(torch.full((500, 12, 4), -60.0), AugmentationConfig(burst=0.5, longest_burst=3))
    silent = result == NOT_HEARD
    assert bool((silent == silent[:, :, :1]).all())
    length = silent[:, :, 0].sum(1)
    assert {0, 1, 2, 3} == set(length.tolist())
    starts = (silent[:, :, 0].int().diff(dim=1, prepend=torch.zeros(500, 1, dtype=torch.int32)) == 1).sum(1)
    assert int(starts.max()) == 1


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"drop_access_point": 1.0}, r"drop_access_point must be a probability in \[0, 1\), got 1.0"),
        ({"burst": -0.1}, "burst must be a probability"),
        ({"offset_db": 31.0}, r"offset_db must lie in \[0, 30\] dB, got 31.0"),
        ({"noise_db": float("nan")}, "noise_db must lie in"),
        ({"longest_burst": 0}, "longest_burst must be at least 1 step, got 0"),
    ],
)
def test_values_out_of_range_are_refused(asked, message):
    """Each field states its range."""
    with pytest.raises(ConfigError, match=message):
        AugmentationConfig(**asked)


def test_only_access_points_that_some_recordings_lack_fall_silent_more_often():
    """With a probability of 0.5, about half of the windows lose such a one, whole; the others lose nothing."""
    rssi = torch.full((400, 6, 3), -60.0)
    sometimes_absent = torch.tensor([False, True, False])
    draw = torch.Generator().manual_seed(0)
    result = augment_rssi(
        rssi, AugmentationConfig(drop_sometimes_absent=0.5), generator=draw, sometimes_absent=sometimes_absent
    )
    silent = result.eq(NOT_HEARD)
    assert not bool(silent[:, :, ~sometimes_absent].any())
    assert torch.equal(silent[:, 0, 1], silent[:, :, 1].all(1))
    assert float(silent[:, 0, 1].float().mean()) == pytest.approx(0.5, abs=0.1)
