"""Every supported operator means the same in PyTorch, in the fake-quantised program and in integers.

Operators of one chapter are the outputs of one model: export is the slow part.
"""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest
import torch
from small_models import Lowered, lowered, normal, sqnr_db
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.compression import import_model
from smidgen.models.selective_scan import selective_scan

Written = Callable[..., Tensor]


class Chapter(nn.Module):
    """Functions of the same two inputs (b, 6, 4) as the outputs of one model, with the layers that they need."""

    def __init__(self, written: Mapping[str, Written], **layers: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.written = written
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        return tuple(function(self, x, y) for function in self.written.values())


def heads(x: Tensor) -> Tensor:
    """(b, 6, 4) to (b, 2 heads, 6, 2)."""
    return x.reshape(-1, 6, 2, 2).transpose(1, 2)


torch.manual_seed(0)
CHAPTERS = {
    "projections": Chapter(
        {
            "linear": lambda m, x, y: m.wide(x),
            "linear without bias": lambda m, x, y: m.bare(x),
            "linear of a vector": lambda m, x, y: m.wide(x[:, 0]),
            "split linear": lambda m, x, y: torch.mul(*m.split(y).chunk(2, -1)),
            "conv1d": lambda m, x, y: m.conv(x.transpose(1, 2)),
            "depthwise conv1d": lambda m, x, y: m.depthwise(x),
            "strided conv1d": lambda m, x, y: m.strided(x),
            "dilated conv1d": lambda m, x, y: m.dilated(x.transpose(1, 2)),
        },
        wide=nn.Linear(4, 5), bare=nn.Linear(4, 5, bias=False), split=nn.Linear(4, 6),
        conv=nn.Conv1d(4, 5, 3, padding=2), depthwise=nn.Conv1d(6, 6, 2, groups=6, bias=False),
        strided=nn.Conv1d(6, 4, 2, stride=2, padding=1, groups=2), dilated=nn.Conv1d(4, 3, 3, dilation=2),
    ),
    "functions": Chapter(
        {
            **{name: lambda m, x, y, name=name: getattr(torch, name)(x)
               for name in ("relu", "sigmoid", "tanh", "exp", "neg", "abs")},
            "silu": lambda m, x, y: F.silu(x),
            "gelu": lambda m, x, y: F.gelu(x),
            "gelu by tanh": lambda m, x, y: F.gelu(x, approximate="tanh"),
            "softplus": lambda m, x, y: F.softplus(y),
            "clamp": lambda m, x, y: x.clamp(-0.5, 1.0),
            "clamp from below": lambda m, x, y: torch.clamp(x, min=-0.5),
            "clamp from above": lambda m, x, y: torch.clamp(x, max=0.5),
            "scalars": lambda m, x, y: (x * 3.0 - 1.0) / 4.0 + 0.5,
            "a function of itself": lambda m, x, y: x * torch.sigmoid(x) + x,
        }
    ),
    "comparisons": Chapter(
        {
            "ramp": lambda m, x, y: torch.where(x > 0.0, x * 2.0, x * 0.1),
            "ramp the other way": lambda m, x, y: torch.where(y.lt(0.0).logical_not(), y * 2.0, 0.0),
        }
    ),
    "pairs": Chapter(
        {
            "add": lambda m, x, y: x + y,
            "mul": lambda m, x, y: x * y,
            "add a constant": lambda m, x, y: x + m.positions,
            "add a row": lambda m, x, y: m.row + y,
            "scale by a row": lambda m, x, y: y * m.row,
        },
        positions=nn.Parameter(normal(6, 4, seed=5)), row=nn.Parameter(normal(4, seed=6)),
    ),
    "layout": Chapter(
        {
            "view": lambda m, x, y: x.view(-1, 3, 8),
            "reshape": lambda m, x, y: x.transpose(1, 2).reshape(-1, 24),
            "flatten": lambda m, x, y: x.flatten(1),
            "unsqueeze, squeeze": lambda m, x, y: x.unsqueeze(1).transpose(1, 2).squeeze(2),
            "permute": lambda m, x, y: x.view(-1, 2, 3, 4).permute(0, 3, 1, 2),
            "slice": lambda m, x, y: x[:, 1:-2, ::1],
            "select": lambda m, x, y: x[:, -1],
            "split": lambda m, x, y: torch.cat(list(reversed(x.split([1, 3], dim=-1))), dim=-1),
            "chunk": lambda m, x, y: x.chunk(3, dim=1)[1],
            "cat of two scales": lambda m, x, y: torch.cat([x, y * 5.0], dim=1),
            "dropout, contiguous": lambda m, x, y: m.dropout(x.transpose(1, 2).contiguous()).clone(),
        },
        dropout=nn.Dropout(0.5),
    ),
    "rows": Chapter(
        {
            "rms_norm": lambda m, x, y: m.rms(x),
            "rms_norm plain": lambda m, x, y: F.rms_norm(x, (4,), eps=1e-3),
            "layer_norm": lambda m, x, y: m.norm(x),
            "layer_norm plain": lambda m, x, y: F.layer_norm(x, (4,)),
            "attention": lambda m, x, y: F.scaled_dot_product_attention(heads(x), heads(y), heads(y)),
            "causal attention": lambda m, x, y: F.scaled_dot_product_attention(
                heads(x), heads(y), heads(x), is_causal=True, scale=0.3
            ),
            "cross attention": lambda m, x, y: F.scaled_dot_product_attention(heads(x)[:, :, :3], heads(y), heads(y)),
            "mean": lambda m, x, y: x.mean(1),
            "mean kept": lambda m, x, y: torch.mean(x, dim=-1, keepdim=True),
        },
        rms=nn.RMSNorm(4), norm=nn.LayerNorm(4),
    ),
    "recurrences": Chapter(
        {
            "gru": lambda m, x, y: m.gru(x)[0],
            "gru of two layers": lambda m, x, y: m.deep(x)[0][:, -1],
            "selective_scan": lambda m, x, y: selective_scan(
                x, F.softplus(x - 2.0), -torch.exp(m.A), y[..., :3], y[..., 1:].sigmoid(), m.D
            ),
        },
        gru=nn.GRU(4, 5, batch_first=True), deep=nn.GRU(4, 5, num_layers=2, bias=False, batch_first=True),
        A=nn.Parameter(normal(4, 3, seed=7) * 0.5), D=nn.Parameter(normal(4, seed=8)),
    ),
}  # fmt: skip

INPUTS = (normal(64, 6, 4), normal(64, 6, 4, seed=1))
#: Against PyTorch; int8 weights limit what int16 activations can reach.
FLOOR_DB = {"int8-pure": 30.0, "int16": 60.0, "float32": 120.0}
WEIGHTS_DB = 45.0
#: Against the fake-quantised program, which knows neither tables of int16 nor the inside of a recurrence.
SIMULATED_DB = {"int8-pure": 43.0, "int16": 59.0, "float32": 120.0}


@cache
def chapter(name: str, recipe: str) -> Lowered:
    """Return a chapter on every rung; what is exported once serves all recipes."""
    program = import_model(CHAPTERS[name].eval(), INPUTS) if recipe == "float32" else chapter(name, "float32").program
    return lowered(program, INPUTS, recipe)


@pytest.mark.parametrize("recipe", FLOOR_DB)
@pytest.mark.parametrize("name", CHAPTERS)
def test_integers_follow_pytorch(name: str, recipe: str) -> None:
    """Above a floor of signal to noise against PyTorch and against the fake-quantised program, operator by operator."""
    if (name, recipe) == ("comparisons", "int16"):
        recipe = "int8-pure"  # int16 holds no comparison, see test_refusals
    with torch.no_grad():
        exact = [value.double().numpy() for value in CHAPTERS[name].eval()(*INPUTS)]
    rungs = chapter(name, recipe)
    results = zip(CHAPTERS[name].written, exact, rungs.integers(INPUTS), rungs.fake_quantized(INPUTS), strict=True)
    for operator, real, found, simulated in results:
        weighted = name == "projections" or "gru" in operator
        floor = min(FLOOR_DB[recipe], WEIGHTS_DB) if weighted and recipe != "float32" else FLOOR_DB[recipe]
        assert found.shape == real.shape, operator
        assert sqnr_db(found, real) >= floor, operator
        assert sqnr_db(found, simulated) >= SIMULATED_DB[recipe], operator


@pytest.mark.parametrize("name", CHAPTERS)
def test_int8_is_within_a_step_of_the_simulation(name: str) -> None:
    """No element of an int8 result is more than 1 step from the fake-quantised program."""
    rungs = chapter(name, "int8-pure")
    results = zip(
        CHAPTERS[name].written, rungs.graph.outputs, rungs.integers(INPUTS), rungs.fake_quantized(INPUTS), strict=True
    )
    for operator, output, found, simulated in results:
        qparams = rungs.graph[output].qparams
        assert qparams is not None
        steps = np.abs(found - simulated).max() / qparams.scale
        assert qparams.dtype == "int16" or steps <= 1.01, operator


def test_argmax_is_exact() -> None:
    """The index of the first maximum of what the integers say, along any axis, kept or not."""

    class Best(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x.argmax(-1), torch.argmax(x, dim=1, keepdim=True)

    x = INPUTS[0]
    for recipe in FLOOR_DB:
        rungs = lowered(Best(), (x,), recipe)
        qparams = rungs.graph[rungs.graph.inputs[0]].qparams
        seen = x.numpy() if qparams is None else qparams.quantize(x.numpy())
        last, first = rungs.integers((x,))
        np.testing.assert_array_equal(seen.argmax(-1), last)
        np.testing.assert_array_equal(seen.argmax(1)[:, None], first)
