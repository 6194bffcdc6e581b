"""Powers whose exponent is a parameter."""

import torch
from small_models import assert_equal_everywhere, normal
from torch import Tensor, nn


def generalised_mean(m: nn.Module, x: Tensor) -> Tensor:
    """Pooling with one learned exponent (Radenovic et al. 2018)."""
    return x.abs().clamp(min=0.01).pow(m.exponent).mean(1).pow(1.0 / m.exponent)


def energy_normalised(m: nn.Module, x: Tensor) -> Tensor:
    """One exponent a channel (Wang et al. 2017)."""
    energy = x.square() + 0.1
    return (x.abs() / energy**m.by_channel + 2.0) ** 0.5


FUNCTIONS = {
    "generalised mean": generalised_mean,
    "energies": energy_normalised,
    "computed": lambda m, x: (x.abs() + 0.2) ** torch.sigmoid(x),
    "of a constant": lambda m, x: m.by_channel**x,
    "by a number of its own": lambda m, x: x ** m.two,
}  # fmt: skip
LAYERS = {
    "exponent": nn.Parameter(torch.tensor([3.0])),
    "by_channel": normal(4, seed=3).abs() + 0.5,
    "two": torch.tensor(2.0),
}


def test_powers_follow_pytorch() -> None:
    """Above 100 dB in float32 and 25 dB in integers, and in C byte for byte."""
    floors = {"float32": 100.0, "int16": 30.0, "int8": 25.0}
    assert_equal_everywhere(FUNCTIONS, (normal(16, 6, 4),), floors, **LAYERS)
