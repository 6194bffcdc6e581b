"""What tests of contestants learn from."""

import pytest

from smidgen.benchmark import load_benchmark
from smidgen.data import Split
from smidgen.data.simulate import simulate_home
from smidgen.localisation.fold import Fold


@pytest.fixture(scope="module")
def fold() -> Fold:
    """A simulated home with recordings of two minutes."""
    first, second = (simulate_home(1).record(day, 120.0) for day in range(2))
    split = Split(name="home", train=(first,), test=(second,))
    return Fold(data="simulated", root=None, number=0, benchmark=load_benchmark("simulated", None, 1), split=split)
