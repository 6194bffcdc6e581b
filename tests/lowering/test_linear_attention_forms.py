"""Retention and running sums of outer products follow PyTorch in every arithmetic, and stream."""

from functools import cache

import pytest
import torch
from causal_graphs import assert_steps_equal_windows
from small_models import Lowered, lowered, normal, sqnr_db
from torch import Tensor, nn

from smidgen.compression import import_model
from smidgen.passes import CausalGraph, fold

T = 12
X = normal(64, T, 8)


class Recurrent(nn.Module):
    """Multi-head retention with a decay a head, then linear attention by running sums."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.inner = nn.Linear(8, 24, bias=False), nn.Linear(8, 12)
        step = torch.arange(T)
        distance = step[:, None] - step
        gamma = torch.tensor([0.9, 0.97])
        self.register_buffer("decay", torch.where(distance >= 0, gamma[:, None, None] ** distance.clamp(min=0), 0.0))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, 2, 4)).permute(2, 0, 3, 1, 4)
        y = ((q @ k.transpose(-1, -2) * 0.5) * self.decay @ v).transpose(1, 2).flatten(2)
        q, k, v = self.inner(y).chunk(3, dim=-1)
        return torch.einsum("bsd,bsde->bse", q, torch.einsum("bsd,bse->bsde", k, v).cumsum(1)) / T


@cache
def rungs(recipe: str) -> Lowered:
    """Return the model on every rung."""
    torch.manual_seed(0)
    program = import_model(Recurrent().eval(), X) if recipe == "float32" else rungs("float32").program
    return lowered(program, (X,), recipe)


@pytest.mark.parametrize(("recipe", "floor_db"), [("float32", 120.0), ("int16", 40.0), ("int8", 33.0)])
def test_integers_follow_pytorch(recipe: str, floor_db: float) -> None:
    """Two recurrences, no product of scores; int8 weights limit what 16 bits can reach."""
    torch.manual_seed(0)
    with torch.no_grad():
        exact = Recurrent().eval()(X).double().numpy()
    kinds = [op.kind for op in fold(rungs(recipe).graph).ops]
    assert kinds.count("linear_attention") == 2
    assert not {"matmul", "transpose"} & set(kinds)
    assert sqnr_db(rungs(recipe).integers((X,))[0], exact) >= floor_db


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_steps_equal_windows(recipe: str) -> None:
    """At every length up to three windows; without decay the bound of the state ends the recording, far beyond."""
    graph = CausalGraph(rungs(recipe).graph, {"x": 0})
    assert graph.frame_limit is None or graph.frame_limit >= T
    assert_steps_equal_windows(graph, range(1, 3 * T, 5))
