import numpy as np
import pytest

from smidgen.data.floorplan import Activity
from smidgen.data.walker import Walk, draw_person
from smidgen.data.wrist import RANGE_G, acceleration_g, travelled_m

TIME_S = np.arange(0, 60, 0.05)


def doing(*activities, lasts_s=60.0):
    """Return a path on which the person does one thing after the other without leaving the spot."""
    n = len(activities)
    return Walk(
        start_s=np.arange(n) * lasts_s / n,
        start=np.zeros((n, 2)),
        end=np.zeros((n, 2)),
        heading=np.zeros(n),
        activity=np.array(activities, dtype=np.int8),
        duration_s=lasts_s,
    )


def read(*activities, seed=0):
    person = draw_person(np.random.default_rng(seed))
    return person, acceleration_g(doing(*activities), person, TIME_S, np.random.default_rng(seed)).astype(np.float64)


@pytest.mark.parametrize("seed", range(5))
def test_walking_swings_at_the_walker_s_cadence(seed):
    """The strongest line of the whole vector's spectrum is the cadence of steps, or the arm's half of it."""
    person, reading = read(Activity.WALK, seed=seed)
    spectrum = (np.abs(np.fft.rfft(reading - reading.mean(axis=0), axis=0)) ** 2).sum(axis=1)
    strongest = np.fft.rfftfreq(len(TIME_S), 0.05)[spectrum.argmax()]
    assert min(abs(strongest - person.steps_hz), abs(strongest - person.steps_hz / 2)) < 0.05


def test_stillness_has_an_order():
    """Lying is stiller than sitting, sitting than standing, standing than work with the hands, work than walking."""
    order = [Activity.LIE, Activity.SIT, Activity.STAND, Activity.WORK, Activity.WALK]
    spread = [read(activity)[1].std(axis=0).mean() for activity in order]
    assert spread == sorted(spread)


def test_at_rest_gravity_is_one_g():
    """Away from movement the vector's length is 1 g, whatever the posture and however the tag sits."""
    for seed in range(5):
        for activity in (Activity.SIT, Activity.STAND, Activity.LIE):
            length = np.linalg.norm(read(activity, seed=seed)[1], axis=1)
            assert np.median(length) == pytest.approx(1.0, abs=0.02)


def test_postures_point_gravity_elsewhere():
    """The mean directions of sitting, standing and lying are at least 30 degrees apart."""
    means = [read(activity)[1].mean(axis=0) for activity in (Activity.SIT, Activity.STAND, Activity.LIE)]
    directions = np.array([mean / np.linalg.norm(mean) for mean in means])
    cosines = (directions @ directions.T)[np.triu_indices(3, 1)]
    assert (np.degrees(np.arccos(cosines)) > 30).all()


def test_the_arm_turns_smoothly_between_postures():
    """From sitting to lying the reading takes more than a quarter of a second; it does not jump."""
    _, reading = read(Activity.SIT, Activity.LIE)
    change = np.linalg.norm(reading[int(30.5 / 0.05)] - reading[int(29.5 / 0.05)])
    assert np.linalg.norm(np.diff(reading[580:620], axis=0), axis=1).max() < 0.6 * change


def test_readings_are_what_a_sensor_gives():
    """Whole steps of 2 mg, inside the range, float32."""
    reading = acceleration_g(
        doing(Activity.WALK), draw_person(np.random.default_rng(0)), TIME_S, np.random.default_rng(0)
    )
    assert reading.dtype == np.float32
    np.testing.assert_allclose(reading / 0.002, np.rint(reading / 0.002), atol=1e-3)
    assert np.abs(reading).max() <= RANGE_G


def test_the_wrist_travels_with_the_walker_and_hardly_at_rest():
    """Walking moves the wrist at walking speed; sitting moves it some millimetres a second, so fades last."""
    person = draw_person(np.random.default_rng(0))
    walked, sat = (travelled_m(doing(activity), person, TIME_S)[-1] for activity in (Activity.WALK, Activity.SIT))
    assert walked == pytest.approx(person.speed_mps * TIME_S[-1])
    assert 0.05 < sat < 0.5
