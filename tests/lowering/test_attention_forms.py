"""Every way of calling scaled_dot_product_attention means the same in PyTorch and in every arithmetic."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from small_models import Lowered, lowered, normal, sqnr_db
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.compression import import_model
from smidgen.errors import UnsupportedError
from smidgen.ir import Op
from smidgen.passes import fold

attend = F.scaled_dot_product_attention

T = 6
KEY = torch.arange(T)
DISTANCE = KEY[:, None] - KEY  # of a key behind its query
X = (normal(64, T, 8), normal(64, T, 8, seed=1))
#: Against PyTorch, by recipe.
FLOOR_DB = {"float32": 120.0, "int16": 60.0, "int8-pure": 28.0}


class Calls(nn.Module):
    """Calls of attention on the same two inputs as the outputs of one model."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Parameter(normal(3, 8, seed=2))
        self.table = nn.Embedding.from_pretrained(normal(2 * T - 1, 4, seed=3))
        self.register_buffer("near", ((DISTANCE >= 0) & (DISTANCE < 3)).view(1, 1, T, T))
        self.register_buffer("pairs", normal(4, T, T, seed=4))
        self.register_buffer("one_row_empty", torch.where(KEY[:, None] == 2, -torch.inf, 0.0).expand(T, T))

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return tuple(call(self, x, y) for call in CALLS.values())


def heads(x: Tensor, count: int = 4) -> Tensor:
    """(b, T, 8) to (b, heads, T, 8 / heads)."""
    return x.view(x.shape[0], x.shape[1], count, -1).transpose(1, 2)


def causal(dtype: torch.dtype = torch.float32) -> Tensor:
    """Return the triangular mask as numbers."""
    return torch.full((T, T), float("-inf"), dtype=dtype).triu(1)


def alibi() -> Tensor:
    """Return linear biases (4, T, T), Press et al. 2022, after a causal mask."""
    slopes = 2.0 ** (-2.0 * torch.arange(1, 5))
    return causal() - slopes[:, None, None] * DISTANCE


CALLS: dict[str, Callable[[Calls, Tensor, Tensor], Tensor]] = {
    "no heads": lambda m, x, y: attend(x, y, y),
    "one head": lambda m, x, y: attend(x[:, None], y[:, None], y[:, None], scale=0.2)[:, 0],
    "five axes": lambda m, x, y: attend(*[heads(z).unflatten(1, (2, 2)) for z in (x, y, x)]),
    "wide values": lambda m, x, y: attend(heads(x), heads(y), heads(torch.cat([x, y], -1))),
    "few queries": lambda m, x, y: attend(heads(x[:, -2:]), heads(y), heads(y)),
    "shared keys": lambda m, x, y: attend(heads(x), heads(y)[:, :2], heads(x)[:, 2:], enable_gqa=True, is_causal=True),
    "one key head": lambda m, x, y: attend(heads(x), heads(y)[:, :1], heads(x)[:, :1], enable_gqa=True),
    "learned queries": lambda m, x, y: attend(m.latents.expand(x.shape[0], -1, -1), x, y),
    "learned heads": lambda m, x, y: attend(heads(m.latents.repeat(x.shape[0], 1, 1)), heads(x), heads(y)),
    "causal mask": lambda m, x, y: attend(heads(x), heads(y), heads(y), attn_mask=causal()),
    "boolean mask": lambda m, x, y: attend(heads(x), heads(y), heads(y), attn_mask=m.near[:, :, :T, :T]),
    "mask for every sample": lambda m, x, y: attend(
        heads(x), heads(y), heads(y), attn_mask=m.near.expand(x.shape[0], 4, T, T)
    ),
    "window of both sides": lambda m, x, y: attend(heads(x), heads(y), heads(y), attn_mask=DISTANCE.abs() < 2),
    "last queries": lambda m, x, y: attend(
        heads(x[:, -2:]), heads(y), heads(y), attn_mask=torch.ones(2, T, dtype=torch.bool).tril(T - 2)
    ),
    "ALiBi": lambda m, x, y: attend(heads(x), heads(y), heads(y), attn_mask=alibi()),
    "relative positions": lambda m, x, y: attend(
        heads(x), heads(y), heads(y), attn_mask=m.table(T - 1 - DISTANCE).permute(2, 0, 1).unsqueeze(0)
    ),
    "a bias of every pair": lambda m, x, y: attend(heads(x), heads(y), heads(y), attn_mask=m.pairs),
    "a row without keys": lambda m, x, y: attend(heads(x), heads(y), heads(y), attn_mask=m.one_row_empty),
}  # fmt: skip


@cache
def rungs(recipe: str) -> Lowered:
    """Return all calls on every rung; what is exported once serves all recipes."""
    program = import_model(Calls().eval(), X) if recipe == "float32" else rungs("float32").program
    return lowered(program, X, recipe)


def operators(recipe: str) -> dict[str, Op]:
    """Return the attention operator of every call."""
    graph = rungs(recipe).graph
    return dict(zip(CALLS, (op for op in graph.ops if op.kind == "attention"), strict=True))


@pytest.mark.parametrize("recipe", FLOOR_DB)
def test_every_call_follows_pytorch(recipe: str) -> None:
    """Above the floor of every recipe, call by call."""
    model = Calls().eval()
    with torch.no_grad():
        exact = [value.double().numpy() for value in model(*X)]
    for call, found, real in zip(CALLS, rungs(recipe).integers(X), exact, strict=True):
        assert found.shape == real.shape, call
        assert sqnr_db(found, real) >= FLOOR_DB[recipe], call


@pytest.mark.parametrize("recipe", ["float32", "int16"])
def test_masks_become_spans_and_biases(recipe: str) -> None:
    """What is causal or a window is skipped, what depends on distance is stored by distance."""
    ops = operators(recipe)
    spans = {call: (op.attrs["causal"], op.attrs["window"], op.attrs["offset"]) for call, op in ops.items()}
    biases = {call: op.params["bias"].shape for call, op in ops.items() if op.params}
    assert {call: span for call, span in spans.items() if span != (False, 0, 0)} == {
        "shared keys": (True, 0, 0), "causal mask": (True, 0, 0), "boolean mask": (True, 3, 0),
        "mask for every sample": (True, 3, 0), "window of both sides": (False, 2, 0), "last queries": (True, 0, T - 2),
        "ALiBi": (True, 0, 0),
    }  # fmt: skip
    assert biases == {
        "ALiBi": (4, T), "relative positions": (4, 2 * T - 1), "a bias of every pair": (4, T, T),
        "a row without keys": (1, T, T),
    }  # fmt: skip


def test_heads_that_share_keys_are_not_copied() -> None:
    """Keys and values keep the number of heads that was projected."""
    graph = rungs("int16").graph
    keys = {call: graph[op.inputs[1]].shape for call, op in operators("int16").items()}
    assert (keys["shared keys"], keys["one key head"], keys["causal mask"]) == ((T, 2, 2), (T, 1, 2), (T, 4, 2))


def test_learned_queries_are_constants() -> None:
    """They take flash, in 16 bits, and no memory."""
    graph = rungs("int8-pure").graph
    queries = graph[operators("int8-pure")["learned heads"].inputs[0]]
    assert (queries.shape, queries.dtype, queries.data is not None) == ((3, 4, 2), "int16", True)


def test_a_steep_bias_becomes_a_window_in_integers() -> None:
    """Keys whose weight no score can bring above half a numerator are not visited; the values stay."""

    class Steep(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return attend(x * 0.5, x * 0.5, x, attn_mask=causal() - 10.0 * DISTANCE, scale=0.2)

    x = (X[0].clamp(-1.0, 1.0),)
    (op,) = (op for op in lowered(Steep(), x, "int16").graph.ops if op.kind == "attention")
    assert op.attrs["window"] in (2, 3)
    (found,) = lowered(Steep(), x, "int16").integers(x)
    assert sqnr_db(found, Steep()(*x).double().numpy()) >= 60.0


class Rotated(nn.Module):
    """Rotary positions with the steps before and after the heads, all channels and some, read by attention and not."""

    def __init__(self) -> None:
        super().__init__()
        angles = torch.outer(torch.arange(float(T)), torch.tensor([1.0, 0.3]))
        self.register_buffer("cis", torch.polar(torch.ones_like(angles), angles))
        self.q, self.k = nn.Linear(8, 8), nn.Linear(8, 8)

    def turned(self, x: Tensor) -> Tensor:
        """Turn pairs of (b, T, heads, 4)."""
        return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (2, 2))) * self.cis[:, None]).flatten(-2)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        q, k = (self.turned(f(z).unflatten(-1, (2, 4))).transpose(1, 2) for f, z in ((self.q, x), (self.k, y)))
        v = heads(y, 2)
        cos, sin = self.cis.real.repeat(1, 2), self.cis.imag.repeat(1, 2)
        half = torch.cat([-v[..., 2:], v[..., :2]], dim=-1)
        partly = torch.cat([self.turned(x[:, :, None, :4])[:, :, 0], x[..., 4:]], dim=-1)
        return attend(q, k, v, is_causal=True), v * cos + half * sin, partly


def rotated_model() -> Rotated:
    """Return the same model every time."""
    torch.manual_seed(0)
    return Rotated().eval()


@cache
def rotated(recipe: str) -> Lowered:
    """Return rotary positions on every rung."""
    program = import_model(rotated_model(), X) if recipe == "float32" else rotated("float32").program
    return lowered(program, X, recipe)


@pytest.mark.parametrize(("recipe", "floor_db"), [("float32", 120.0), ("int16", 40.0), ("int8-pure", 30.0)])
def test_rotary_positions_follow_pytorch(recipe: str, floor_db: float) -> None:
    """One operator each, above the floor of every recipe; int8 weights limit what feeds attention."""
    rungs = rotated(recipe)
    with torch.no_grad():
        exact = [value.double().numpy() for value in rotated_model()(*X)]
    kinds = [op.kind for op in rungs.graph.ops]
    assert {kind: kinds.count(kind) for kind in ("rotary", "attention", "mul")} == {
        "rotary": 4,
        "attention": 1,
        "mul": 0,
    }
    for found, real in zip(rungs.integers(X), exact, strict=True):
        assert found.shape == real.shape
        assert sqnr_db(found, real) >= floor_db


def test_rotation_beside_attention_moves_nothing() -> None:
    """Steps stand first for both, so that the axes that PyTorch swaps stay where they are."""
    graph = fold(rotated("int16").graph)
    turned = [op for op in graph.ops if op.kind == "rotary"][:2]
    (op,) = (op for op in graph.ops if op.kind == "attention")
    assert [op.inputs[i] for i in (0, 1)] == [rotation.output for rotation in turned]


def test_heads_that_do_not_pair_are_refused() -> None:
    """With the axes that were found and what to give instead."""

    class Call(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            q = x.view(-1, 2, 2, T, 2)
            return attend(q, q[:, :1], q[:, :1])

    program = import_model(Call(), X[:1])
    for recipe in FLOOR_DB:
        with pytest.raises(
            UnsupportedError,
            match=r"scaled_dot_product_attention: the leading axes \(2, 2\) of q, \(1, 2\) of k and \(1, 2\) of v do "
            "not pair; give k and v the heads of q, .*test_attention_forms.py",
        ):
            lowered(program, X[:1], recipe)
