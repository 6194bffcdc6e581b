"""The batch may stand anywhere: it is found, and that no sample reaches another is proved by running two."""

from collections.abc import Callable

import pytest
import torch
from small_models import normal
from torch import Tensor, nn

from smidgen.compression import FloatProgram, import_model
from smidgen.compression.batch import BatchPlace
from smidgen.errors import ExportError, UnsupportedError

Written = Callable[[nn.Module, Tensor], object]


class Function(nn.Module):
    """A function as a module, with a layer and a parameter."""

    def __init__(self, function: Written) -> None:
        super().__init__()
        self.function = function
        self.layer = nn.Linear(4, 4)
        self.token = nn.Parameter(normal(1, 1, 4, seed=3))

    def forward(self, x: Tensor) -> object:
        return self.function(self, x)


def imported(function: Written) -> FloatProgram:
    """Import a function of an input (6, 4)."""
    return import_model(Function(function), normal(2, 6, 4))


def place_of(program: FloatProgram, kind: str) -> BatchPlace:
    """Return where the batch stands in the result of the first operator of a kind."""
    node = next(node for node in program.nodes if node.op == "call_function" and node.name.startswith(kind))
    return program.places[node.name]


@pytest.mark.parametrize(
    ("function", "kind", "place"),
    [
        (lambda m, x: x.transpose(0, 1).relu().transpose(0, 1), "relu", BatchPlace(axis=1, outer=1, inner=1)),
        (lambda m, x: x.reshape(-1, 4).relu().reshape(-1, 6, 4), "relu", BatchPlace(axis=0, outer=1, inner=6)),
        (
            lambda m, x: x.transpose(0, 1).reshape(-1, 4).relu().reshape(6, -1, 4).transpose(0, 1),
            "relu", BatchPlace(axis=0, outer=6, inner=1),
        ),
        (
            lambda m, x: x.reshape(-1, 2, 3, 4).transpose(1, 0).reshape(-1, 3, 4).relu().reshape(2, -1, 3, 4)[0],
            "relu", BatchPlace(axis=0, outer=2, inner=1),
        ),
    ],
    ids=["second", "merged with what follows", "merged with what precedes", "heads first"],
)  # fmt: skip
def test_the_batch_is_found(function: Written, kind: str, place: BatchPlace) -> None:
    """In a layout with time first, and within merged axes on either side."""
    assert place_of(imported(function), kind) == place


def test_outputs_come_with_samples_first() -> None:
    """Whether the model returns (T, B, D) or (B * T, D), a batch of results is (B, *shape of a sample)."""
    x = normal(3, 6, 4, seed=1)
    program = imported(lambda m, x: (x.transpose(0, 1), x.reshape(-1, 4) * 2.0, x.mean((1, 2))))
    first, second, third = program.run((x,))
    torch.testing.assert_close(first, x)
    torch.testing.assert_close(second, 2.0 * x)
    assert third.shape == (3,)


def test_every_recorded_value_is_that_of_its_sample() -> None:
    """Recorded together, each sample of each tensor equals what is recorded of it alone."""
    x = normal(3, 6, 4, seed=1)
    program = imported(lambda m, x: m.layer(x.reshape(-1, 4).T.T).relu().reshape(-1, 6, 4).transpose(0, 1).sum(0))
    together = program.record((x,))
    for index in range(3):
        for name, value in program.record((x[index : index + 1],)).items():
            torch.testing.assert_close(value[0], together[name][index], msg=name)


@pytest.mark.parametrize(
    ("function", "operator"),
    [
        (lambda m, x: x - x.mean(0), "mean"),
        (lambda m, x: x.flip(0), "flip"),
        (lambda m, x: x.cumsum(0), "cumsum"),
        (lambda m, x: x.softmax(0), "softmax"),
        (lambda m, x: x[0], "select"),
        (lambda m, x: x.sum(), "sum"),
        (lambda m, x: x.transpose(0, 1).reshape(-1, 6, 4), "reshape"),
        (lambda m, x: x.flatten(1) @ x.flatten(1).T, "permute|matmul|transpose|t"),
    ],
    ids=[
        "mean",
        "flip",
        "running sum",
        "softmax",
        "one sample",
        "sum of all",
        "mixed by a view",
        "products of samples",
    ],
)
def test_operators_by_which_samples_meet_are_refused(function: Written, operator: str) -> None:
    """The first such operator is named, with the user's line and what to write instead."""
    with pytest.raises(UnsupportedError, match=rf":({operator}): it works along the batch axis; .*\(File .*, line \d+"):
        imported(function)


def test_an_example_of_equal_samples_proves_as_much() -> None:
    """Zeros as an example would hide a mean over the batch: another sample is made up."""
    with pytest.raises(UnsupportedError, match=":mean: it works along the batch axis"):
        import_model(Function(lambda m, x: x - x.mean(0)), torch.zeros(2, 6, 4))


def test_tensors_as_large_as_the_batch_are_constants() -> None:
    """What only sizes and weights decide is folded at a batch of one, however it is written."""

    def function(m: nn.Module, x: Tensor) -> Tensor:
        zeros, ones = torch.zeros(x.shape[0], 1, 4), torch.ones_like(x[:, :1]) + x.new_zeros(x.shape[0], 1, 4)
        steps = torch.arange(x.shape[1], dtype=x.dtype).repeat(x.shape[0], 1)
        return torch.cat([m.token.expand(x.shape[0], -1, -1), zeros + ones, x + steps[:, :, None]], 1)

    program = imported(function)
    of_input = [node.name for node in program.nodes if node.op == "call_function" and node.name in program.places]
    assert [name.split("_")[0] for name in of_input] == ["add", "cat"]
    x = normal(3, 6, 4, seed=2)
    torch.manual_seed(0)
    torch.testing.assert_close(program.run((x,))[0], function(Function(function), x))


@pytest.mark.parametrize(
    "function",
    [
        lambda m, x: m.layer(x.view(1, 6, 4)).relu(),
        lambda m, x: m.layer(x.squeeze(0)).relu().unsqueeze(0),
        lambda m, x: m.layer(x[0] if x.shape[0] == 1 else x),
    ],
    ids=["a view of one", "squeezed", "a branch"],
)
def test_a_model_for_single_samples_is_captured_as_such(function: Written) -> None:
    """A module that hard-codes a batch of 1 runs sample by sample, and gives for each what the module gives."""
    torch.manual_seed(0)
    model = Function(function)
    program = import_model(model, normal(1, 6, 4))
    assert program.takes_single_samples
    x = normal(3, 6, 4, seed=1)
    expected = torch.cat([model(row).reshape(1, 6, 4) for row in x.split(1)])
    torch.testing.assert_close(program.run((x,))[0], expected)
    assert program.record((x,))["linear"].shape == (3, 6, 4)


def test_a_program_exported_at_another_batch_is_exported_anew() -> None:
    """A fixed batch of 4 can serve no single sample, unless nothing in the graph depends on it."""
    layer, x = nn.Linear(4, 4), normal(3, 4, seed=1)
    program = import_model(torch.export.export(layer, (normal(4, 4),)), normal(4, 4))
    torch.testing.assert_close(program.run((x,))[0], layer(x))
    fixed = torch.export.export(Function(lambda m, x: m.layer(x.reshape(24, 4))), (normal(4, 6, 4),))
    with pytest.raises(ExportError, match="exported at a fixed batch of 4; export it with the batch as a free size"):
        import_model(fixed, normal(4, 6, 4))
