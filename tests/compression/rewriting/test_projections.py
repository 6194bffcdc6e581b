"""A linear layer that is used in parts becomes one layer for each; keys are not copied for heads that share them."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from small_models import nodes_behind, normal
from torch import Tensor, fx, nn
from torch.nn import functional as F

from smidgen.compression import FloatProgram, import_model

T = 6
X = normal(3, T, 8)
Use = Callable[["Uses", Tensor], Tensor]


class Uses(nn.Module):
    """Uses of one layer as the outputs of one model."""

    def __init__(self, uses: dict[str, Use]) -> None:
        super().__init__()
        self.uses = uses
        self.layer = nn.ModuleList(nn.Linear(8, 24, bias=i % 2 == 0) for i in range(len(uses)))
        self.small = nn.ModuleList(nn.Linear(8, 4) for _ in range(len(uses)))
        self.index = 0

    def qkv(self, x: Tensor) -> Tensor:
        """Return what this use's own layer gives."""
        return self.layer[self.index](x)

    def shared(self, x: Tensor) -> Tensor:
        """Return keys of two heads (b, 2, T, 2)."""
        return self.small[self.index](x).view(-1, T, 2, 2).transpose(1, 2)

    def queries(self, x: Tensor) -> Tensor:
        """Return queries of four heads (b, 4, T, 2)."""
        return x.view(-1, T, 4, 2).transpose(1, 2)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        results = []
        for index, use in enumerate(self.uses.values()):
            self.index = index
            results.append(use(self, x))
        return tuple(results)


def gated(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Something that computes with three parts."""
    return torch.sigmoid(a) * b + c


#: Each with the layers that it becomes.
PARTED: dict[str, tuple[Use, int]] = {
    "parts, heads, width": (lambda m, x: gated(*m.qkv(x).view(-1, T, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)), 3),
    "heads, parts, width": (lambda m, x: gated(*m.qkv(x).view(-1, T, 2, 3, 4).permute(3, 0, 2, 1, 4)), 3),
    "heads, width of all": (lambda m, x: gated(*m.qkv(x).view(-1, T, 2, 12).transpose(1, 2).chunk(3, dim=-1)), 3),
    "width before heads": (lambda m, x: gated(*m.qkv(x).view(-1, T, 4, 3, 2).permute(3, 0, 4, 1, 2)), 3),
    "time first": (
        lambda m, x: gated(*m.qkv(x.transpose(0, 1)).unflatten(-1, (3, 8)).unsqueeze(0).transpose(0, -2).squeeze(-2)), 3
    ),
    "heads in the batch": (
        lambda m, x: gated(*(z.reshape(-1, T, 4) for z in m.qkv(x).view(-1, T, 3, 2, 4).permute(2, 0, 3, 1, 4))), 3
    ),
    "slices of the width": (lambda m, x: (h := m.qkv(x))[..., :10] * h[..., 14:].tanh(), 2),
    "rows in the batch": (lambda m, x: gated(*m.qkv(x.reshape(-1, 8)).view(-1, T, 3, 8).unbind(2)), 3),
}  # fmt: skip
WHOLE: dict[str, Use] = {
    "used whole besides": lambda m, x: (h := m.qkv(x)).mean(-1, keepdim=True) + h[..., :8],
    "parts that overlap": lambda m, x: (h := m.qkv(x))[..., :16].sigmoid() * h[..., 8:],
    "steps apart": lambda m, x: (h := m.qkv(x))[:, :3].sigmoid() * h[:, 3:],
    "split at once": lambda m, x: gated(*m.qkv(x).chunk(3, dim=-1)),
}
COPIED: dict[str, Use] = {
    "expand": lambda m, x: attend(
        m.queries(x), *[m.shared(x)[:, :, None].expand(-1, 2, 2, T, 2).reshape(-1, 4, T, 2)] * 2
    ),
    "repeat_interleave": lambda m, x: attend(m.queries(x), *[m.shared(x).repeat_interleave(2, dim=1)] * 2),
    "copied before the transpose": lambda m, x: attend(
        m.queries(x),
        *[m.small[m.index](x).view(-1, T, 2, 1, 2).repeat(1, 1, 1, 2, 1).view(-1, T, 4, 2).transpose(1, 2)] * 2,
    ),
    "one head for all": lambda m, x: attend(
        x.view(-1, T, 2, 4).transpose(1, 2), *[m.small[m.index](x)[:, None].expand(-1, 2, -1, -1)] * 2
    ),
}  # fmt: skip
NOT_COPIED: dict[str, Use] = {
    "heads in turn": lambda m, x: attend(m.queries(x), *[m.shared(x).repeat(1, 2, 1, 1)] * 2),
    "no copies": lambda m, x: attend(m.queries(x)[:, :2], m.shared(x), m.shared(x)),
    "keys alone": lambda m, x: attend(m.queries(x), m.shared(x).repeat_interleave(2, dim=1), m.queries(x)),
}
USES = {**{name: use for name, (use, _) in PARTED.items()}, **WHOLE, **COPIED, **NOT_COPIED}


def attend(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """Return causal attention."""
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


def model() -> Uses:
    """Return all uses, with the same weights every time."""
    torch.manual_seed(0)
    return Uses(USES).eval()


@cache
def program() -> FloatProgram:
    """Return the model, exported once."""
    return import_model(model(), X)


def made_of(name: str) -> list[fx.Node]:
    """Return what is computed for a use."""
    return nodes_behind(program(), list(USES).index(name))


def layers(name: str) -> list[fx.Node]:
    """Return the linear layers of a use."""
    return [node for node in made_of(name) if node.target is torch.ops.aten.linear.default]


@pytest.mark.parametrize("name", PARTED)
def test_a_layer_used_in_parts_becomes_a_layer_for_each(name: str) -> None:
    """As many layers as uses, of as many columns in all, with the module and line of the one."""
    found = layers(name)
    assert len(found) == PARTED[name][1]
    assert sum(node.meta["val"].shape[-1] for node in found) <= 24
    assert all("test_projections.py" in node.meta["stack_trace"] for node in found)


@pytest.mark.parametrize("name", WHOLE)
def test_a_layer_used_otherwise_stays(name: str) -> None:
    """Used whole, in parts that overlap or at other steps; and one that is split at once, which needs nothing."""
    assert [node.meta["val"].shape[-1] for node in layers(name)] == [24]


@pytest.mark.parametrize("name", [*COPIED, *NOT_COPIED])
def test_copies_for_heads_that_share_keys_are_not_made(name: str) -> None:
    """Attention reads what was copied, where heads in a row share both keys and values."""
    (node,) = (node for node in made_of(name) if node.target is torch.ops.aten.scaled_dot_product_attention.default)
    assert node.kwargs.get("enable_gqa", False) == (name in COPIED)
    if name in COPIED:
        q, k, v = (x.meta["val"].shape[1] for x in node.args[:3])
        assert q > k == v


def test_results_stay() -> None:
    """Every output is within 1e-6 of PyTorch's, for every sample of a batch."""
    with torch.no_grad():
        exact, found = model()(X), program().run((X,))
    for name, expected, actual in zip(USES, exact, found, strict=True):
        if name == "time first":  # programs give samples first
            expected = expected.transpose(0, 1)
        if name == "heads in the batch":
            expected = expected.unflatten(0, (3, 2))
        torch.testing.assert_close(
            actual, expected, rtol=1e-6, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
        )
