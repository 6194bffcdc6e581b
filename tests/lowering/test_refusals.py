"""What cannot be lowered is refused: the operator, the reason and the user's line are in the message."""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from small_models import lowered, normal
from torch import Tensor, nn
from torch.nn import functional as F

from smidgen.compression import FloatProgram, Input, calibrate, find_recipe, import_model, make_plan
from smidgen.errors import ConfigError, UnsupportedError
from smidgen.lowering import lower, supported_operators
from smidgen.models.selective_scan import selective_scan


class Function(nn.Module):
    """A function as a module, with the layers that it needs."""

    def __init__(self, function: Callable[..., object], *layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        self.layers = nn.ModuleList(layers)
        self.scale = nn.Parameter(normal(4))

    def forward(self, x: Tensor) -> object:
        return self.function(self, x)


CASES: dict[str, tuple[Callable[..., object], tuple[nn.Module, ...], str]] = {
    "unknown operator": (lambda m, x: torch.atan(x), (), r":atan: operator aten.atan.default has no lowering"),
    "unknown layer": (lambda m, x: m.layers[0](x), (nn.Fold((1, 5), (1, 2)),), "layers.0:col2im.* has no lowering"),
    "three axes": (
        lambda m, x: m.layers[0](x[:, :, :, None, None]), (nn.Conv3d(6, 2, 1),), ":conv3d: .*aten.conv3d.default has"
    ),
    "transposed convolution of little": (
        lambda m, x: m.layers[0](x), (nn.ConvTranspose1d(6, 2, 2, padding=2),), r"padding \[2\] cuts off more than the"
    ),
    "windows of several sizes": (
        lambda m, x: F.adaptive_max_pool1d(x.mT, 4), (), "windows over 6 elements are of several sizes; ask for an"
    ),
    "a divisor": (
        lambda m, x: F.avg_pool2d(x[:, None], 2, divisor_override=3), (), "a divisor of its own is not supported"
    ),
    "padding that counts in part": (
        lambda m, x: F.avg_pool1d(x, 3, 2, 1, ceil_mode=True), (), "its last window reaches beyond the padding"
    ),
    "indices of a pooling": (
        lambda m, x: F.max_pool1d(x, 2, return_indices=True)[1], (), r"result 1 of aten.max_pool1d_\S+ is not computed"
    ),
    "batch reduced": (lambda m, x: x.mean(0), (), ":mean: it works along the batch axis"),
    "batch sliced": (lambda m, x: x[1:], (), ":slice: it works along the batch axis"),
    "one sample taken": (lambda m, x: x[0], (), ":select: it works along the batch axis; .* by unsqueeze.0. where"),
    "batch reversed": (lambda m, x: x.flip(0) + x, (), ":flip: it works along the batch axis"),
    "batch mixed in a view": (
        lambda m, x: x.transpose(0, 1).reshape(-1, 6, 4), (), ":reshape: it works along the batch axis"
    ),
    "length of another order": (lambda m, x: x.norm(p=3, dim=1), (), "a length of order 3.0 is not supported; only 1,"),
    "whole argmax": (lambda m, x: x.argmax(), (), ":argmax: it works along the batch axis"),
    "changes everywhere": (
        lambda m, x: m.layers[0](x) % 0.01, (nn.Linear(4, 4),), ":remainder: it changes too often for a table of int16"
    ),
    "growing state": (
        lambda m, x: selective_scan(x, x.sigmoid(), torch.ones(4, 2), x[..., :2], x[..., 2:], torch.ones(4)), (),
        "selective scan needs A < 0, found 1: the state would grow without bound",
    ),
    "accumulator": (
        lambda m, x: m.layers[0](torch.cat([x] * 150, dim=-1)), (nn.Linear(600, 1),),
        r"layers.0:linear: accumulator: the accumulator can reach \d+, an int32 holds less",
    ),
    "weight that overflows": (
        lambda m, x: F.linear(x, torch.exp(m.layers[0].weight * 1e4)), (nn.Linear(4, 4),),
        r"its weight is computed from parameters, and \d+ of 16 values are NaN or infinite; clamp the parameter before",
    ),
    "softplus of another kind": (lambda m, x: F.softplus(x, threshold=5.0), (), "softplus with threshold 5 is not"),
}  # fmt: skip
#: Cases that one arithmetic alone refuses.
INT16_ONLY = ("accumulator", "changes everywhere")
FLOAT_ONLY = ("softplus of another kind", "weight that overflows")
INTEGER_ONLY = ("growing state",)


@cache
def imported(name: str) -> FloatProgram:
    """Return a case's program, with weights of 1 where the accumulator is the case: the hardest for it."""
    function, layers, _ = CASES[name]
    model = Function(function, *layers)
    return import_model(ones_of(model) if name in INT16_ONLY else model, normal(8, 6, 4))


def ones_of(model: nn.Module) -> nn.Module:
    """Set all weights to 1."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1.0)
    return model


@pytest.mark.parametrize("name", CASES)
def test_what_has_no_lowering_is_refused_with_its_line(name: str) -> None:
    """The label of the operator, why, and file and line of the user's code."""
    message = CASES[name][2]
    recipe = "int16" if name in INT16_ONLY else "float32" if name in FLOAT_ONLY else "int8-pure"
    with pytest.raises(UnsupportedError, match=message) as caught:
        lowered(imported(name), (normal(8, 6, 4),), recipe)
    found = re.search(r'File ".*?([\w.]+)", line (\d+), in (\w+)', str(caught.value))
    assert found is not None, str(caught.value)
    assert (found[1], found[3]) == (Path(__file__).name, "<lambda>") or found[3] == "forward"


@pytest.mark.parametrize("name", sorted(set(CASES) - {*INT16_ONLY, *FLOAT_ONLY, *INTEGER_ONLY}))
def test_float32_refuses_the_same(name: str) -> None:
    """What no arithmetic can do is refused in float32 too, never computed in another way."""
    with pytest.raises(UnsupportedError, match=CASES[name][2]):
        lowered(imported(name), (normal(8, 6, 4),), "float32")


def test_the_line_is_the_one_that_made_the_operator() -> None:
    """Not the module's call, not torch's own files: the very line."""

    class Wave(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            shifted = x + 1.0
            return torch.atan(shifted)

    with pytest.raises(UnsupportedError, match=r"test_refusals.py.*in forward return torch.atan\(shifted\)"):
        lowered(Wave(), (normal(8, 6, 4),))


def test_a_code_that_int8_cannot_say_is_refused() -> None:
    """Equality with 127 needs integers that hold 127: with a declared scale of 1 it is exact for every code."""
    heard = Function(lambda m, x: torch.where(x.ne(127.0), x * 0.01, 0.0))
    rssi = torch.arange(-128.0, 128.0).reshape(64, 4)
    with pytest.raises(UnsupportedError, match=r'compares x with 127, which int8 .*inputs=\{"x": Input\(dtype="int8"'):
        lowered(heard, (rssi * 1.01,), "int8-pure")
    rungs = lowered(heard, (rssi,), "int8-pure", {"x": Input(dtype="int8", scale=1.0)})
    (found,) = rungs.integers((rssi,))
    exact = np.where(rssi == 127.0, 0.0, rssi * 0.01)
    scale = rungs.graph[rungs.graph.outputs[0]].qparams.scale  # type: ignore[union-attr]
    assert np.abs(found - exact).max() <= 0.51 * scale
    assert found.reshape(-1)[-1] == 0.0


def test_an_output_of_weights_alone_is_refused() -> None:
    """A firmware computes nothing that could be computed before."""
    constant = Function(lambda m, x: (x + 1.0, torch.exp(m.scale)))
    with pytest.raises(UnsupportedError, match="is computed from weights alone; return it apart from the model"):
        lowered(constant, (normal(8, 4),), "int8-pure")


def test_what_calibration_did_not_see_is_refused() -> None:
    """A plan without a range for an activation cannot be lowered."""
    program = import_model(Function(lambda m, x: torch.sigmoid(x)), normal(8, 4))
    plan = make_plan(program, calibrate(program, normal(8, 4)), find_recipe("int8"))
    plan.qparams.pop(next(name for name in plan.qparams if name != "x"))  # type: ignore[attr-defined]
    with pytest.raises(UnsupportedError, match=":sigmoid: no range was observed for it during calibration"):
        lower(program, plan, name="small")


def test_an_unknown_input_name_is_refused() -> None:
    """A declaration for an input that the model lacks names those it has."""
    with pytest.raises(ConfigError, match="the model has no input 'rssi'; its inputs are x"):
        lowered(Function(lambda m, x: x * 2.0), (normal(8, 4),), "int8", {"rssi": Input(dtype="int8", scale=1.0)})


def test_a_size_that_varies_is_refused() -> None:
    """A program exported with a free number of steps: the input, the size's name, what to change."""
    x = normal(8, 6, 4)
    free = torch.export.Dim.DYNAMIC
    exported = torch.export.export(nn.Linear(4, 4), (x,), dynamic_shapes=({0: free, 1: free},))
    with pytest.raises(
        UnsupportedError,
        match=r"^input input: the axis of size s\d+ varies from call to call; only the batch may\. Fix it: leave it",
    ):
        lowered(import_model(exported, x), (x,), "int8")


def test_inputs_named_as_words_of_c_are_renamed() -> None:
    """Nothing in the user's module has to change: the firmware's parameter gets another name."""

    class Named(nn.Module):
        def forward(self, signed: Tensor, output: Tensor, ctx: Tensor) -> Tensor:
            return signed + output * ctx

    x = tuple(normal(8, 4, seed=i) for i in range(3))
    rungs = lowered(Named(), x, "float32")
    assert rungs.graph.inputs == ("signed_in", "output_in", "ctx_in")
    assert rungs.graph.outputs == ("output",)
    np.testing.assert_allclose(rungs.integers(x)[0], x[0] + x[1] * x[2], rtol=1e-6)


def test_the_supported_operators_can_be_listed() -> None:
    """Sorted and by torch's names, as the error lists them."""
    names = supported_operators()
    assert names == sorted(names)
    assert {"aten.linear.default", "smidgen.selective_scan.default", "aten.gru.input"} <= set(names)
