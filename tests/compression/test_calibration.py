"""Calibration sees the extremes of every activation over every form of windows, and refuses what it cannot observe."""

import numpy as np
import pytest
import torch
from small_models import Chain, normal
from torch import Tensor, nn

from smidgen.compression import FloatProgram, calibrate, import_model
from smidgen.compression.calibration import Observation
from smidgen.errors import ConfigError
from smidgen.models.selective_scan import selective_scan, selective_scan_states


@pytest.fixture(scope="module")
def program() -> FloatProgram:
    """The module with one of everything."""
    return import_model(Chain(), normal(2, 6, 4))


def test_extremes_are_those_of_the_activations(program: FloatProgram) -> None:
    """Input and output of the program are observed with exactly their range, zero included."""
    x = normal(300, 6, 4)
    calibration = calibrate(program, x)
    y = program.run((x,))[0]
    for name, value in ((program.input_names[0], x), (program.output_names[0], y)):
        seen = calibration.observations[name]
        assert (seen.low, seen.high) == (min(0.0, value.min().item()), max(0.0, value.max().item()))
    assert calibration.n_windows == 300
    assert not set(calibration.observations) & set(program.constants)


def test_every_form_of_windows_is_the_same(program: FloatProgram) -> None:
    """A tensor, a tuple, a list of batches and a generator give the same observations."""
    x = normal(300, 6, 4)
    expected = calibrate(program, x).observations
    for windows in ((x,), [x[:7], x[7:]], [(x[:200],), (x[200:],)], (part for part in x.split(50))):
        assert calibrate(program, windows).observations == expected


def test_int16_has_headroom_and_int8_none() -> None:
    """A value twice as large as calibration saw still fits int16; int8 spends all its steps on what was seen."""
    seen = Observation(low=-1.0, high=3.0)
    assert seen.qparams("int16", symmetric=True).scale * 32767 == pytest.approx(6.0)
    int8 = seen.qparams("int8", symmetric=False)
    assert int8.dequantize(np.array([-128, 127])).tolist() == pytest.approx([-1.0, 3.0], abs=int8.scale)
    assert seen.qparams("int8", symmetric=True).scale * 127 == pytest.approx(3.0)


def test_peaks_of_a_scan_are_those_of_its_states() -> None:
    """By channel, over all windows, steps and states."""

    class Scan(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.A = nn.Parameter(-torch.rand(3, 2) - 0.1)
            self.D = nn.Parameter(torch.ones(3))

        def forward(self, u: Tensor, B: Tensor) -> Tensor:
            return selective_scan(u, torch.sigmoid(u), self.A, B, B, self.D)

    model = Scan()
    u, B = normal(20, 9, 3), normal(20, 9, 2, seed=1)
    program = import_model(model, (u[:2], B[:2]))
    (peak,) = calibrate(program, [(u[:5], B[:5]), (u[5:], B[5:])]).state_peaks.values()
    with torch.no_grad():
        states = selective_scan_states(u, torch.sigmoid(u), model.A, B)
    np.testing.assert_allclose(peak, states.abs().amax(dim=(0, 1, 3)).numpy(), rtol=1e-6)


@pytest.mark.parametrize("windows", [torch.zeros(0, 6, 4), [], iter(())])
def test_no_window_is_refused(program: FloatProgram, windows: object) -> None:
    """Nothing to observe is an error, not a scale of 1."""
    with pytest.raises(ConfigError, match="calibration needs at least one window; pass windows of the training set"):
        calibrate(program, windows)


def test_windows_of_another_shape_are_refused(program: FloatProgram) -> None:
    """The input is named."""
    with pytest.raises(ConfigError, match="input x must be"):
        calibrate(program, normal(5, 6, 3))


def test_an_activation_that_is_not_finite_is_refused() -> None:
    """Finite windows that overflow inside the model: the activation is named."""

    class Exponential(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.sigmoid(torch.exp(x))

    program = import_model(Exponential(), normal(2, 4))
    with pytest.raises(
        ConfigError,
        match=r"activation :exp \(File .*\) is not finite on the calibration windows: .* to inf; clamp its operand",
    ):
        calibrate(program, torch.full((3, 4), 1000.0))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_window_that_is_not_finite_is_refused(program: FloatProgram, bad: float) -> None:
    """A missing reading must come as the code that training saw, not as NaN."""
    x = normal(5, 6, 4)
    x[3, 2, 1] = bad
    with pytest.raises(ConfigError, match="input x holds NaN or infinity; give the code of a missing reading instead"):
        calibrate(program, x)
