"""Every operator and form that Smidgen says it takes lowers in int8, int16 and float32 and follows PyTorch.

Kernels are tested elsewhere; here the graph is interpreted. Each family is one model, a form each output.
"""

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from small_models import Functions, Layer, Lowered, lowered, normal, sqnr_db
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.compression import FloatProgram, import_model
from smidgen.models.selective_scan import selective_scan
from smidgen.models.ssd_scan import ssd_scan

Forms = Mapping[str, Callable[..., Tensor]]

STEPS, WIDTH = 8, 6
INPUTS = (normal(24, STEPS, WIDTH), normal(24, STEPS, WIDTH, seed=1))
LEAST_DB = 20.0
CAUSAL = torch.ones(STEPS, STEPS, dtype=torch.bool).tril()
NEAR = CAUSAL.triu(-2)  # three steps back
DISTANCE = torch.arange(STEPS) - torch.arange(STEPS)[:, None]


def heads(x: Tensor) -> Tensor:
    """(b, t, 6) as (b, 2 heads, t, 3)."""
    return x.unflatten(-1, (2, 3)).transpose(1, 2)


def image(x: Tensor) -> Tensor:
    """(b, 8, 6) as images of 4 channels."""
    return x.reshape(-1, 4, 3, 4)


def turned(x: Tensor) -> Tensor:
    """Rotary positions in the spelling of GPT-NeoX, over a width of 2 a head."""
    angle = torch.arange(STEPS)[:, None] * torch.tensor([1.0, 0.1]).repeat(2)
    q = x[..., :4]
    first, second = q.chunk(2, dim=-1)
    return q * angle.cos() + torch.cat([-second, first], -1) * angle.sin()


def sdpa(x: Tensor, y: Tensor, **options: object) -> Tensor:
    """Attention of x to y."""
    return F.scaled_dot_product_attention(heads(x), heads(y), heads(x), **options)


def scan(m: nn.Module, x: Tensor, reverse: bool = False) -> Tensor:
    """Mamba's scan."""
    return selective_scan(x, F.softplus(x), -m.rate.exp(), m.keys(x), m.queries(x), m.skip, reverse)


def ssd(m: nn.Module, x: Tensor, reverse: bool = False) -> Tensor:
    """Mamba-2's scan of 2 heads."""
    values, step, decay = x.unflatten(-1, (2, 3)), F.softplus(x[..., :2]), -m.rate[:2, 0].exp()
    return ssd_scan(values, step, decay, m.keys(x)[:, :, None], m.queries(x)[:, :, None], m.skip[:2], reverse)


def feature_map(x: Tensor) -> Tensor:
    """ELU + 1."""
    return F.elu(x) + 1.0


def linear_attention(x: Tensor, y: Tensor) -> Tensor:
    """Katharopoulos et al. 2020, over the whole sequence."""
    q, k = feature_map(heads(x)), feature_map(heads(y))
    numerator = torch.einsum("bhtd,bhde->bhte", q, torch.einsum("bhsd,bhse->bhde", k, heads(x)))
    return numerator / torch.einsum("bhtd,bhd->bht", q, k.sum(2))[..., None]


def causal_linear_attention(x: Tensor, y: Tensor) -> Tensor:
    """The same of the steps so far."""
    q, k = feature_map(heads(x)), feature_map(heads(y))
    numerator = ((q @ k.mT) * torch.ones(STEPS, STEPS).tril()) @ heads(x)
    return numerator / (q * k.cumsum(2)).sum(-1, keepdim=True)


def pointwise(*functions: Callable[[Tensor], Tensor]) -> Forms:
    """Functions of x alone, by name."""
    return {function.__name__: lambda m, x, y, function=function: function(x) for function in functions}


FAMILIES: dict[str, tuple[Forms, Mapping[str, Layer]]] = {
    "linear": (
        {
            "linear": lambda m, x, y: m.linear(x),
            "without bias": lambda m, x, y: m.plain(x),
            "matmul": lambda m, x, y: x @ y.mT,
            "matmul with a constant": lambda m, x, y: x @ m.plain.weight.t(),
            "bmm": lambda m, x, y: torch.bmm(x, y.transpose(1, 2)),
            "einsum": lambda m, x, y: torch.einsum("btd,bsd->bts", x, y),
            "einsum with a constant": lambda m, x, y: torch.einsum("btd,ed->bte", x, m.plain.weight),
        },
        {"linear": nn.Linear(WIDTH, 5), "plain": nn.Linear(WIDTH, 4, bias=False)},
    ),
    "convolution": (
        {
            "conv1d": lambda m, x, y: m.conv1d(x.mT),
            "depthwise": lambda m, x, y: m.depthwise(x.mT),
            "dilated and strided": lambda m, x, y: m.dilated(x.mT),
            "same": lambda m, x, y: m.same(x.mT),
            "causal": lambda m, x, y: m.conv1d(F.pad(x.mT, (2, 0)))[..., :STEPS],
            "conv2d": lambda m, x, y: m.conv2d(image(x)),
            "conv2d in groups": lambda m, x, y: m.grouped2d(image(x)),
        },
        {
            "conv1d": nn.Conv1d(WIDTH, 4, 3, padding=1), "depthwise": nn.Conv1d(WIDTH, WIDTH, 3, groups=WIDTH),
            "dilated": nn.Conv1d(WIDTH, 4, 2, dilation=2, stride=2, groups=2),
            "same": nn.Conv1d(WIDTH, 4, 3, padding="same"), "conv2d": nn.Conv2d(4, 3, (2, 3), padding=(1, 1)),
            "grouped2d": nn.Conv2d(4, 4, 2, groups=2, stride=(1, 2), dilation=(2, 1)),
        },
    ),
    "pooling": (
        {
            "max": lambda m, x, y: F.max_pool1d(x.mT, 2),
            "max with padding": lambda m, x, y: F.max_pool1d(x.mT, 3, 2, padding=1),
            "average": lambda m, x, y: F.avg_pool1d(x.mT, 3, 1, padding=1),
            "max in two axes": lambda m, x, y: F.max_pool2d(image(x), 2),
            "average in two axes": lambda m, x, y: F.avg_pool2d(image(x), 2),
            "adaptive average": lambda m, x, y: F.adaptive_avg_pool1d(x.mT, 3),
            "adaptive maximum": lambda m, x, y: F.adaptive_max_pool1d(x.mT, 4),
            "global": lambda m, x, y: F.adaptive_avg_pool2d(image(x), 1),
        },
        {},
    ),
    "softmax": (
        {
            "softmax": lambda m, x, y: x.softmax(-1),
            "over time": lambda m, x, y: F.softmax(x, dim=1),
            "log_softmax": lambda m, x, y: F.log_softmax(x, dim=-1),
            "masked": lambda m, x, y: (x @ y.mT).masked_fill(~CAUSAL, -torch.inf).softmax(-1),
        },
        {},
    ),
    "attention": (
        {
            "sdpa": lambda m, x, y: sdpa(x, y),
            "causal": lambda m, x, y: sdpa(x, y, is_causal=True),
            "sliding window": lambda m, x, y: sdpa(x, y, attn_mask=NEAR),
            "boolean mask": lambda m, x, y: sdpa(x, y, attn_mask=(torch.arange(STEPS) < 6)[None]),
            "ALiBi": lambda m, x, y: sdpa(
                x, y, attn_mask=-torch.tensor([0.5, 0.25])[:, None, None] * DISTANCE.abs()
            ),
            "learned bias": lambda m, x, y: sdpa(x, y, attn_mask=m.relative[:, DISTANCE + STEPS - 1]),
            "scaled": lambda m, x, y: sdpa(x, y, scale=0.3),
            "rotary": lambda m, x, y: F.scaled_dot_product_attention(turned(x), turned(y), y[..., :4], is_causal=True),
            "multi-head": lambda m, x, y: m.mha(x, x, x, need_weights=False)[0],
            "multi-head across": lambda m, x, y: m.mha(x, y, y, need_weights=False)[0],
            "multi-head, causal": lambda m, x, y: m.mha(x, x, x, need_weights=False, attn_mask=~CAUSAL)[0],
            "multi-head with weights": lambda m, x, y: m.mha(x, x, x)[1],
            "linear": lambda m, x, y: linear_attention(x, y),
            "linear, causal": lambda m, x, y: causal_linear_attention(x, y),
        },
        {
            "mha": nn.MultiheadAttention(WIDTH, 2, batch_first=True),
            "relative": nn.Parameter(normal(2, 2 * STEPS - 1)),
        },
    ),
    "norms": (
        {
            "LayerNorm": lambda m, x, y: m.layer(x),
            "RMSNorm": lambda m, x, y: m.rms(x),
            "GroupNorm": lambda m, x, y: m.group(x.mT),
            "BatchNorm": lambda m, x, y: m.batch(x.mT),
            "BatchNorm behind a convolution": lambda m, x, y: m.batch(m.conv(x.mT)),
            "BatchNorm2d": lambda m, x, y: m.batch2d(image(x)),
        },
        {
            "layer": nn.LayerNorm(WIDTH), "rms": nn.RMSNorm(WIDTH), "group": nn.GroupNorm(2, WIDTH),
            "batch": nn.BatchNorm1d(WIDTH), "conv": nn.Conv1d(WIDTH, WIDTH, 3, padding=1), "batch2d": nn.BatchNorm2d(4),
        },
    ),
    "functions": (
        {
            **pointwise(
                F.relu, F.relu6, F.leaky_relu, F.elu, F.gelu, F.silu, torch.sigmoid, torch.tanh, F.softplus,
                F.hardswish, F.hardsigmoid, torch.exp, torch.abs,
            ),
            "GELU by tanh": lambda m, x, y: F.gelu(x, approximate="tanh"),
            "PReLU": lambda m, x, y: m.prelu(x),
            "PReLU by channel": lambda m, x, y: m.prelu_by_channel(x.mT),
            "clamp": lambda m, x, y: x.clamp(-0.5, 0.7),
            "sqrt": lambda m, x, y: x.abs().sqrt(),
            "reciprocal": lambda m, x, y: (x.abs() + 0.5).reciprocal(),
            "GLU": lambda m, x, y: F.glu(x),
            "SwiGLU": lambda m, x, y: F.silu(m.gate(x)) * m.up(x),
        },
        {
            "prelu": nn.PReLU(), "prelu_by_channel": nn.PReLU(WIDTH), "gate": nn.Linear(WIDTH, 5),
            "up": nn.Linear(WIDTH, 5),
        },
    ),
    "arithmetic": (
        {
            "add": lambda m, x, y: x + y,
            "sub": lambda m, x, y: x - 2.0 * y,
            "mul": lambda m, x, y: x * y,
            "div": lambda m, x, y: x / (y.abs() + 1.0),
            "by a number": lambda m, x, y: 3.0 - x / 2.0,
            "by a row": lambda m, x, y: x * m.row + m.column,
            "with one step for all": lambda m, x, y: x + y[:, :1],
            "with one feature for all": lambda m, x, y: x * y[..., :1],
            "over several axes": lambda m, x, y: x[:, :, None] - y[:, None],
        },
        {"row": nn.Parameter(normal(WIDTH)), "column": nn.Parameter(normal(STEPS, 1))},
    ),
    "reductions": (
        {
            "mean over time": lambda m, x, y: x.mean(1),
            "mean over features": lambda m, x, y: x.mean(-1, keepdim=True),
            "mean over both": lambda m, x, y: x.mean((1, 2)),
            "sum": lambda m, x, y: x.sum(1),
            "max over time": lambda m, x, y: x.max(1).values,
            "max over features": lambda m, x, y: x.amax(-1),
            "argmax": lambda m, x, y: x.argmax(-1),
            "argmax over time": lambda m, x, y: x.argmax(1),
            "cumulative mean": lambda m, x, y: x.cumsum(1) / torch.arange(1, STEPS + 1)[:, None],
            "cumulative sum": lambda m, x, y: x.cumsum(1),
            "embedding": lambda m, x, y: m.rooms(x.argmax(-1)),
        },
        {"rooms": nn.Embedding(WIDTH, 4)},
    ),
    "recurrent layers": (
        {
            "LSTM": lambda m, x, y: m.lstm(x)[0],
            "last state of an LSTM": lambda m, x, y: m.lstm(x)[1][0][-1],
            "LSTM in both directions": lambda m, x, y: m.bilstm(x)[0],
            "LSTM of two layers": lambda m, x, y: m.lstm2(x)[0],
            "GRU": lambda m, x, y: m.gru(x)[0],
            "last state of a GRU": lambda m, x, y: m.gru(x)[1][-1],
            "GRU in both directions": lambda m, x, y: m.bigru(x)[0],
            "GRU of two layers": lambda m, x, y: m.gru2(x)[0],
        },
        {
            "lstm": nn.LSTM(WIDTH, 4, batch_first=True),
            "bilstm": nn.LSTM(WIDTH, 4, batch_first=True, bidirectional=True),
            "lstm2": nn.LSTM(WIDTH, 4, batch_first=True, num_layers=2), "gru": nn.GRU(WIDTH, 4, batch_first=True),
            "bigru": nn.GRU(WIDTH, 4, batch_first=True, bidirectional=True),
            "gru2": nn.GRU(WIDTH, 4, batch_first=True, num_layers=2),
        },
    ),
    "scans": (
        {
            "selective scan": lambda m, x, y: scan(m, x),
            "reversed": lambda m, x, y: scan(m, x, reverse=True),
            "between two flips": lambda m, x, y: scan(m, x.flip(1)).flip(1),
            "Mamba-2": lambda m, x, y: ssd(m, x),
            "Mamba-2 reversed": lambda m, x, y: ssd(m, x, reverse=True),
            "Mamba-2 between two flips": lambda m, x, y: ssd(m, x.flip(1)).flip(1),
        },
        {
            "keys": nn.Linear(WIDTH, 3), "queries": nn.Linear(WIDTH, 3), "rate": nn.Parameter(normal(WIDTH, 3)),
            "skip": nn.Parameter(torch.ones(WIDTH)),
        },
    ),
    "layout": (
        {
            "reshape": lambda m, x, y: x.reshape(-1, 4, 12),
            "view": lambda m, x, y: x.view(x.shape[0], 2, 4, WIDTH),
            "flatten": lambda m, x, y: x.flatten(1),
            "permute": lambda m, x, y: x.reshape(-1, 2, 4, WIDTH).permute(0, 3, 1, 2),
            "transpose": lambda m, x, y: x.transpose(1, 2),
            "split": lambda m, x, y: x.split([2, 4], dim=-1)[1],
            "chunk": lambda m, x, y: x.chunk(2, dim=1)[0],
            "slice": lambda m, x, y: x[:, 1:7:2, 2:],
            "select": lambda m, x, y: x[:, -1],
            "concat": lambda m, x, y: torch.cat([x, y], dim=-1),
            "stack": lambda m, x, y: torch.stack([x, y], dim=2),
            "pad": lambda m, x, y: F.pad(x, (1, 2, 3, 0)),
            "pad by a value": lambda m, x, y: F.pad(x, (0, 0, 2, 0), value=1.5),
            "unfold": lambda m, x, y: x.unfold(1, 4, 2),
            "flip": lambda m, x, y: x.flip(1),
            "expand": lambda m, x, y: x[:, :, None].expand(-1, -1, 3, -1),
        },
        {},
    ),
}  # fmt: skip


@cache
def program(family: str) -> FloatProgram:
    """Return a family as one float program: importing is what takes time."""
    return import_model(model(family), INPUTS)


def model(family: str) -> nn.Module:
    """Return a family as one module; the statistics of batch norms are of something."""
    torch.manual_seed(0)
    module = Functions(*FAMILIES[family])
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            layer.running_mean, layer.running_var = normal(layer.num_features), normal(layer.num_features).exp()
    return module.eval()


def results(family: str, recipe: str) -> tuple[Lowered, list[NDArray[np.float64]]]:
    """Return a family lowered, and what PyTorch gives."""
    with torch.no_grad():
        exact = [value.double().numpy() for value in model(family)(*INPUTS)]
    return lowered(program(family), INPUTS, recipe), exact


@pytest.mark.parametrize("family", FAMILIES)
def test_float32_is_pytorch(family: str) -> None:
    """Every element of every form within 1e-4, relative where it is above 1."""
    rungs, exact = results(family, "float32")
    for form, found, real in zip(FAMILIES[family][0], rungs.integers(INPUTS), exact, strict=True):
        assert found.shape == real.shape, form
        assert np.all(np.abs(found - real) <= 1e-4 * np.maximum(1.0, np.abs(real))), form


@pytest.mark.parametrize("recipe", ["int8", "int16"])
@pytest.mark.parametrize("family", FAMILIES)
def test_integers_keep_20_db(family: str, recipe: str) -> None:
    """Every form of every family, without exception; positions of maxima are counted as numbers."""
    rungs, exact = results(family, recipe)
    for form, found, real in zip(FAMILIES[family][0], rungs.integers(INPUTS), exact, strict=True):
        assert found.shape == real.shape, form
        assert sqnr_db(found, real) >= LEAST_DB, form
