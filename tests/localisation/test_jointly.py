import numpy as np

from smidgen.localisation.jointly import Jointly
from smidgen.localisation.stretches import Stretch


class Certain:
    """Says the same of every decision."""

    def __init__(self, row, parameters):
        self.row = row
        self.parameters = parameters
        self.prior = np.array(row)

    def probabilities(self, recording, stretch):
        return np.tile(self.row, (stretch.end - stretch.heard_from, 1))


STRETCH = Stretch(heard_from=1, begin=1, end=4)


def test_the_answer_is_the_weighted_mean():
    """Two votes to one: (2 * 0.9 + 0.0) / 3; the prior is the first one's."""
    both = Jointly([Certain([0.9, 0.1], 7), Certain([0.0, 1.0], 5)], weights=(2.0, 1.0))
    np.testing.assert_allclose(both.probabilities(None, STRETCH), np.tile([0.6, 0.4], (3, 1)))
    np.testing.assert_array_equal(both.prior, [0.9, 0.1])
    assert both.parameters == 12


def test_what_one_was_not_asked_nobody_answers():
    """A member that is asked scored decisions only leaves NaN, and one that keeps examples no number of weights."""
    both = Jointly([Certain([0.9, 0.1], 7), Certain([np.nan, np.nan], None)], weights=(2.0, 1.0))
    assert np.isnan(both.probabilities(None, STRETCH)).all()
    assert both.parameters is None
