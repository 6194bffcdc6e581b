"""Attention that modules spell out becomes one operator, with the results that it had."""

import math
from collections.abc import Callable
from functools import cache

import pytest
import torch
from small_models import normal
from torch import Tensor, fx, nn
from torch.nn import functional as F

from smidgen.compression import FloatProgram, import_model

T, S = 6, 5
X, MEMORY = normal(3, T, 8), normal(3, S, 8, seed=1)
KEY = torch.arange(T)
HIDDEN = KEY[:, None] < KEY

Spelling = Callable[["Spelled", Tensor, Tensor], Tensor]


class Spelled(nn.Module):
    """Spellings as the outputs of one model, with the projections, masks and temperatures that some take."""

    def __init__(self, *spellings: Spelling) -> None:
        super().__init__()
        self.spellings = spellings
        self.q, self.k, self.v, self.out = (nn.Linear(8, 8) for _ in range(4))
        self.qkv, self.narrow = nn.Linear(8, 24), nn.Linear(8, 4)
        self.register_buffer("tril", torch.tril(torch.ones(1, 1, 10, 10)))
        self.register_buffer("scale", torch.tensor(0.35))
        self.bias = nn.Parameter(normal(2, T, T, seed=2))
        self.temperature = nn.Parameter(torch.tensor([0.5, 2.0]).view(2, 1, 1))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.time_first = nn.MultiheadAttention(8, 2)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True), 1)

    def heads(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(b, T, 8) to q, k, v (b, 2, T, 4)."""
        q, k, v = (f(x).view(x.shape[0], x.shape[1], 2, 4).transpose(1, 2) for f in (self.q, self.k, self.v))
        return q, k, v

    def rows(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(b, T, 8) to q, k, v (b * 2, T, 4)."""
        q, k, v = (z.reshape(-1, x.shape[1], 4) for z in self.heads(x))
        return q, k, v

    def forward(self, x: Tensor, memory: Tensor) -> tuple[Tensor, ...]:
        return tuple(spelling(self, x, memory) for spelling in self.spellings)


def gpt(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """As in minGPT."""
    B, T, C = x.size()
    q, k, v = (z.view(B, T, 2, C // 2).transpose(1, 2) for z in m.qkv(x).split(C, dim=2))
    att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
    att = att.masked_fill(m.tril[:, :, :T, :T] == 0, float("-inf"))
    att = F.dropout(F.softmax(att, dim=-1), 0.1, training=m.training)
    return (att @ v).transpose(1, 2).contiguous().view(B, T, C)


def timm(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """As in timm's vision transformer, scaled before the product."""
    B, N, C = x.shape
    q, k, v = m.qkv(x).reshape(B, N, 3, 2, C // 2).permute(2, 0, 3, 1, 4).unbind(0)
    attn = (q * m.scale) @ k.transpose(-2, -1)
    return (attn.softmax(dim=-1) @ v).transpose(1, 2).reshape(B, N, C)


def bart(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """As in BART: bmm of merged heads, the mask added with heads apart."""
    B = x.shape[0]
    q, k, v = m.rows(x)
    weights = torch.bmm(q * 0.5, k.transpose(1, 2))
    weights = weights.view(B, 2, T, T) + m.bias.unsqueeze(0)
    weights = F.softmax(weights.view(B * 2, T, T), dim=-1)
    return torch.bmm(weights, v).view(B, 2, T, 4).transpose(1, 2).reshape(B, T, 8)


def lucidrains(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """As in x-transformers: einsum with an ellipsis, the largest negative number, the row's maximum taken off."""
    q, k, v = m.heads(x)
    sim = torch.einsum("... i d, ... j d -> ... i j", q * 4**-0.5, k)
    sim = sim.masked_fill(HIDDEN, -torch.finfo(sim.dtype).max)
    sim = sim - sim.amax(dim=-1, keepdim=True).detach()
    return torch.einsum("... i j, ... j d -> ... i d", sim.softmax(dim=-1), v)


def keys_first(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """Keys before queries in an einsum over (b, t, h, w)."""
    q, k, v = (z.transpose(1, 2) for z in m.heads(x))
    weights = torch.softmax(torch.einsum("bshd,bthd->bhts", k, q) / 2.0, -1)
    return torch.einsum("bshd,bhts->bthd", v, weights).flatten(2)


def multi_query(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """One key and value for all heads (Shazeer 2019)."""
    q = m.q(x).view(-1, T, 2, 4).transpose(1, 2)
    k = v = m.narrow(x)
    weights = torch.einsum("bhnd,bsd->bhns", q, k).mul(0.5).softmax(-1)
    return torch.einsum("bhns,bsd->bnhd", weights, v).reshape(-1, T, 8)


def grouped(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """Groups of heads that share keys, as axes of their own."""
    q = m.q(x).view(-1, T, 2, 2, 2).permute(0, 2, 3, 1, 4)  # (b, groups, heads, T, w)
    k = v = m.narrow(x).view(-1, T, 2, 2).transpose(1, 2)
    weights = torch.einsum("b g h n d, b g s d -> b g h n s", q, k).softmax(-1)
    return torch.einsum("b g h n s, b g s d -> b g h n d", weights, v)


def cosine(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """A temperature a head, as in Swin v2."""
    q, k, v = m.heads(x)
    return ((torch.matmul(q, k.transpose(-1, -2)) * m.temperature + m.bias).softmax(-1)) @ v


def cross(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """One head over a memory of another length."""
    scores = torch.matmul(m.q(x), m.k(memory).transpose(1, 2)) / math.sqrt(8)
    return torch.matmul(torch.softmax(scores, dim=2), m.v(memory))


def where(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """Hidden by where, the scale inside the projection of heads."""
    q, k, v = (z.transpose(1, 2) for z in m.heads(x))
    q = (m.q(x) * 0.25).view(-1, T, 2, 4).permute(0, 2, 1, 3)
    scores = q @ k.permute(0, 2, 3, 1) * 2.0
    scores = torch.where(HIDDEN, torch.tensor(-1e9), scores)
    return scores.softmax(-1) @ v.transpose(1, 2)


def additive(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """BERT's (1 - mask) * -10000, and a learned bias taken away."""
    q, k, v = m.heads(x)
    mask = (1.0 - m.tril[:, :, :T, :T]) * -10000.0
    scores = q @ k.transpose(-1, -2) / 2 + mask - m.bias
    return F.softmax(scores + 3.0, dim=-1) @ v


def weights_unused(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """nn.MultiheadAttention called the short way."""
    return m.attention(x, x, x)[0]


def weights_unused_and_masked(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """baddbmm inside torch, a boolean mask, time first."""
    x = x.transpose(0, 1)
    return m.time_first(x, x, x, attn_mask=HIDDEN, average_attn_weights=False)[0].transpose(0, 1)


def decoder(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """nn.TransformerDecoder, its mask made on the way: its own attention causal, then over the memory."""
    return m.decoder(x, memory, tgt_mask=nn.Transformer.generate_square_subsequent_mask(T))


SPELLINGS: dict[str, Spelling] = {
    function.__name__: function
    for function in (
        gpt, timm, bart, lucidrains, keys_first, multi_query, grouped, cosine, cross, where, additive, weights_unused,
        weights_unused_and_masked, decoder,
    )
}  # fmt: skip


def ancestors(program: FloatProgram, output: str) -> list[fx.Node]:
    """Return what is computed for an output, without constants."""
    nodes = {node.name: node for node in program.nodes}
    found, todo = {}, [nodes[output]]
    while todo:
        node = todo.pop()
        if node.name in nodes and node.name not in found and node.name not in program.constants:
            found[node.name] = node
            todo += node.all_input_nodes
    return list(found.values())


def imported(*spellings: Spelling) -> tuple[FloatProgram, list[list[str]]]:
    """Return a model of several spellings, and the operators that each computes."""
    torch.manual_seed(0)
    program = import_model(Spelled(*spellings).eval(), (X, MEMORY))
    kinds = [[str(node.target) for node in ancestors(program, output)] for output in program.output_names]
    return program, kinds


def products(kinds: list[str]) -> list[str]:
    """Return the operators that attention was spelled with."""
    return [kind for kind in kinds if any(word in kind for word in ("softmax", "matmul", "bmm", "einsum"))]


@cache
def fused() -> tuple[FloatProgram, list[list[str]]]:
    """Return all spellings; exported once."""
    return imported(*SPELLINGS.values())


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_spelling_becomes_one_operator(name: str) -> None:
    """No softmax and no product of computed operands is left."""
    kinds = dict(zip(SPELLINGS, fused()[1], strict=True))[name]
    assert products(kinds) == []
    assert kinds.count("aten.scaled_dot_product_attention.default") == (2 if name == "decoder" else 1)


def test_results_stay() -> None:
    """Every output is within 1e-6 of PyTorch's, for every sample of a batch."""
    torch.manual_seed(0)
    model = Spelled(*SPELLINGS.values()).eval()
    with torch.no_grad():
        exact, found = model(X, MEMORY), fused()[0].run((X, MEMORY))
    for name, expected, actual in zip(SPELLINGS, exact, found, strict=True):
        torch.testing.assert_close(
            actual, expected, rtol=1e-6, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
        )


def returned(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """The weights are used besides."""
    q, k, v = m.heads(x)
    weights = (q @ k.transpose(-1, -2)).softmax(-1)
    return (weights @ v) + weights.sum(-1, keepdim=True)


def over_queries(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """The softmax runs over queries."""
    q, k, v = m.heads(x)
    return (q @ k.transpose(-1, -2)).softmax(-2) @ v


def transposed(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """The sum runs over queries."""
    q, k, v = m.heads(x)
    return (q @ k.transpose(-1, -2)).softmax(-1).transpose(-1, -2) @ v


def computed_mask(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """What is hidden depends on the input."""
    q, k, v = m.heads(x)
    return (q @ k.transpose(-1, -2)).masked_fill(x[:, None, None, :, 0] > 0.0, -1e9).softmax(-1) @ v


def weak_mask(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
    """A score is replaced by a number that does not hide it."""
    q, k, v = m.heads(x)
    return (q @ k.transpose(-1, -2)).masked_fill(HIDDEN, -1.0).softmax(-1) @ v


def test_what_is_not_attention_stays() -> None:
    """Weights that are used, other axes, masks that an input decides or that do not hide: as they were."""
    _, kinds = imported(returned, over_queries, transposed, computed_mask, weak_mask)
    assert all(len(products(found)) >= 3 for found in kinds)
    assert not any("aten.scaled_dot_product_attention.default" in found for found in kinds)


@pytest.mark.parametrize(
    "spelling",
    [
        lambda m, x, memory: F.scaled_dot_product_attention(x, x, x, attn_mask=(x[:, None, :, 0] > 0.0)),
        lambda m, x, memory: m.attention(x, x, x, key_padding_mask=(x[..., 0] > 0.0), need_weights=False)[0],
        lambda m, x, memory: m.attention(x, x, x, key_padding_mask=(x[..., 0] > 0.0))[0],
        lambda m, x, memory: m.attention(
            x, x, x, attn_mask=torch.ones(T, T).triu(1).bool(), key_padding_mask=(x[..., 0] > 2.5), need_weights=False
        )[0],
        lambda m, x, memory: (
            (x @ x.mT + (1.0 - (x[..., 0] > 0.0).float())[:, None] * -10000.0).softmax(-1) @ x
        ),
    ],
    ids=["mask", "padding", "padding, with weights", "padding and causal", "added"],
)  # fmt: skip
def test_a_mask_that_an_input_decides_is_an_operand_of_the_softmax(spelling: Spelling) -> None:
    """No score is minus infinity, nor a large negative number: the softmax is told what counts."""
    _, (kinds,) = imported(spelling)
    assert "masked_softmax" in " ".join(kinds)
    assert "scaled_dot_product_attention" not in " ".join(kinds)


def test_what_only_looks_like_a_mask_stays() -> None:
    """A bias that falls with a distance which an input decides is added, however steeply it falls."""

    def near(m: Spelled, x: Tensor, memory: Tensor) -> Tensor:
        distance = (x[:, None, :, 0] - x[:, :, None, 0]).abs()
        return (x @ x.mT - 1e4 * distance).softmax(-1)

    _, (kinds,) = imported(near)
    assert "masked_softmax" not in " ".join(kinds)
