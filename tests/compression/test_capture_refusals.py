"""What torch.export cannot capture is told in the user's terms: module, line, reason, and what to write instead."""

import logging
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import normal
from torch import Tensor, nn

from smidgen.compression import import_model
from smidgen.errors import ExportError, UnsupportedError


class Branch(nn.Module):
    """Data-dependent control flow."""

    def forward(self, x: Tensor) -> Tensor:
        if x.mean() > 0:
            return x
        return -x


class Loop(nn.Module):
    """A loop that ends by values."""

    def forward(self, x: Tensor) -> Tensor:
        while x.abs().max() > 1:
            x = x / 2
        return x


class Assertion(nn.Module):
    """A check of values."""

    def forward(self, x: Tensor) -> Tensor:
        assert torch.isfinite(x).all()
        return x * 2.0


class Number(nn.Module):
    """A Python number made of a tensor."""

    def forward(self, x: Tensor) -> Tensor:
        return x * float(x.max())


class Cut(nn.Module):
    """A slice whose end is a value."""

    def forward(self, x: Tensor) -> Tensor:
        length = (x[0, :, 0] != 0).sum()
        return torch.cat(x[:, :length].unbind(1), 1)


class Numpy(nn.Module):
    """A way out of torch."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.sin(x.numpy()))


class Operator(nn.Module):
    """Control flow as an operator."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda y: y * 2.0, lambda y: y, (x,))


class WrongShape(nn.Module):
    """Fails by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


class Inner(nn.Module):
    """A module in a list, in a module."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([nn.Identity(), inner])

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


CASES: dict[str, tuple[nn.Module, str, str]] = {
    "branch": (
        Branch(),
        r"it branches on a tensor's values, but a firmware runs .*choose with torch\.where\(condition, a, b\)",
        "if x.mean() > 0:",
    ),
    "loop": (
        Loop(),
        r"its loop ends by a tensor's values, .*; loop a fixed number of times",
        "while x.abs().max() > 1:",
    ),
    "assertion": (
        Assertion(),
        "it asserts something of a tensor's values; check inputs before",
        "assert torch.isfinite",
    ),
    "number": (
        Number(),
        r"it makes a Python number of a tensor's value; keep it a tensor",
        "return x * float(x.max())",
    ),
    "cut": (
        Cut(),
        "it cuts a tensor at a place that depends on values, .*; keep the whole tensor",
        "return torch.cat(x[:, :length]",
    ),
    "numpy": (
        Numpy(),
        "it leaves torch for numpy; write it with torch functions",
        "torch.from_numpy(np.sin(x.numpy()))",
    ),
    "operator": (Operator(), "it branches by an operator, .*; compute both branches", "return torch.cond("),
}


@pytest.mark.parametrize("name", CASES)
def test_what_export_cannot_capture_names_the_line(
    name: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Module path, reason, advice, file, line and code, in one message; nothing of torch's own output beside it."""
    inner, reason, code = CASES[name]
    pattern = rf"^Inner\.blocks\.1 cannot be captured: {reason}"
    with pytest.raises(ExportError, match=pattern) as caught:
        import_model(Inner(inner), normal(3, 6, 4))
    found = re.search(r'\(File ".*?([\w.]+)", line (\d+), in forward (.*)\)$', str(caught.value))
    assert found is not None, str(caught.value)
    line = Path(__file__).read_text(encoding="utf-8").splitlines()[int(found[2]) - 1].strip()
    assert (found[1], found[3]) == (Path(__file__).name, line)
    assert line.startswith(code) or code in line
    assert capsys.readouterr().err == ""
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_model_that_fails_by_itself_is_not_torch_exports_fault() -> None:
    """The module, its example and its own error; a wrong example is the usual reason."""
    message = (
        r"^Inner\.blocks\.1\.layer fails on the example input of shape \(3, 6, 4\): RuntimeError: mat1 and mat2 shapes "
        r"cannot be multiplied .*line \d+, in forward return self\.layer\(x\)\)\. Give an example that the model takes"
    )
    with pytest.raises(ExportError, match=message):
        import_model(Inner(WrongShape()), normal(3, 6, 4))


class Masked(nn.Module):
    """As many rows as there are positive values."""

    def forward(self, x: Tensor) -> Tensor:
        positive = x[x > 0]
        return positive.sum().reshape(1, 1) + x[:, 0]


class Item(nn.Module):
    """A number that torch.export keeps as a number."""

    def forward(self, x: Tensor) -> Tensor:
        return x * x.max().item()


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (
            Masked(),
            r":index: the size of its result depends on values, .*; keep every element .*torch\.where\(mask, x, 0",
        ),
        (Item(), r":item: it makes a Python number of a tensor's value; keep it a tensor"),
    ],
    ids=["size", "number"],
)
def test_what_export_lets_pass_is_refused_with_its_line(model: nn.Module, message: str) -> None:
    """A size or a number that values decide is no constant of a firmware."""
    with pytest.raises(
        UnsupportedError, match=rf'{message}.* \(File ".*test_capture_refusals\.py", line \d+, in forward'
    ):
        import_model(model, normal(3, 6, 4))


def test_a_number_of_a_weight_is_a_constant() -> None:
    """`.item()` of a buffer depends on no input: it is the number that it is."""

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("scale", torch.tensor([2.0, 0.5]))

        def forward(self, x: Tensor) -> Tensor:
            return x * self.scale.sum().item()

    x = normal(3, 4)
    torch.testing.assert_close(import_model(Scaled(), x).run((x,))[0], 2.5 * x)


def test_a_model_that_changes_its_input_leaves_the_example_alone() -> None:
    """In-place arithmetic on the argument is captured, and neither the example nor the comparison feels it."""

    class InPlace(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            x.add_(1.0)
            return x * 2.0

    x = normal(3, 4)
    before = x.clone()
    program = import_model(InPlace(), x)
    assert torch.equal(x, before)
    torch.testing.assert_close(program.run((x.clone(),))[0], 2.0 * (x + 1.0))


def test_a_buffer_that_a_call_changes_is_refused() -> None:
    """The buffer's name, the line that makes its new value, and where state belongs."""

    class Running(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("mean", torch.zeros(4))

        def forward(self, x: Tensor) -> Tensor:
            self.mean = 0.9 * self.mean + 0.1 * x.mean((0, 1))
            return x - self.mean

    message = (
        r"^the model changes its buffer 'mean', but a result must not depend on the call before; take the old state as "
        r"an input and return the new one, or use nn\.GRU \(File .*in forward self\.mean = 0\.9 \* self\.mean"
    )
    with pytest.raises(ExportError, match=message):
        import_model(Running(), normal(3, 6, 4))


def test_an_output_that_is_no_tensor_is_refused() -> None:
    """Which output, and what it is."""

    class Config(nn.Module):
        def forward(self, x: Tensor) -> dict[str, object]:
            return {"logits": x * 2.0, "version": 3}

    with pytest.raises(ExportError, match="output 1 of the model is no tensor, found 3; return tensors"):
        import_model(Config(), normal(3, 4))


def test_weights_that_are_not_finite_are_counted() -> None:
    """Name, how many of how many, the first with its place, what to do."""
    model = nn.Sequential(nn.Linear(4, 4))
    with torch.no_grad():
        model[0].weight[1, 2] = float("nan")
        model[0].weight[3, 0] = float("inf")
    message = (
        r"^weight 0\.weight holds NaN or infinity: 2 of 16 values, the first nan at \[1, 2\]; load a checkpoint from "
        "before the training diverged, or train again with a lower learning rate$"
    )
    with pytest.raises(ExportError, match=message):
        import_model(model, normal(2, 4))


class Packed(nn.Module):
    """Sequences of several lengths, as tutorials pack them."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.full((x.shape[0],), 6), batch_first=True)
        return self.lstm(packed)[0].data


def test_packed_sequences_are_named() -> None:
    """torch's own words would be about an argument of zeros()."""
    message = (
        r"Packed\.lstm cannot be captured: it packs sequences by their lengths; pad them .* return self\.lstm\(packed\)"
    )
    with pytest.raises(ExportError, match=message):
        import_model(Packed(), normal(3, 6, 4))


def test_a_model_that_torch_quantised_is_named() -> None:
    """Its integers are torch's; ours come from the float model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecation of eager quantisation
        quantised = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(4, 4)), {nn.Linear})
    with pytest.raises(ExportError, match="its layer 0 was quantised by torch already; give the float model"):
        import_model(quantised, normal(3, 4))


def test_torchscript_is_refused() -> None:
    """It has no Python to trace."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript's own deprecation
        scripted = torch.jit.script(nn.Linear(4, 4))
    with pytest.raises(ExportError, match=r"a TorchScript module cannot be exported; give the nn\.Module"):
        import_model(scripted, normal(3, 4))
