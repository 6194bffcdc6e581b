"""Import captures a module at a free batch size, leaves it alone, and refuses by name what it cannot capture."""

import io
from collections.abc import Callable

import pytest
import torch
from small_models import Chain, normal
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.compression import FloatProgram, import_model
from smidgen.compression.inputs import as_batch, batches
from smidgen.errors import ConfigError, ExportError, UnsupportedError


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., object]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> object:
        return self.function(x)


@pytest.fixture(scope="module")
def chain() -> FloatProgram:
    """The module with one of everything."""
    return import_model(Chain(), normal(2, 6, 4))


@pytest.mark.parametrize("example_batch", [1, 3])
def test_the_batch_is_free(example_batch: int) -> None:
    """Whatever batch the example has, the program runs at every other and equals the module."""
    model = Chain().eval()
    program = import_model(model, normal(example_batch, 6, 4))
    for batch in (1, 3, 7):
        x = normal(batch, 6, 4, seed=batch)
        torch.testing.assert_close(program.run((x,))[0], model(x))
    assert (program.input_names, program.input_shapes) == (("x",), ((6, 4),))
    assert program.parameter_count == sum(p.numel() for p in model.parameters())


def test_the_module_is_left_alone() -> None:
    """Still training, the same parameter objects, unchanged values."""
    model = Chain().train()
    before = {name: (id(p), p.detach().clone()) for name, p in model.named_parameters()}
    import_model(model, normal(2, 6, 4))
    assert model.training
    for name, parameter in model.named_parameters():
        assert id(parameter) == before[name][0]
        assert torch.equal(parameter, before[name][1])


def test_dropout_is_captured_at_rest() -> None:
    """The evaluation graph is what compiles: dropout passes everything."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5)).train()
    program = import_model(model, normal(2, 4))
    x = normal(3, 4, seed=1)
    torch.testing.assert_close(program.run((x,))[0], model[0](x))


def test_an_exported_program_is_taken_as_it_is() -> None:
    """Exported elsewhere, also by way of a file, it gives the same numbers."""
    model, x = Chain().eval(), normal(3, 6, 4)
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    buffer = io.BytesIO()
    torch.export.save(exported, buffer)
    buffer.seek(0)
    program = import_model(torch.export.load(buffer), x)
    torch.testing.assert_close(program.run((x,))[0], model(x))


def test_what_depends_on_weights_alone_is_folded() -> None:
    """-exp(A) of a parameter, and tensors made from nothing, are constants; what an input reaches is not."""
    scale = nn.Parameter(normal(4))

    class Folded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = scale

        def forward(self, x: Tensor) -> Tensor:
            return x * -torch.exp(self.scale) + torch.ones(4)

    program = import_model(Folded(), normal(2, 4))
    values = [value for value in program.constants.values() if value.shape == (4,)]
    assert any(torch.allclose(value, -torch.exp(scale)) for value in values)
    assert any(torch.equal(value, torch.ones(4)) for value in values)
    assert all(name not in program.constants for name in (*program.input_names, *program.output_names))


@pytest.mark.parametrize(
    ("function", "operator"),
    [(lambda x: x + torch.rand(4), "rand"), (lambda x: F.dropout(x, 0.5), "native_dropout")],
    ids=["noise", "dropout that never rests"],
)
def test_random_numbers_are_refused(function: Callable[[Tensor], object], operator: str) -> None:
    """A draw at import time would freeze one sample into the firmware."""
    with pytest.raises(UnsupportedError, match=f":{operator}: it draws random numbers; .*self.training .File "):
        import_model(Function(function), normal(2, 4))


@pytest.mark.parametrize(
    ("kind", "bad"), [("parameter", float("nan")), ("buffer", float("inf")), ("exported", float("nan"))]
)
def test_weights_that_are_not_finite_are_refused(kind: str, bad: float) -> None:
    """A diverged training is told at import, by the weight's name, for parameters and buffers alike."""
    model = nn.Sequential(nn.Linear(4, 4))
    if kind == "buffer":
        model.register_buffer("shift", torch.full((4,), bad))
        model.forward = lambda x: model[0](x) + model.shift  # type: ignore[method-assign]
    else:
        with torch.no_grad():
            model[0].weight[1, 2] = bad
    x = normal(2, 4)
    given = torch.export.export(model, (x,)) if kind == "exported" else model
    name = "shift" if kind == "buffer" else r"0\.weight"
    with pytest.raises(ExportError, match=f"weight {name} holds NaN or infinity"):
        import_model(given, x)


def test_a_batch_that_is_fixed_in_the_code_is_refused() -> None:
    """A firmware computes one sample: code that counts on three fails, and the message says where and what to write."""
    message = (
        r"Function fails on the example input of shape \(1, 4\): RuntimeError: shape '\[3, 4\]' is invalid for input "
        r"of size 4 \(File .*write x\.shape\[0\] or -1 where its code fixes the batch size"
    )
    with pytest.raises(ExportError, match=message):
        import_model(Function(lambda x: x.reshape(3, 4) + 1.0), normal(3, 4))


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ((normal(2, 6, 4), normal(2, 6, 4)), r"the model takes 1 inputs \('x',\), got 2"),
        ((normal(2, 6, 5),), r"input x must be torch.float32 \(batch, 6, 4\) .*, got torch.float32 \(2, 6, 5\)"),
        ((normal(2, 6, 4).double(),), r"got torch.float64 \(2, 6, 4\)"),
        ((normal(6, 4),), r"got torch.float32 \(6, 4\)"),
    ],
    ids=["number", "shape", "type", "no batch axis"],
)
def test_inputs_that_do_not_fit_are_refused(inputs: tuple[Tensor, ...], message: str, chain: FloatProgram) -> None:
    """Windows are checked before they run, with names and shapes."""
    with pytest.raises(ConfigError, match=message):
        chain.check_inputs(inputs)


def test_batches_cut_and_pass_on() -> None:
    """A tensor or a tuple of tensors is cut to size; an iterable gives its own batches."""
    x, y = normal(10, 2), normal(10, 3)
    assert [len(batch[0]) for batch in batches(x, size=4)] == [4, 4, 2]
    assert [tuple(part.shape for part in batch) for batch in batches((x, y), size=6)] == [
        ((6, 2), (6, 3)),
        ((4, 2), (4, 3)),
    ]
    assert [len(batch) for batch in batches([(x, y), x])] == [2, 1]
    with pytest.raises(
        ConfigError, match="inputs must be a tensor, a tuple of tensors, or tensors by name, batch first"
    ):
        as_batch([1.0])
