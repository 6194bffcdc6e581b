"""Inputs and outputs in every form in which modules have them become buffers of their own under legal names."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch
from small_models import lowered, normal, sqnr_db
from torch import Tensor, nn

from smidgen.compression import calibrate, find_recipe, import_model, make_plan
from smidgen.errors import ConfigError

X = normal(16, 6, 4)


class Pose(NamedTuple):
    """Outputs by name."""

    room: Tensor
    speed: Tensor


@dataclass
class Output:
    """Outputs as libraries return them."""

    logits: Tensor
    hidden: tuple[Tensor, Tensor]


class Returning(nn.Module):
    """A layer, and what is returned of it."""

    def __init__(self, function: Callable[[Tensor, Tensor], object]) -> None:
        super().__init__()
        self.layer, self.function = nn.Linear(4, 3), function

    def forward(self, x: Tensor) -> object:
        return self.function(x, self.layer(x))


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda x, h: {"room": h, "speed": h.mean(-1)}, ("room", "speed")),
        (lambda x, h: Pose(h, h * 2.0), ("room", "speed")),
        (lambda x, h: Output(logits=h, hidden=(h * 2.0, x)), ("logits", "hidden_0", "hidden_1")),
        (lambda x, h: [h, h + 1.0], ("output_0", "output_1")),
        (lambda x, h: (h, None), ("output",)),
        (lambda x, h: {"x": h, "float": h * 2.0}, ("output_0", "output_1")),
        (lambda x, h: (x, h, h, x.transpose(1, 2)), ("output_0", "output_1", "output_2", "output_3")),
        (lambda x, h: (h.mean((1, 2)), h.mean((1, 2)).sigmoid()), ("output_0", "output_1")),
    ],
    ids=["dictionary", "named tuple", "dataclass", "list", "nothing", "names of C", "same again", "numbers"],
)
@pytest.mark.parametrize("recipe", ["int8-pure", "float32"])
def test_outputs_in_every_form(
    function: Callable[[Tensor, Tensor], object], names: tuple[str, ...], recipe: str
) -> None:
    """Each is a buffer that C writes, named as the model names it; an input or a tensor returned twice is copied."""
    torch.manual_seed(0)
    model = Returning(function)
    rungs = lowered(model, (X,), recipe)
    assert rungs.graph.outputs == names
    with torch.no_grad():
        exact = [value.double().numpy() for value in rungs.program.run((X,))]
    for found, real in zip(rungs.integers((X,)), exact, strict=True):
        assert found.shape == real.shape
        assert sqnr_db(found, real) > (25.0 if recipe == "int8-pure" else 120.0)
    assert rungs.host_mismatches((X,)) == 0


class Named(nn.Module):
    """Takes its inputs by name, one of them optional and skipped."""

    def forward(self, x: Tensor, bias: Tensor | None = None, gain: Tensor | None = None) -> Tensor:
        return x if gain is None else x * gain.sigmoid()


def test_inputs_by_name() -> None:
    """Given in any order, they are told apart by their names, at import and afterwards."""
    model, gain = Named(), normal(16, 6, 4, seed=1)
    program = import_model(model, {"gain": gain, "x": X})
    assert set(program.input_names) == {"x", "gain"}
    given = {"x": X, "gain": gain}
    torch.testing.assert_close(program.run([given[name] for name in program.input_names])[0], model(X, gain=gain))
    seen = calibrate(program, {"x": X * 3.0, "gain": gain})
    assert seen.observations["x"].high == pytest.approx(3.0 * X.max().item())
    with pytest.raises(ConfigError, match=r"the model takes inputs \w+, \w+, got x"):
        calibrate(program, {"x": X})


class Counts(nn.Module):
    """Whole numbers, truth values, and an input that it does not read."""

    def forward(self, counts: Tensor, heard: Tensor, unread: Tensor) -> Tensor:
        return (counts.float() * 0.01).masked_fill(~heard, 0.5)


@pytest.mark.parametrize("recipe", ["int8", "int16", "float32"])
def test_inputs_that_are_no_real_numbers(recipe: str) -> None:
    """Whole numbers and truth values are received as they are, and in float32 as real numbers."""
    generator = torch.Generator().manual_seed(0)
    counts = torch.randint(-2000, 2000, (16, 6, 4), generator=generator)
    inputs = (counts, torch.rand(16, 6, 4, generator=generator) > 0.3, X)
    rungs = lowered(Counts(), inputs, recipe)
    types = [rungs.graph[name].dtype for name in rungs.graph.inputs[:2]]
    assert types == (["float32"] * 2 if recipe == "float32" else ["int16", "int8"])
    assert sqnr_db(rungs.integers(inputs)[0], Counts()(*inputs).double().numpy()) > 40.0
    assert rungs.host_mismatches(inputs) == 0


def test_whole_numbers_that_do_not_fit_are_refused() -> None:
    """int16 is the widest type in which a firmware computes: the range is told, and what to do."""
    program = import_model(Counts(), (torch.full((2, 3), 70000), torch.ones(2, 3, dtype=torch.bool), normal(2, 3)))
    seen = calibrate(program, (torch.full((2, 3), 70000), torch.ones(2, 3, dtype=torch.bool), normal(2, 3)))
    with pytest.raises(ConfigError, match=r"input counts is torch.int64 and holds 70000 to 70000; .*Scale it before"):
        make_plan(program, seen, find_recipe("int8"))


def test_ids_that_only_choose_stay_plain() -> None:
    """An input that nothing computes with has no scale."""

    class Chosen(nn.Module):
        def forward(self, x: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
            return x * 2.0, ids[:, :2]

    x, ids = normal(4, 3), torch.arange(12, dtype=torch.int64).reshape(4, 3)
    rungs = lowered(Chosen(), (x, ids), "float32")
    assert rungs.graph[rungs.graph.inputs[1]].dtype == "int32"
    np.testing.assert_array_equal(rungs.integers((x, ids))[1], ids[:, :2])
