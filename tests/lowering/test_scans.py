"""torch's scan as a loop of the firmware: any state, forward and backward, what is read of it and no more."""

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_models import lowered, normal, sqnr_db
from torch import Tensor, nn
from torch._higher_order_ops.scan import scan

from smidgen.compression import FloatProgram, import_model
from smidgen.errors import StreamingError, UnsupportedError
from smidgen.passes import CausalGraph, fold

X = normal(24, 8, 4)
FLOOR_DB = {"float32": 120.0, "int8": 33.0}


class Scanned(nn.Module):
    """A leaky unit by scan, over time in the place that `dim` says."""

    def __init__(self, *, reverse: bool = False, dim: int = 1) -> None:
        super().__init__()
        self.decay = nn.Parameter(torch.linspace(0.2, 0.9, 6))
        self.into, self.out = nn.Linear(4, 6), nn.Linear(6, 3)
        self.reverse, self.dim = reverse, dim

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        def step(h: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
            h = self.decay * h + self.into(frame)
            return h, torch.tanh(h)

        frames = x if self.dim else x.transpose(0, 1)
        last, states = scan(step, torch.zeros(x.shape[0], 6), frames, dim=self.dim, reverse=self.reverse)
        return self.out(states if self.dim else states.transpose(0, 1)), last


class TwoStates(nn.Module):
    """A cell of torch beside a count; frames and results in dictionaries, one of them read by nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRUCell(4, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        def step(states: tuple[Tensor, Tensor], given: dict[str, Tensor]) -> tuple[tuple[Tensor, Tensor], dict]:
            h, count = states
            h = self.cell(given["x"], h)
            return (h, count + 0.25), {"h": h * given["gate"], "unused": 2.0 * h}

        first = (torch.zeros(x.shape[0], 6), torch.zeros(x.shape[0], 1))
        (_, count), given = scan(step, first, {"x": x, "gate": torch.sigmoid(x[..., :1])}, dim=1)
        return self.out(given["h"]) + count.unsqueeze(1)


MODELS = {
    "forward": lambda: Scanned(),
    "time first": lambda: Scanned(dim=0),
    "backward": lambda: Scanned(reverse=True),
    "backward, time first": lambda: Scanned(reverse=True, dim=0),
    "two states": TwoStates,
}


@cache
def built(name: str) -> nn.Module:
    """Return a model with the same weights every time."""
    torch.manual_seed(0)
    return MODELS[name]().eval()


@cache
def program_of(name: str) -> FloatProgram:
    """Return a model as it is captured."""
    return import_model(built(name), X)


def exact(name: str) -> list[NDArray[np.float64]]:
    """Return what the module itself computes."""
    with torch.no_grad():
        results = built(name)(X)
    return [value.double().numpy() for value in (results if isinstance(results, tuple) else (results,))]


@pytest.mark.parametrize("recipe", FLOOR_DB)
@pytest.mark.parametrize("name", MODELS)
def test_a_scan_is_a_loop(name: str, recipe: str) -> None:
    """One loop, nothing turned round; C equals the reference, which follows the module."""
    found = lowered(program_of(name), (X,), recipe=recipe)
    kinds = [op.kind for op in fold(found.graph).ops]
    assert kinds.count("loop") == 1
    assert "strided_slice" not in kinds
    assert found.host_mismatches((X,)) == 0
    for integers, real in zip(found.integers((X,)), exact(name), strict=True):
        assert sqnr_db(integers, real) >= FLOOR_DB[recipe]


@pytest.mark.parametrize("name", ["forward", "time first"])
def test_scans_stream(name: str) -> None:
    """A scan along time is a step of a stream, a backward one looks ahead."""
    stream = CausalGraph(lowered(program_of(name), (X,)).graph, {"x": 0})
    assert "loop" in {op.kind for op in stream.step.ops}
    backward = lowered(program_of(f"backward{', time first' if name != 'forward' else ''}"), (X,)).graph
    with pytest.raises(StreamingError, match="runs from the last step to the first"):
        CausalGraph(backward, {"x": 0})


def test_a_state_of_whole_numbers_is_refused() -> None:
    """With the user's line and what a state must be."""

    class Counted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            def step(count: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
                return count + 1, frame * count

            return scan(step, torch.zeros(x.shape[0], 1, dtype=torch.int64), x, dim=1)[1]

    with pytest.raises(UnsupportedError, match=r"it carries torch.int64 .* a state is a tensor of real numbers"):
        import_model(Counted(), X)
