import numpy as np
import pytest
from labelled_examples import make_examples

from smidgen.data.protocols import ContiguousFolds, LeaveOneOut
from smidgen.errors import ConfigError
from smidgen.training.baselines import UNHEARD_DBM
from smidgen.training.example_baselines import EXAMPLE_BASELINES, score_examples, summary_features


def test_fingerprints_are_taken_as_they_are():
    """One step has nothing to summarise; what was not heard is below every level."""
    features = summary_features(make_examples())
    assert features.tolist() == [[-50 - i, UNHEARD_DBM] for i in range(4)]


def test_a_sequence_is_summarised_by_seven_values_a_feature():
    """Mean, deviation, least, most, first, last and mean absolute step, over all features each."""
    values = [np.array([[-60, -80], [-50, np.nan], [-70, -80]], dtype=np.float32)] * 4
    features = summary_features(make_examples(values=values))
    assert features.shape == (4, 14)
    expected = [-60, -90, np.std([60, 50, 70]), np.std([80, 110, 80]), -70, -110, -50, -80, -60, -80, -70, -80, 10, 20]
    np.testing.assert_allclose(expected, features[0], rtol=1e-6)


def separable(n):
    """Examples whose class is plain from the first radio."""
    label = np.arange(n) % 2
    values = [np.array([[-50 - 20 * c - i % 3, np.nan]], dtype=np.float32) for i, c in enumerate(label)]
    return make_examples(tuple(label), values=values, tags={})


@pytest.mark.parametrize("name", EXAMPLE_BASELINES)
def test_the_predictions_of_all_folds_are_scored_together(name):
    """Each example is predicted once; classes a radio tells apart are told apart."""
    scores = score_examples(separable(60), ContiguousFolds(n=3), name=name, seed=0)
    assert (scores.decisions, scores.macro_f1, scores.rooms) == (60, 1.0, ("hall", "kitchen"))


def test_what_is_tested_was_not_trained_on():
    """A class that only the held-out phone has heard of is never predicted: no fold sees its own test side."""
    examples = make_examples((0, 0, 1, 1), tags={"phone": np.array(["a", "a", "b", "b"])})
    scores = score_examples(examples, LeaveOneOut(by="phone"), name="random-forest", seed=0)
    assert scores.accuracy == 0.0


def test_an_unknown_baseline_is_answered_with_the_nearest():
    """A mistyped name is an error."""
    with pytest.raises(ConfigError, match="no baseline is called 'random-forrest'; did you mean 'random-forest'"):
        score_examples(make_examples(), ContiguousFolds(n=2), name="random-forrest", seed=0)
