"""Confidences: the temperature that fits, the error that is left, and when to say "unknown"."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import ConfigError, DataError
from smidgen.training.confidence import (
    TEMPERATURES,
    answered,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    softmax,
    threshold_for_accuracy,
    threshold_for_coverage,
)

seeds = st.integers(0, 2**31)


def decisions(seed: int, *, n: int = 4000, temperature: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, 5), and labels drawn from the probabilities that they have at this temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.0, 2.0, size=(n, 5))
    label = (softmax(logits, temperature=temperature).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return logits, label.clip(max=4)


@settings(max_examples=20)
@given(seed=seeds, temperature=st.floats(0.4, 3.0))
def test_the_temperature_that_made_the_labels_is_found(seed, temperature):
    """Over confident or under confident, within what 4,000 decisions tell."""
    logits, label = decisions(seed, temperature=temperature)
    assert temperature == pytest.approx(fit_temperature(logits, label), rel=0.15)


@given(seed=seeds, temperature=st.floats(0.4, 3.0), other=st.floats(0.2, 5.0))
def test_no_other_temperature_is_likelier(seed, temperature, other):
    """And none changes which room is the likeliest."""
    logits, label = decisions(seed, n=300, temperature=temperature)
    fitted = softmax(logits, temperature=fit_temperature(logits, label))
    else_where = softmax(logits, temperature=other)
    assert negative_log_likelihood(fitted, label) <= negative_log_likelihood(else_where, label) + 1e-6
    np.testing.assert_array_equal(logits.argmax(axis=1), else_where.argmax(axis=1))


def test_a_model_that_is_always_right_gets_the_sharpest_temperature():
    """The likelihood then has no maximum; the bound stands in, and a model that knows nothing gets the flattest."""
    logits, _ = decisions(0, n=50)
    assert TEMPERATURES[0] == pytest.approx(fit_temperature(logits, logits.argmax(axis=1)), rel=1e-6)
    assert TEMPERATURES[1] == pytest.approx(fit_temperature(logits, logits.argmin(axis=1)), rel=1e-6)


def test_the_error_is_the_one_counted_by_hand():
    """Two bins: 0.9 said and 0.5 right over four decisions, 0.55 said and all right over two."""
    said = np.array([[0.9, 0.1]] * 4 + [[0.45, 0.55]] * 2)
    found = reliability(said, np.array([0, 0, 1, 1, 1, 1]), bins=10)
    assert found.expected_calibration_error == pytest.approx((4 * 0.4 + 2 * 0.45) / 6)
    assert [(row["count"], row["accuracy"]) for row in found.records()] == [(2, 1.0), (4, 0.5)]


@settings(max_examples=20)
@given(seed=seeds)
def test_labels_drawn_from_the_probabilities_leave_no_error_but_chance(seed):
    """And an over-confident copy of the same model shows it; scaling takes it away again."""
    logits, label = decisions(seed)
    assert reliability(softmax(logits), label).expected_calibration_error < 0.04
    hot = 3.0 * logits
    assert reliability(softmax(hot), label).expected_calibration_error > 0.08
    scaled = softmax(hot, temperature=fit_temperature(hot, label))
    assert reliability(scaled, label).expected_calibration_error < 0.04


@given(seed=seeds, coverage=st.floats(0.05, 1.0))
def test_a_threshold_answers_what_is_asked_and_no_more_than_needed(seed, coverage):
    """At least the share; one decision fewer would be too few."""
    logits, label = decisions(seed, n=101)
    found = threshold_for_coverage(softmax(logits), label, coverage=coverage)
    assert coverage <= found.coverage + 1e-9
    assert found.coverage - 1 / 101 < coverage


@given(seed=seeds, accuracy=st.floats(0.5, 0.95))
def test_a_threshold_for_an_accuracy_answers_as_many_as_it_can(seed, accuracy):
    """Every lower threshold that answers more has a lower accuracy."""
    logits, label = decisions(seed, n=101)
    said = softmax(logits)
    found = threshold_for_accuracy(said, label, accuracy=accuracy)
    assert found.accuracy >= accuracy
    lower = [level for level in said.max(axis=1) if level < found.threshold]
    assert all(answered(said, label, threshold=level).accuracy < accuracy for level in lower)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: softmax(np.zeros((1, 2)), temperature=0.0), ConfigError, "temperature must be positive"),
        (lambda: fit_temperature(np.zeros((0, 2)), np.zeros(0, int)), DataError, "at least one decision"),
        (lambda: reliability(np.zeros((2, 2)), np.array([0, 2])), DataError, "rooms 0..1"),
        (lambda: reliability(np.zeros((1, 2)), np.array([0]), bins=0), ConfigError, "at least 1 bin"),
        (lambda: threshold_for_coverage(np.ones((1, 2)), np.array([0]), coverage=0.0), ConfigError, "coverage must"),
        (lambda: threshold_for_accuracy(np.ones((1, 2)), np.array([0]), accuracy=2.0), ConfigError, "accuracy must"),
        (
            lambda: threshold_for_accuracy(np.array([[0.9, 0.1]]), np.array([1]), accuracy=0.5),
            DataError,
            "the most confident decisions have 0.000",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused(call, error, message):
    """Nothing to fit on, labels off the map, shares that are none, an accuracy that nothing reaches."""
    with pytest.raises(error, match=message):
        call()
