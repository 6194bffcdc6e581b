"""Causal attention without a softmax, as published code spells it, becomes a recurrence with the same results."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from small_models import nodes_behind, normal
from torch import Tensor, fx, nn
from torch.nn import functional as F

from smidgen.compression import FloatProgram, import_model
from smidgen.models.linear_attention import linear_attention

T, HEADS, WIDTH = 6, 2, 4
X = normal(3, T, HEADS * WIDTH)
STEP = torch.arange(T)
DISTANCE = STEP[:, None] - STEP

Spelling = Callable[["Spelled", Tensor], Tensor]


class Spelled(nn.Module):
    """Spellings as the outputs of one model."""

    def __init__(self, spellings: dict[str, Spelling]) -> None:
        super().__init__()
        self.spellings = spellings
        self.q, self.k, self.v = (nn.Linear(HEADS * WIDTH, HEADS * WIDTH) for _ in range(3))
        gamma = 1.0 - 2.0 ** (-5.0 - torch.arange(HEADS))
        decay = torch.where(DISTANCE >= 0, gamma[:, None, None] ** DISTANCE.clamp(min=0), 0.0)
        self.register_buffer("decay", decay)
        self.register_buffer("normed", decay / decay.sum(dim=-1, keepdim=True).sqrt())
        self.register_buffer("mask", torch.tril(torch.ones(T, T)))

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(b, T, 8) to q, k, v (b, T, 2, 4), the first two positive."""
        q, k, v = (f(x).unflatten(-1, (HEADS, WIDTH)) for f in (self.q, self.k, self.v))
        return F.softplus(q), F.softplus(k), v

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(spelling(self, x) for spelling in self.spellings.values())


def by_heads(m: Spelled, x: Tensor) -> tuple[Tensor, ...]:
    """q, k, v (b, 2, T, 4)."""
    return tuple(z.transpose(1, 2) for z in m.heads(x))


def retention(m: Spelled, x: Tensor) -> Tensor:
    """As in the paper's parallel form, a decay a head."""
    q, k, v = by_heads(m, x)
    return ((q @ k.transpose(-1, -2)) * WIDTH**-0.5 * m.decay) @ v


def retention_normed(m: Spelled, x: Tensor) -> Tensor:
    """With rows of the decay brought to one size."""
    q, k, v = by_heads(m, x)
    return torch.einsum("bhts,bhse->bthe", torch.einsum("bhtd,bhsd->bhts", q, k) * m.normed[None], v)


def single_head(m: Spelled, x: Tensor) -> Tensor:
    """bmm over (b, T, w), one decay."""
    return torch.bmm(torch.bmm(m.q(x), m.k(x).transpose(1, 2)) * m.decay[0], m.v(x))


def triangle(m: Spelled, x: Tensor) -> Tensor:
    """tril of the scores themselves."""
    q, k, v = by_heads(m, x)
    return torch.tril(q @ k.mT) @ v


def filled(m: Spelled, x: Tensor) -> Tensor:
    """What is ahead is filled with 0."""
    q, k, v = by_heads(m, x)
    return (q @ k.mT).masked_fill(m.mask == 0, 0.0) @ v


def chosen(m: Spelled, x: Tensor) -> Tensor:
    """What is ahead is replaced by 0, on scores that are divided."""
    q, k, v = by_heads(m, x)
    return torch.where(DISTANCE >= 0, (q @ k.mT) / 2.0, 0.0) @ v


def running(m: Spelled, x: Tensor) -> Tensor:
    """As in the authors' code: running sums of outer products, with the normaliser as a third operand."""
    q, k, v = m.heads(x)
    kv = torch.einsum("nshd,nshm->nshdm", k, v).cumsum(dim=1)
    z = 1 / (torch.einsum("nlhd,nlhd->nlh", q, k.cumsum(1)) + 1e-6)
    return torch.einsum("nlhd,nlhdm,nlh->nlhm", q, kv, z)


def running_values_first(m: Spelled, x: Tensor) -> Tensor:
    """Heads in front, the value's axis before the key's."""
    q, k, v = by_heads(m, x)
    kv = torch.cumsum(torch.einsum("bhse,bhsd->bhsed", v, k), dim=2)
    return torch.einsum("bhsed,bhsd->bhse", kv, q)


def running_products(m: Spelled, x: Tensor) -> Tensor:
    """Products of axes of size one, summed."""
    q, k, v = by_heads(m, x)
    kv = (k.unsqueeze(-1) * v.unsqueeze(-2)).cumsum(-3)
    return (q.unsqueeze(-1) * kv).sum(dim=-2)


def running_matmul(m: Spelled, x: Tensor) -> Tensor:
    """Matrix products with one row."""
    q, k, v = by_heads(m, x)
    kv = torch.matmul(k[..., None], v[..., None, :]).cumsum(2)
    return torch.matmul(q[..., None, :], kv).squeeze(-2)


SPELLINGS: dict[str, Spelling] = {
    function.__name__: function
    for function in (
        retention, retention_normed, single_head, triangle, filled, chosen, running, running_values_first,
        running_products, running_matmul,
    )
}  # fmt: skip
OTHERS: dict[str, Spelling] = {
    "no mask": lambda m, x: m.q(x) @ m.k(x).mT @ m.v(x),
    "a window": lambda m, x: (m.q(x) @ m.k(x).mT * ((DISTANCE >= 0) & (DISTANCE < 3))) @ m.v(x),
    "ahead too": lambda m, x: (m.q(x) @ m.k(x).mT * 0.9 ** DISTANCE.abs()) @ m.v(x),
    "weights used": lambda m, x: (w := torch.tril(m.q(x) @ m.k(x).mT)) @ m.v(x) + w.sum(-1, keepdim=True),
    "sums used": lambda m, x: (s := (m.k(x)[..., None] * m.v(x)[..., None, :]).cumsum(1)).sum(-1) + s[:, :, 0],
    "sums of a product": lambda m, x: (m.k(x) * m.v(x)).cumsum(1) * m.q(x),
}
ALL = {**SPELLINGS, **OTHERS}


def model() -> Spelled:
    """Return all of them, with the same weights every time."""
    torch.manual_seed(0)
    return Spelled(ALL).eval()


@cache
def program() -> FloatProgram:
    """Return the model, exported once."""
    return import_model(model(), X)


def made_of(name: str) -> list[fx.Node]:
    """Return what is computed for an output."""
    return nodes_behind(program(), list(ALL).index(name))


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_spelling_becomes_a_recurrence(name: str) -> None:
    """No product of matrices is left, only of vectors, nor a running sum of matrices."""
    aten, nodes = torch.ops.aten, made_of(name)
    assert sum(node.target is linear_attention for node in nodes) == 1
    products = [node.meta["val"].shape for node in nodes if node.target in (aten.bmm.default, aten.matmul.default)]
    assert all(shape[-2:] == (1, 1) for shape in products)
    ranks = [node.meta["val"].dim() for node in made_of(name) if node.target is torch.ops.aten.cumsum.default]
    assert all(rank < 5 for rank in ranks)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_recurrence_stays(name: str) -> None:
    """No mask, another mask, results that are used besides: as they were."""
    assert linear_attention not in [node.target for node in made_of(name)]


def test_results_stay() -> None:
    """Every output is within 1e-5 of PyTorch's: sums run in another order."""
    with torch.no_grad():
        exact, found = model()(X), program().run((X,))
    for name, expected, actual in zip(ALL, exact, found, strict=True):
        torch.testing.assert_close(
            actual, expected, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )
