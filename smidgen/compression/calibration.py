"""Ranges of every activation, observed over calibration windows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, fx

from smidgen.compression.inputs import batches
from smidgen.compression.program import FloatProgram
from smidgen.compression.structure import LAYOUT, PADS, PICKS, described
from smidgen.errors import ConfigError
from smidgen.models.loop import loop
from smidgen.models.recurrent_layers import lstm, lstm_cell_peak
from smidgen.models.selective_scan import selective_scan_states
from smidgen.models.ssd_scan import ssd_scan_states
from smidgen.numerics.quantization import QParams, qparams_for_range

aten = torch.ops.aten

#: int16 leaves a bit free for values beyond those of calibration; int8 cannot spare one.
_INT16_HEADROOM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of one activation: its extremes.

    The whole range is kept: clipping to the least squared error, usual for convolutional nets, cost 12 dB at the output
    of the three room classifiers, because the rare large values decide.
    """

    low: float
    high: float

    def qparams(self, dtype: str, *, symmetric: bool) -> QParams:
        """Return the quantisation parameters that hold what was seen."""
        headroom = _INT16_HEADROOM if dtype == "int16" else 1.0
        return qparams_for_range(self.low * headroom, self.high * headroom, dtype, symmetric=symmetric)

    def widened(self, value: Tensor, node: fx.Node) -> "Observation":
        """Return the observation that also holds a node's `value`; raise ConfigError if that is not finite."""
        if not value.numel():  # everything is hidden
            return Observation(low=min(self.low, 0.0), high=max(self.high, 0.0))
        low, high = value.min().item(), value.max().item()
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ConfigError(
                f"activation {described(node)} is not finite on the calibration windows: {low} to {high}; clamp its "
                "operand, or look for the first function that overflows or divides by zero"
            )
        return Observation(low=min(self.low, low), high=max(self.high, high))

    def including(self, peak: float) -> "Observation":
        """Return the observation that also holds +-`peak`."""
        return Observation(low=min(self.low, -peak), high=max(self.high, peak))


_NOTHING = Observation(low=np.inf, high=-np.inf)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Observations by node name, and peaks of what recurrences carry: a scan's state by channel, an LSTM's cell.

    `learned` has what quantisation-aware training chose instead, by node; it holds wherever the recipe gives the node
    the type that it was learned for.
    """

    observations: Mapping[str, Observation]
    state_peaks: Mapping[str, NDArray[np.float64]]
    n_windows: int
    learned: Mapping[str, QParams] = field(default_factory=dict)


def calibrate(program: FloatProgram, windows: Any) -> Calibration:
    """Run calibration windows through the float program and observe every floating-point node.

    Args: windows, a tensor, a tuple of tensors, or an iterable of such, with a leading batch axis.
    Raises ConfigError if there is no window, or an activation is not finite.
    """
    observer = _Observer(program)
    n_windows = 0
    with torch.no_grad():
        for batch in batches(windows, program.input_names):
            program.check_inputs(batch)
            program.run(batch, observer)
            n_windows += batch[0].shape[0]
    if n_windows == 0:
        raise ConfigError("calibration needs at least one window; pass windows of the training set")
    return Calibration(
        observations=observer.observations,
        state_peaks=observer.state_peaks,
        n_windows=n_windows,
    )


class _Observer(fx.Interpreter):
    """Runs the graph and records what passes each node."""

    def __init__(self, program: FloatProgram, within: "_Observer | None" = None) -> None:
        """Observe a program, or the body of a loop `within` another: all steps count."""
        super().__init__(program.graph_module)
        self.extra_traceback = False  # errors are told in our words alone
        self.observations: dict[str, Observation] = {} if within is None else within.observations
        self.state_peaks: dict[str, NDArray[np.float64]] = {} if within is None else within.state_peaks
        self._constants = program.constants
        self._hiding: dict[fx.Node, float] = {}  # node -> the number that stands in it for what a mask hides
        self._bodies = {name: _Observer(body, self) for name, body in program.bodies.items()}

    def run_node(self, node: fx.Node) -> Any:
        if node.name in self._bodies:
            args, _ = self.fetch_args_kwargs_from_env(node)
            return loop(self._bodies[node.name].run, *args[1:])
        result = super().run_node(node)
        is_activation = node.op != "output" and node.name not in self._constants
        is_input = node.op == "placeholder"  # of truth values too
        if is_activation and isinstance(result, Tensor) and (is_input or result.dtype != torch.bool):
            hiding = self._hiding_number(node)
            if hiding is not None:
                self._hiding[node] = hiding
            values = result if hiding is None else result[result != hiding]  # an end of the range stands for it
            seen = self.observations.get(node.name, _NOTHING)
            self.observations[node.name] = seen.widened(values if values.is_floating_point() else values.double(), node)
        if node.target in _SCAN_STATES:
            args, _ = self.fetch_args_kwargs_from_env(node)
            self._see_state(node, _scan_peaks(_SCAN_STATES[node.target], *args))
        elif node.target is lstm:
            args, _ = self.fetch_args_kwargs_from_env(node)
            self._see_state(node, np.array([lstm_cell_peak(*args)]))
        return result

    def _hiding_number(self, node: fx.Node) -> float | None:
        """Return what a node puts in place of what a mask hides, or passes on from such a node; None for any other."""
        if node.target in _PASSES:
            return next((self._hiding[parent] for parent in node.all_input_nodes if parent in self._hiding), None)
        if node.target not in _REPLACES:
            return None
        args, kwargs = self.fetch_args_kwargs_from_env(node)
        found = (_extreme(value) for value in (*args, *kwargs.values()))
        return next((value for value in found if value is not None), None)

    def _see_state(self, node: fx.Node, peaks: NDArray[np.float64]) -> None:
        self.state_peaks[node.name] = np.maximum(peaks, self.state_peaks.get(node.name, 0.0))


#: From here on a number that replaces what a mask hides is not one that is computed with.
_BEYOND_ACTIVATIONS = 1e4
#: Operators that may put such a number, or infinity, in place of what a mask hides, or around a tensor.
_REPLACES = frozenset({
    aten.masked_fill.Scalar, aten.masked_fill.Tensor, aten.where.self, aten.where.ScalarOther, aten.where.ScalarSelf,
    aten.add.Tensor, *PADS,
})  # fmt: skip
#: Operators whose result holds elements of their operands.
_PASSES = LAYOUT - PADS | PICKS | {aten.cat.default, aten.stack.default, aten.maximum.default, aten.minimum.default}


def _extreme(value: Any) -> float | None:
    """Return a number that no activation has, infinity or a very large one, or the one that a tensor holds."""
    if isinstance(value, Tensor):
        if not value.is_floating_point() or not value.numel():
            return None
        value = float(value.flatten()[value.abs().argmax()])
    return value if isinstance(value, float) and abs(value) >= _BEYOND_ACTIVATIONS else None


_SCAN_STATES: Mapping[Any, Callable[..., Tensor]] = {
    torch.ops.smidgen.selective_scan.default: selective_scan_states,
    torch.ops.smidgen.ssd_scan.default: ssd_scan_states,
}


def _scan_peaks(
    all_states: Callable[..., Tensor], u: Tensor, delta: Tensor, A: Tensor, B: Tensor, C: Tensor, D: Tensor,
    reverse: bool = False,
) -> NDArray[np.float64]:  # fmt: skip
    """Return the largest |h| of each channel (d,)."""
    states = all_states(u, delta, A, B, reverse=reverse)
    return np.asarray(states.abs().amax(dim=(0, 1)).amax(dim=-1).double().numpy())
