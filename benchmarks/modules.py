"""Which modules of torch.nn compile, found by trying: the table of docs/operators.md.

Each specimen is captured, calibrated and lowered under three recipes. Shapes: batch 4, 8 steps, 4 channels.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from smidgen.compression import FloatProgram, calibrate, find_recipe, import_model, make_plan
from smidgen.errors import SmidgenError
from smidgen.lowering import lower

RECIPES = ("int8", "int16", "float32")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of one module: whether it compiles under each recipe, and the first refusal."""

    compiles: Mapping[str, bool]
    refusal: str


class _First(nn.Module):
    """The first of several results: the sequence that a recurrent layer or an attention gives."""

    def __init__(self, layer: nn.Module, *, copies: int = 1) -> None:
        super().__init__()
        self.layer = layer
        self.copies = copies

    def forward(self, x: Tensor) -> Tensor:
        first: Tensor = self.layer(*[x] * self.copies)[0]
        return first


class _Twice(nn.Module):
    """A layer of two inputs, both the same."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.layer(x, x)
        return result


class _Cells(nn.Module):
    """A cell in a Python loop over time, from a state of zeros."""

    def __init__(self, cell: nn.Module) -> None:
        super().__init__()
        self.cell = cell

    def forward(self, x: Tensor) -> Tensor:
        state = None
        for step in range(x.shape[1]):
            state = self.cell(x[:, step], state)
        return state[0] if isinstance(state, tuple) else state


def _sequence() -> Tensor:
    return torch.randn(4, 8, 4)


def _channels() -> Tensor:
    return torch.randn(4, 4, 8)


def _image() -> Tensor:
    return torch.randn(4, 4, 6, 6)


def specimens() -> dict[str, tuple[nn.Module, Tensor]]:
    """Return each module with an input, by the way in which it is written."""
    on_channels = {
        "Conv1d": nn.Conv1d(4, 6, 3, padding=1),
        "Conv1d, dilated, grouped, strided": nn.Conv1d(4, 4, 3, dilation=2, groups=4, stride=2),
        "Conv1d, padding='same'": nn.Conv1d(4, 6, 3, padding="same"),
        "ConvTranspose1d": nn.ConvTranspose1d(4, 6, 3),
        "MaxPool1d": nn.MaxPool1d(2),
        "AvgPool1d": nn.AvgPool1d(3, stride=2, padding=1),
        "AdaptiveAvgPool1d": nn.AdaptiveAvgPool1d(2),
        "AdaptiveMaxPool1d": nn.AdaptiveMaxPool1d(1),
        "BatchNorm1d": nn.Sequential(nn.Conv1d(4, 4, 1), nn.BatchNorm1d(4)),
        "GroupNorm": nn.GroupNorm(2, 4),
        "InstanceNorm1d": nn.InstanceNorm1d(4, affine=True),
        "ConstantPad1d, ZeroPad1d": nn.ZeroPad1d((2, 0)),
        "ReflectionPad1d": nn.ReflectionPad1d(2),
        "ReplicationPad1d": nn.ReplicationPad1d(2),
        "Upsample": nn.Upsample(scale_factor=2),
        "PReLU": nn.PReLU(4),
        "ChannelShuffle": nn.ChannelShuffle(2),
    }
    on_images = {
        "Conv2d": nn.Conv2d(4, 6, 3, padding=1),
        "MaxPool2d": nn.MaxPool2d(2),
        "AvgPool2d": nn.AvgPool2d(2),
        "AdaptiveAvgPool2d": nn.AdaptiveAvgPool2d(1),
        "BatchNorm2d": nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)),
        "PixelShuffle": nn.PixelShuffle(2),
    }
    functions: tuple[nn.Module, ...] = (
        nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(), nn.ELU(), nn.SELU(), nn.CELU(), nn.GELU(), nn.SiLU(), nn.Mish(),
        nn.Sigmoid(), nn.LogSigmoid(), nn.Tanh(), nn.Softplus(), nn.Softsign(), nn.Tanhshrink(), nn.Hardswish(),
        nn.Hardsigmoid(), nn.Hardtanh(), nn.Hardshrink(), nn.Softshrink(), nn.Threshold(0.1, 0.0), nn.GLU(),
        nn.Softmax(-1), nn.LogSoftmax(-1), nn.Softmin(-1), nn.Flatten(),
    )  # fmt: skip
    on_sequences = {
        "Linear": nn.Linear(4, 6),
        "Bilinear": _Twice(nn.Bilinear(4, 4, 3)),
        "LayerNorm": nn.LayerNorm(4),
        "LayerNorm over two axes": nn.LayerNorm((8, 4)),
        "RMSNorm": nn.RMSNorm(4),
        "RNN": _First(nn.RNN(4, 6, batch_first=True)),
        "GRU": _First(nn.GRU(4, 6, batch_first=True)),
        "GRU, bidirectional, 2 layers": _First(nn.GRU(4, 6, 2, batch_first=True, bidirectional=True)),
        "LSTM": _First(nn.LSTM(4, 6, batch_first=True)),
        "LSTM, bidirectional, 2 layers": _First(nn.LSTM(4, 6, 2, batch_first=True, bidirectional=True)),
        "LSTM, proj_size": _First(nn.LSTM(4, 6, proj_size=3, batch_first=True)),
        "RNNCell in a loop": _Cells(nn.RNNCell(4, 6)),
        "GRUCell in a loop": _Cells(nn.GRUCell(4, 6)),
        "LSTMCell in a loop": _Cells(nn.LSTMCell(4, 6)),
        "MultiheadAttention": _First(nn.MultiheadAttention(4, 2, batch_first=True), copies=3),
        "TransformerEncoderLayer": nn.TransformerEncoderLayer(4, 2, 8, batch_first=True),
        "TransformerDecoderLayer": _Twice(nn.TransformerDecoderLayer(4, 2, 8, batch_first=True)),
        **{type(function).__name__: function for function in functions},
    }
    tokens = torch.randint(0, 9, (4, 8))
    return {
        **{f"nn.{name}": (module, _sequence()) for name, module in on_sequences.items()},
        **{f"nn.{name}": (module, _channels()) for name, module in on_channels.items()},
        **{f"nn.{name}": (module, _image()) for name, module in on_images.items()},
        "nn.Embedding": (nn.Embedding(9, 4), tokens),
        "nn.EmbeddingBag": (nn.EmbeddingBag(9, 4), tokens),
    }


def attempt(module: nn.Module, x: Tensor) -> Trial:
    """Try to lower a module under every recipe."""
    try:
        program = import_model(module.eval(), x)
    except SmidgenError as error:
        return Trial(compiles=dict.fromkeys(RECIPES, False), refusal=_words(error))
    refusals = {recipe: _refusal(program, x, recipe) for recipe in RECIPES}
    return Trial(
        compiles={recipe: not refusal for recipe, refusal in refusals.items()},
        refusal=next((refusal for refusal in refusals.values() if refusal), ""),
    )


def module_table() -> str:
    """Return the table of docs/operators.md."""
    torch.manual_seed(0)
    lines = [f"| module | {' | '.join(RECIPES)} | refused with |", "| --- " * (2 + len(RECIPES)) + "|"]
    for name, (module, x) in sorted(specimens().items()):
        trial = attempt(module, x)
        yes = " | ".join("yes" if trial.compiles[recipe] else "" for recipe in RECIPES)
        lines.append(f"| `{name}` | {yes} | {trial.refusal} |")
    return "\n".join(lines)


def _refusal(program: FloatProgram, x: Tensor, recipe: str) -> str:
    chosen = find_recipe(recipe)
    try:
        calibration = None if chosen.is_float else calibrate(program, x)
        lower(program, make_plan(program, calibration, chosen), name="trial")
    except SmidgenError as error:
        return _words(error)
    return ""


def _words(error: SmidgenError) -> str:
    """Return a refusal without the line of this file, and without the marks of a table."""
    return str(error).partition(" (File ")[0].replace("|", "/")
