"""Selective scans as people write them, in loops over time, become the operator; another recurrence does not."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from small_models import lowered, normal, sqnr_db
from torch import Tensor, nn

from smidgen.compression import FloatProgram, import_model
from smidgen.passes import CausalGraph

X = normal(16, 8, 5)
SCAN = torch.ops.smidgen.selective_scan.default

Spelling = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]  # u, delta, A, B, C, D


def precomputed(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Decays and drives for all steps in front of the loop, as in minimal teaching versions."""
    decay = torch.exp(torch.einsum("bld,dn->bldn", delta, A))
    drive = torch.einsum("bld,bln,bld->bldn", delta, B, u)
    h, steps = torch.zeros(u.shape[0], u.shape[2], A.shape[1]), []
    for t in range(u.shape[1]):
        h = decay[:, t] * h + drive[:, t]
        steps.append(torch.einsum("bdn,bn->bd", h, C[:, t, :]))
    return torch.stack(steps, dim=1) + u * D


def within(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Everything within the loop, the skip too."""
    h, steps = torch.zeros(u.shape[0], u.shape[2], A.shape[1]), []
    for t in range(u.shape[1]):
        step = delta[:, t].unsqueeze(-1)
        h = torch.exp(step * A) * h + step * B[:, t].unsqueeze(1) * u[:, t].unsqueeze(-1)
        steps.append((h @ C[:, t].unsqueeze(-1)).squeeze(-1) + D * u[:, t])
    return torch.stack(steps, 1)


def states_first(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """All states stacked, then met by C; inputs weighed by delta in front."""
    decay = torch.exp(delta.unsqueeze(-1) * A)
    drive = (delta * u).unsqueeze(-1) * B.unsqueeze(2)
    h, states = torch.zeros(u.size(0), *A.shape), []
    for t in range(u.size(1)):
        h = decay[:, t] * h + drive[:, t]
        states.append(h)
    y = (torch.stack(states, dim=1) @ C.unsqueeze(-1)).squeeze(3)
    return y + D * u


def backward(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """From the last step to the first."""
    decay, drive = torch.exp(delta.unsqueeze(-1) * A), (delta * u).unsqueeze(-1) * B.unsqueeze(2)
    h, steps = torch.zeros(u.size(0), *A.shape), []
    for t in reversed(range(u.size(1))):
        h = decay[:, t] * h + drive[:, t]
        steps.insert(0, (h * C[:, t].unsqueeze(1)).sum(-1))
    return torch.stack(steps, 1)


def held(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """Inputs held between steps (zero-order hold), for which the operator has no form."""
    decay = torch.exp(delta.unsqueeze(-1) * A)
    drive = (decay - 1.0) / A * B.unsqueeze(2) * u.unsqueeze(-1)
    h, steps = torch.zeros(u.size(0), *A.shape), []
    for t in range(u.size(1)):
        h = decay[:, t] * h + drive[:, t]
        steps.append((h * C[:, t].unsqueeze(1)).sum(-1))
    return torch.stack(steps, 1)


def watched(u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor) -> Tensor:
    """The last state is read too."""
    decay, drive = torch.exp(delta.unsqueeze(-1) * A), (delta * u).unsqueeze(-1) * B.unsqueeze(2)
    h, steps = torch.zeros(u.size(0), *A.shape), []
    for t in range(u.size(1)):
        h = decay[:, t] * h + drive[:, t]
        steps.append((h * C[:, t].unsqueeze(1)).sum(-1))
    return torch.stack(steps, 1) + h.mean(-1).unsqueeze(1)


SPELLINGS = {function.__name__: function for function in (precomputed, within, states_first, backward)}
OTHERS = {function.__name__: function for function in (held, watched)}


class Mixer(nn.Module):
    """A selective scan over 6 channels of 3 states in a given spelling."""

    def __init__(self, spelling: Spelling) -> None:
        super().__init__()
        self.spelling = spelling
        self.u, self.delta, self.B, self.C = (nn.Linear(5, width) for width in (6, 6, 3, 3))
        self.rates = nn.Parameter(torch.linspace(0.0, 1.0, 18).reshape(6, 3))
        self.D = nn.Parameter(torch.linspace(-1.0, 1.0, 6))

    def forward(self, x: Tensor) -> Tensor:
        u, delta = F.silu(self.u(x)), F.softplus(self.delta(x))
        return self.spelling(u, delta, -torch.exp(self.rates), self.B(x), self.C(x), self.D)


@cache
def built(name: str) -> Mixer:
    """Return a mixer with the same weights every time."""
    torch.manual_seed(0)
    return Mixer({**SPELLINGS, **OTHERS}[name]).eval()


@cache
def program_of(name: str) -> FloatProgram:
    """Return a mixer as it is captured."""
    return import_model(built(name), X)


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_spelling_becomes_the_operator(name: str) -> None:
    """One scan, no loop, no tensor of states for all steps; values are PyTorch's within 1e-5."""
    program = program_of(name)
    assert [node.target for node in program.nodes].count(SCAN) == 1
    assert not program.bodies
    computed = [
        node.meta["val"] for node in program.nodes if node.name not in program.constants and node.op != "output"
    ]
    assert max(value.dim() for value in computed if isinstance(value, Tensor)) == 3
    with torch.no_grad():
        torch.testing.assert_close(program.run((X,))[0], built(name)(X), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OTHERS)
def test_other_recurrences_stay_loops(name: str) -> None:
    """A discretisation without a form, and a state that is read besides, compile as loops."""
    assert SCAN not in [node.target for node in program_of(name).nodes]
    assert len(program_of(name).bodies) == 1
    found = lowered(program_of(name), (X,))
    with torch.no_grad():
        exact = built(name)(X).double().numpy()
    assert found.host_mismatches((X,)) == 0
    assert sqnr_db(found.integers((X,))[0], exact) >= 33.0


@pytest.mark.parametrize("recipe", ["float32", "int8"])
def test_spellings_give_the_same_firmware(recipe: str) -> None:
    """One spelling gives what the others give, but for the last steps of integers, and they stream."""
    graphs = [lowered(program_of(name), (X,), recipe=recipe) for name in ("precomputed", "within", "states_first")]
    first, *others = [found.integers((X,))[0] for found in graphs]
    for other in others:
        assert sqnr_db(other, first) >= 60.0
    assert "selective_scan" in {op.kind for op in CausalGraph(graphs[0].graph, {"x": 0}).step.ops}
