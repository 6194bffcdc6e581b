"""Ranges of every activation, observed over calibration windows."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from smidgen.compression.program import FloatProgram, batches
from smidgen.errors import ConfigError
from smidgen.models.selective_scan import selective_scan_states
from smidgen.numerics.quantization import QParams, qparams_for_range

_SAMPLE_SIZE = 20_000
_CLIP_CANDIDATES = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of one activation: its extremes, and a spread sample of its values."""

    low: float
    high: float
    sample: NDArray[np.float32]

    def qparams(self, dtype: str, *, symmetric: bool) -> QParams:
        """Return quantisation parameters: the whole range for int16, the clip of least squared error for int8."""
        whole = qparams_for_range(self.low, self.high, dtype, symmetric=symmetric)
        if dtype == "int16":
            return whole
        candidates = [
            qparams_for_range(self.low * shrink, self.high * shrink, dtype, symmetric=symmetric)
            for shrink in np.linspace(0.5, 1.0, _CLIP_CANDIDATES)
        ]
        return min([*candidates, whole], key=self._squared_error)

    def _squared_error(self, qparams: QParams) -> float:
        error = qparams.dequantize(qparams.quantize(self.sample)) - self.sample
        return float(np.mean(error * error))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Observations by node name, and the peak of each selective scan's state by channel."""

    observations: Mapping[str, Observation]
    state_peaks: Mapping[str, NDArray[np.float64]]
    n_windows: int


def calibrate(program: FloatProgram, windows: Any) -> Calibration:
    """Run calibration windows through the float program and observe every floating-point node.

    Args: windows, a tensor, a tuple of tensors, or an iterable of such, with a leading batch axis.
    Raises ConfigError if there is no window, or an activation is not finite.
    """
    observer = _Observer(program)
    n_windows = 0
    with torch.no_grad():
        for batch in batches(windows):
            program.check_inputs(batch)
            program.run(batch, observer)
            n_windows += batch[0].shape[0]
    if n_windows == 0:
        raise ConfigError("calibration needs at least one window; pass windows of the training set")
    return Calibration(
        observations={name: watch.observation() for name, watch in observer.watches.items()},
        state_peaks=observer.state_peaks,
        n_windows=n_windows,
    )


class _Observer(fx.Interpreter):
    """Runs the graph and records what passes each node."""

    def __init__(self, program: FloatProgram) -> None:
        super().__init__(program.graph_module)
        self.watches: dict[str, _Watch] = {}
        self.state_peaks: dict[str, NDArray[np.float64]] = {}
        self._constants = program.constants

    def run_node(self, node: fx.Node) -> Any:
        result = super().run_node(node)
        is_activation = node.op != "output" and node.name not in self._constants
        if is_activation and isinstance(result, Tensor) and result.is_floating_point():
            self.watches.setdefault(node.name, _Watch(node.name)).update(result)
        if node.target is torch.ops.smidgen.selective_scan.default:
            u, delta, A, B, _, _ = (self.env[arg] for arg in node.args)  # type: ignore[index]
            peak = selective_scan_states(u, delta, A, B).abs().amax(dim=(0, 1)).amax(dim=-1).double().numpy()
            self.state_peaks[node.name] = np.maximum(peak, self.state_peaks.get(node.name, 0.0))
        return result


class _Watch:
    def __init__(self, name: str) -> None:
        self.name = name
        self.low, self.high = np.inf, -np.inf
        self.samples: list[NDArray[np.float32]] = []

    def update(self, value: Tensor) -> None:
        low, high = value.min().item(), value.max().item()
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ConfigError(f"activation {self.name} is not finite on the calibration windows: {low} to {high}")
        self.low, self.high = min(self.low, low), max(self.high, high)
        flat = value.detach().reshape(-1)
        self.samples.append(flat[:: max(1, flat.numel() // _SAMPLE_SIZE)].numpy().copy())

    def observation(self) -> Observation:
        sample = np.concatenate(self.samples)
        stride = max(1, sample.size // _SAMPLE_SIZE)
        return Observation(low=self.low, high=self.high, sample=sample[::stride])
