"""The fake-quantised program rounds what becomes integers, lets gradients through, and leaves float recipes alone."""

import numpy as np
import torch
from small_models import Chain, normal
from torch import nn

from smidgen.compression import calibrate, fake_quantize, find_recipe, import_model, make_plan
from smidgen.compression.codecs import Uniform
from smidgen.compression.fake_quantization import straight_through
from smidgen.numerics.quantization import QParams


def test_values_are_those_that_the_integers_stand_for() -> None:
    """Rounded, saturated, on the grid of the quantisation parameters, as numpy's twin says."""
    qparams = QParams(dtype="int8", scale=0.1, zero_point=7)
    x = normal(1000) * 10
    expected = qparams.dequantize(qparams.quantize(x.numpy()))
    np.testing.assert_allclose(straight_through(x, qparams).numpy(), expected, atol=1e-5)


def test_gradients_pass_inside_the_range_and_stop_beyond() -> None:
    """Straight through: 1 where the value can move, 0 where it saturates."""
    x = torch.tensor([-100.0, -1.0, 0.0, 1.0, 100.0], requires_grad=True)
    straight_through(x, QParams(dtype="int8", scale=0.1)).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


def test_a_float_program_is_unchanged() -> None:
    """A float32 recipe gives the program's own numbers, bit for bit."""
    program, x = import_model(Chain(), normal(2, 6, 4)), normal(5, 6, 4)
    plan = make_plan(program, None, find_recipe("float32"))
    assert torch.equal(fake_quantize(program, plan, (x,))[0], program.run((x,))[0])


def test_weights_are_rounded_as_they_are_stored() -> None:
    """With activations at 16 bits what remains is the error of 4-bit weights, by the same codec."""
    model = nn.Sequential(nn.Linear(4, 4, bias=False)).eval()
    program, x = import_model(model, normal(2, 4)), normal(50, 4)
    recipe = type(find_recipe("int16"))(name="w4", activation="int16", weight=Uniform(bits=4))
    plan = make_plan(program, calibrate(program, x), recipe)
    stored = Uniform(bits=4).encode(model[0].weight.detach().numpy()).decode()
    found = fake_quantize(program, plan, (x,))[0].detach().numpy()
    np.testing.assert_allclose(found, x.numpy() @ stored.T, atol=1e-3)


def test_training_moves_through_the_rounding() -> None:
    """Quantisation-aware steps on the program's own weights lower a loss that rounding had raised."""
    torch.manual_seed(0)
    program, x = import_model(Chain(), normal(2, 6, 4)), normal(64, 6, 4)
    target = torch.tanh(normal(64, 6, 4, seed=1))
    plan = make_plan(program, calibrate(program, x), find_recipe("int8-pure"))
    weights = [value.requires_grad_() for value in program.placeholders if value is not None]
    optimizer = torch.optim.SGD(weights, lr=0.2)
    losses = []
    for _ in range(16):
        loss = (fake_quantize(program, plan, (x,))[0] - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.8 * losses[0]
