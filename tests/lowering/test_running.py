"""What all steps so far add up to means the same in PyTorch and lowered, and streams."""

import pytest
import torch
from causal_graphs import assert_steps_equal_windows, causal
from small_models import Functions, assert_equal_everywhere, lowered, normal
from torch import Tensor

from smidgen.compression import import_model
from smidgen.errors import UnsupportedError

INPUTS = (normal(32, 6, 4),)
COUNT = torch.arange(1.0, 7.0)[:, None]


def test_running_sums_and_extremes() -> None:
    """Along time and features; the reversed sum is a sum between two flips."""
    assert_equal_everywhere(
        {
            "sum": lambda m, x: x.cumsum(1),
            "sum over features": lambda m, x: x.cumsum(-1),
            "maximum": lambda m, x: x.cummax(1).values,
            "minimum": lambda m, x: torch.cummin(x, dim=2)[0],
            "from the end": lambda m, x: x.flip(1).cumsum(1).flip(1),
        },
        INPUTS, {"float32": 130.0, "int8-pure": 33.0, "int16": 70.0},
    )  # fmt: skip


MEANS = {
    "divided": lambda m, x: x.cumsum(1) / COUNT,
    "times reciprocals": lambda m, x: (1.0 / COUNT) * x.cumsum(dim=1),
    "by a count of its own": lambda m, x: x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[None, :, None],
    "by a running count": lambda m, x: x.cumsum(1) / torch.ones_like(x).cumsum(1),
    "over features": lambda m, x: x.cumsum(2) / torch.arange(1, 5),
}


def test_a_running_mean_does_not_grow() -> None:
    """However it is spelled, it is one op, and its result has the scale of means."""
    assert_equal_everywhere(MEANS, INPUTS, {"float32": 130.0, "int8-pure": 33.0, "int16": 70.0})
    kinds = [op.kind for op in lowered(Functions(MEANS, {}), INPUTS).graph.ops]
    assert kinds.count("running_mean") == len(MEANS)
    assert set(kinds) == {"running_mean", "transpose"}


def test_other_divisors_stay_divisors() -> None:
    """A count that begins at 2, along another axis, or that others read the sum of."""
    others = {
        "from 2": lambda m, x: x.cumsum(1) / (COUNT + 1),
        "of features": lambda m, x: x[:, :4].cumsum(1) / torch.arange(1.0, 5.0),
        "read twice": lambda m, x: (lambda sums: sums / COUNT + sums)(x.cumsum(1)),
    }
    kinds = [op.kind for op in lowered(Functions(others, {}), INPUTS, "float32").graph.ops]
    assert "running_mean" not in kinds
    assert kinds.count("running_sum") == 3


@pytest.mark.parametrize("recipe", ["int8", "int16", "float32"])
def test_they_stream(recipe: str) -> None:
    """Every number of steps from reset gives the bytes of the window of that length."""
    functions = {
        "all": lambda m, x: torch.cat([x.cumsum(1), x.cumsum(1) / COUNT, x.cummax(1).values, x.cummin(1).values], -1)
    }
    graph = lowered(Functions(functions, {}), INPUTS, recipe).graph
    assert_steps_equal_windows(causal(graph), range(1, 20))


def test_positions_of_extremes_are_refused() -> None:
    """The second result of cummax is not computed."""

    def where(m: object, x: Tensor) -> Tensor:
        return x + x.cummax(1).indices

    with pytest.raises(UnsupportedError, match=r"result 1 of aten.cummax.default is not computed; use the values only"):
        lowered(import_model(Functions({"where": where}, {}), INPUTS), INPUTS, "float32")
