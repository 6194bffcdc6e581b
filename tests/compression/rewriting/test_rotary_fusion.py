"""Rotary positions in the spellings of published code become one operator, with the results that they had."""

from collections.abc import Callable
from functools import cache

import pytest
import torch
from small_models import nodes_behind, normal
from torch import Tensor, fx, nn

from smidgen.compression import FloatProgram, import_model
from smidgen.models.rotary import rotary

T, WIDTH = 6, 8
X = normal(3, 2, T, WIDTH)  # (b, heads, T, w)
FREQUENCIES = 1.0 / 100.0 ** (torch.arange(0, WIDTH, 2) / WIDTH)
ANGLES = torch.outer(torch.arange(float(T)), FREQUENCIES)  # (T, w / 2)

Spelling = Callable[["Spelled", Tensor], Tensor]


class Spelled(nn.Module):
    """Spellings as the outputs of one model, with the tables that some take."""

    def __init__(self, spellings: dict[str, Spelling]) -> None:
        super().__init__()
        self.spellings = spellings
        self.register_buffer("cos", ANGLES.cos())
        self.register_buffer("sin", ANGLES.sin())
        self.register_buffer("cos_both", torch.cat([ANGLES, ANGLES], -1).cos()[None, None])
        self.register_buffer("sin_both", torch.cat([ANGLES, ANGLES], -1).sin()[None, None])
        self.register_buffer("cis", torch.polar(torch.ones_like(ANGLES), ANGLES))
        self.register_buffer("inv_freq", FREQUENCIES)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return tuple(spelling(self, torch.tanh(x)) for spelling in self.spellings.values())


def rotate_half(x: Tensor) -> Tensor:
    """As in the code of Llama in transformers."""
    x1, x2 = x[..., : x.shape[-1] // 2], x[..., x.shape[-1] // 2 :]
    return torch.cat((-x2, x1), dim=-1)


def rotate_every_two(x: Tensor) -> Tensor:
    """As in GPT-J."""
    return torch.stack((-x[:, :, :, 1::2], x[:, :, :, ::2]), dim=-1).flatten(-2)


def on_the_way(m: Spelled, x: Tensor) -> Tensor:
    """Angles made in forward, as in transformers' rotary embedding module."""
    position = torch.arange(x.shape[2], dtype=torch.float32)
    angles = (m.inv_freq[None, :, None] @ position[None, None]).transpose(1, 2)
    both = torch.cat((angles, angles), dim=-1)
    return x * both.cos().unsqueeze(1) + rotate_half(x) * both.sin().unsqueeze(1)


def steps_first(m: Spelled, x: Tensor) -> Tensor:
    """(b, T, heads, w), as in the Llama code of Meta: complex numbers."""
    x = x.transpose(1, 2)
    pairs = torch.view_as_complex(x.float().reshape(*x.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * m.cis[:, None]).flatten(3).type_as(x)


def partial(m: Spelled, x: Tensor) -> Tensor:
    """Half of the channels, as in GPT-NeoX; a scale for the scores with it would not be one of the whole."""
    turned, passed = x[..., :4], x[..., 4:]
    cos, sin = (table.repeat(1, 2) for table in (m.cos[:, :2], m.sin[:, :2]))
    return torch.cat((turned * cos + rotate_half(turned) * sin, passed), dim=-1)


def two_products(m: Spelled, x: Tensor) -> Tensor:
    """Halves by chunk, four products."""
    x1, x2 = x.chunk(2, dim=-1)
    return torch.cat([x1 * m.cos - x2 * m.sin, x1 * m.sin + x2 * m.cos], dim=-1)


def stacked(m: Spelled, x: Tensor) -> Tensor:
    """Pairs by reshape, stacked again."""
    a, b = x.reshape(*x.shape[:-1], -1, 2).unbind(-1)
    return torch.stack([a * m.cos - b * m.sin, b * m.cos + a * m.sin], dim=-1).flatten(-2)


def assigned(m: Spelled, x: Tensor) -> Tensor:
    """Written in place into an empty tensor."""
    y = torch.empty_like(x)
    y[..., 0::2] = x[..., 0::2] * m.cos - x[..., 1::2] * m.sin
    y[..., 1::2] = x[..., 1::2] * m.cos + x[..., 0::2] * m.sin
    return y


def conjugate(m: Spelled, x: Tensor) -> Tensor:
    """Halves as real and imaginary parts, turned backwards."""
    turned = torch.complex(x[..., :4], x[..., 4:]) * m.cis.conj()
    return torch.cat([turned.real, turned.imag], dim=-1)


SPELLINGS: dict[str, Spelling] = {
    "llama": lambda m, x: x * m.cos_both + rotate_half(x) * m.sin_both,
    "added in place": lambda m, x: torch.addcmul(x * m.cos_both, rotate_half(x), m.sin_both),
    "scaled": lambda m, x: (x * m.cos_both + rotate_half(x) * m.sin_both) / WIDTH**0.5,
    "xpos": lambda m, x: (x * m.cos_both + rotate_half(x) * m.sin_both) * (m.cos_both.abs() + 0.5),
    "gpt-j": lambda m, x: (x * m.cos.repeat_interleave(2, 1)) + rotate_every_two(x) * m.sin.repeat_interleave(2, 1),
    **{
        function.__name__: function
        for function in (on_the_way, steps_first, partial, two_products, stacked, assigned, conjugate)
    },
}  # fmt: skip
OTHERS: dict[str, Spelling] = {
    "a gain by step": lambda m, x: x * m.cos_both,
    "no sign": lambda m, x: x * m.cos_both + x.roll(4, dims=-1) * m.sin_both,
    "another tensor": lambda m, x: x * m.cos_both + rotate_half(torch.sigmoid(x)) * m.sin_both,
    "half of a pair": lambda m, x: x * m.cos_both + torch.cat((-x[..., 4:], 0.0 * x[..., :4]), -1) * m.sin_both,
    "neighbours": lambda m, x: x * m.cos_both + x.roll(1, dims=2) * m.sin_both,
}
ALL = {**SPELLINGS, **OTHERS}


@cache
def program() -> FloatProgram:
    """Return all of them, exported once."""
    return import_model(Spelled(ALL).eval(), X)


def made_of(name: str) -> list[fx.Node]:
    """Return what is computed for an output."""
    return nodes_behind(program(), list(ALL).index(name))


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_spelling_becomes_one_operator(name: str) -> None:
    """A rotation of the tensor itself; nothing else is left but what moves axes before it."""
    (node,) = (node for node in made_of(name) if node.target is rotary)
    axis = 1 if name == "steps_first" else 2
    pairs = program().constants[node.args[1].name].shape[1]
    assert (node.args[3], node.args[4]) == (axis, name in ("gpt-j", "steps_first", "stacked", "assigned"))
    assert pairs == (2 if name == "partial" else 4)
    assert {str(n.target) for n in made_of(name) if n.op == "call_function" and n is not node} <= {
        "aten.tanh.default", "aten.transpose.int"
    }  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_rotation_stays(name: str) -> None:
    """One table, half a pair, two tensors or two steps: as they were."""
    assert not any(node.target is rotary for node in made_of(name))


def test_results_stay() -> None:
    """Every output is within 1e-6 of PyTorch's, for every sample of a batch."""
    with torch.no_grad():
        exact, found = Spelled(ALL).eval()(X), program().run((X,))
    for name, expected, actual in zip(ALL, exact, found, strict=True):
        torch.testing.assert_close(
            actual, expected, rtol=1e-6, atol=1e-6, msg=lambda text, name=name: f"{name}: {text}"
        )
