import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.data.channel import (
    ChannelConfig,
    body_loss_db,
    draw_shadow_field,
    fading_db,
    mean_level_dbm,
    reception_probability,
    wall_loss_db,
    walls_between,
)
from smidgen.data.floorplan import HALL, FloorPlan, Room, Wall
from smidgen.errors import ConfigError

CONFIG = ChannelConfig()


def open_space(*walls):
    """Return a space of 40 m with one access point at its origin."""
    return FloorPlan(
        rooms=(Room(name=HALL, x0=-20, y0=-20, x1=20, y1=20),),
        walls=walls,
        doors=(),
        spots=((),),
        access_points=np.zeros((1, 2)),
    )


def level(plan, x, y=0.0):
    return mean_level_dbm(CONFIG, plan, np.array([[x, y]]))[0, 0]


@given(near=st.floats(0, 19), further=st.floats(0.1, 10), bearing=st.floats(0, 6.28))
def test_the_level_falls_with_distance(near, further, bearing):
    """In the open, further away is always weaker."""
    direction = np.array([np.cos(bearing), np.sin(bearing)])
    levels = mean_level_dbm(CONFIG, open_space(), np.array([near * direction, (near + further) * direction]))
    assert levels[1, 0] < levels[0, 0]


def test_the_level_falls_by_ten_n_a_decade():
    """From 100 m to 1 km the log-distance model loses 10 n dB; at 1 m in the plane it is close to its reference."""
    assert level(open_space(), 100.0) - level(open_space(), 1000.0) == pytest.approx(10 * CONFIG.exponent, abs=0.01)
    assert level(open_space(), 0.6) == pytest.approx(CONFIG.power_dbm, abs=0.01)  # 0.6 m aside, 0.8 m below: 1 m


@given(losses=st.lists(st.floats(1, 12), min_size=1, max_size=5))
def test_each_wall_costs_its_loss(losses):
    """Walls on the way add their losses; walls elsewhere cost nothing."""
    walls = [Wall(x0=1.0 + i, y0=-5, x1=1.0 + i, y1=5, loss_db=loss) for i, loss in enumerate(losses)]
    beside = Wall(x0=-1, y0=-5, x1=-1, y1=5, loss_db=50)
    plan = open_space(*walls, beside)
    assert level(open_space(), 10.0) - level(plan, 10.0) == pytest.approx(sum(losses))
    assert wall_loss_db(plan, np.array([[10.0, 0.0]]))[0, 0] == pytest.approx(sum(losses))
    assert walls_between(plan, np.array([[10.0, 0.0]]))[0, 0] == len(losses)
    assert level(plan, 0.5) == level(open_space(), 0.5)


def test_shadowing_is_gaussian_with_exponential_correlation():
    """Over 400 fields: mean 0, the stated deviation, and correlation exp(-d / reach) at every distance."""
    field = draw_shadow_field(400, std_db=4.0, reach_m=1.5, rng=np.random.default_rng(0))
    at = {d: field.at(np.array([[2.0 + d, 3.0]]))[0] for d in (0.0, 0.3, 0.75, 1.5, 3.0, 6.0)}
    assert at[0.0].mean() == pytest.approx(0, abs=0.6)
    assert at[0.0].std() == pytest.approx(4.0, rel=0.1)
    correlation = [np.corrcoef(at[0.0], at[d])[0, 1] for d in at]
    np.testing.assert_allclose(correlation, [np.exp(-d / 1.5) for d in at], atol=0.12)
    assert correlation == sorted(correlation, reverse=True)


def test_shadowing_belongs_to_the_place():
    """The same place has the same shadowing whenever it is asked."""
    field = draw_shadow_field(3, std_db=4.0, reach_m=1.5, rng=np.random.default_rng(0))
    there = np.array([[1.0, 2.0], [5.0, 4.0], [1.0, 2.0]])
    shadow = field.at(there)
    np.testing.assert_array_equal(shadow[0], shadow[2])
    assert (shadow[0] != shadow[1]).all()


def test_the_body_costs_most_when_it_is_between():
    """Turning away from the access point costs more and more, from nothing to the whole loss."""
    turns = np.linspace(0, np.pi, 9)
    position = np.tile([[5.0, 0.0]], (9, 1))
    loss = body_loss_db(open_space(), position, np.pi - turns, most_db=7.0)[:, 0]
    assert loss[0] == pytest.approx(0.0, abs=1e-9)
    assert loss[-1] == pytest.approx(7.0)
    assert (np.diff(loss) > 0).all()


def fade(k_db, travelled, n_access_points=20, seed=0):
    k = np.full((len(travelled), n_access_points), k_db)
    return fading_db(travelled, k, np.random.default_rng(seed))


@pytest.mark.parametrize("k_db", [-40.0, 0.0, 7.0])
def test_fading_keeps_the_mean_power(k_db):
    """Fading moves power about in place; on average over a long way it is 0 dB."""
    power = 10 ** (fade(k_db, np.linspace(0, 200, 4000)) / 10)
    assert 10 * np.log10(power.mean()) == pytest.approx(0.0, abs=0.3)


def test_without_a_direct_wave_fading_is_rayleigh():
    """The power of scattered waves alone is exponential: P(below x) = 1 - exp(-x), checked at three quantiles."""
    power = 10 ** (fade(-60.0, np.linspace(0, 200, 4000), n_access_points=60) / 10)
    for x in (0.1, 0.7, 2.3):
        assert (power < x).mean() == pytest.approx(1 - np.exp(-x), abs=0.025)


def test_a_stronger_direct_wave_fades_less():
    """Deep fades become rare as the direct wave grows."""
    spread = [fade(k, np.linspace(0, 200, 4000)).std() for k in (-10.0, 0.0, 7.0, 15.0)]
    assert spread == sorted(spread, reverse=True)


def test_a_still_wrist_stays_in_its_fade():
    """Without movement each access point sees at most one level a channel; half a wavelength away all is new."""
    still = fade(-10.0, np.full(200, 3.0))
    assert {len(np.unique(np.round(column, 9))) for column in still.T} <= {1, 2, 3}
    moved = fade(-10.0, np.repeat([3.0, 3.06], 100))
    assert all(len(np.unique(np.round(column, 9))) >= 4 for column in moved.T)


def test_weak_packets_are_lost():
    """Reception falls from all but collisions to nothing, and is half of that at the sensitivity."""
    level = np.array([-60.0, CONFIG.sensitivity_dbm, -115.0])
    best, half, none = reception_probability(CONFIG, level)
    assert best == pytest.approx(1 - CONFIG.collision_probability)
    assert half == pytest.approx(best / 2)
    assert none < 1e-4
    assert (np.diff(reception_probability(CONFIG, np.arange(-110.0, -60.0))) > 0).all()


@pytest.mark.parametrize(
    ("field", "value"),
    [("exponent", 0.0), ("shadowing_reach_m", -1.0), ("noise_std_db", -0.1), ("collision_probability", 1.0)],
)
def test_parameters_without_meaning_are_refused(field, value):
    """Each parameter is checked when the channel is configured."""
    with pytest.raises(ConfigError, match=field):
        ChannelConfig(**{field: value})
