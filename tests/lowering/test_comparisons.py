"""Comparisons for equality are exact: a code that a sensor sends is found among the integers, or refused."""

import numpy as np
import pytest
import torch
from small_models import lowered, normal
from torch import Tensor, nn

from smidgen.compression import Input
from smidgen.errors import UnsupportedError


class Masked(nn.Module):
    """Silences one code, and a second one among what is left."""

    def __init__(self, code: float, second: float) -> None:
        super().__init__()
        self.code, self.second = code, second

    def forward(self, x: Tensor) -> Tensor:
        once = torch.where(x == self.code, 0.0, x)
        return torch.where(once.ne(self.second), once, 0.0)


@pytest.mark.parametrize(("scale", "steps"), [(0.1, 127), (0.1, -3), (0.07, 43), (1 / 3, 100), (1.0, 127)])
def test_a_code_at_any_scale_is_found(scale: float, steps: int) -> None:
    """Both codes become 0 and nothing else does, in integers and simulated, however the products round."""
    code, second = steps * scale, (steps - 1) * scale
    code, second = float(f"{code:.9g}"), float(f"{second:.9g}")
    x = (torch.arange(-128, 128, dtype=torch.float64) * scale).float().reshape(64, 4)
    rungs = lowered(Masked(code, second), (x,), "int16", {"x": Input(dtype="int8", scale=scale)})
    expected = {steps, steps - 1, 0}
    for found in (*rungs.integers((x,)), *rungs.fake_quantized((x,))):
        silent = np.flatnonzero(found.reshape(-1) == 0.0) - 128
        assert set(silent.tolist()) == expected


def test_a_code_that_a_function_never_gives_is_refused() -> None:
    """The operand of a comparison may be a step of a chain: its values are what must hold the code."""

    class Far(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.where(torch.tanh(x) == 0.5, 0.0, x)

    with pytest.raises(UnsupportedError, match=r":eq: it compares tanh with 0.5, which int8 at scale .* cannot repr"):
        lowered(Far(), (normal(8, 4),), "int8-pure")
