"""Signal to noise between a float model's values and a compiled program's."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputFidelity:
    """How near one output is to the float model's."""

    name: str
    sqnr_db: float
    agreement: float  # share of equal indices for an integer output, of equal argmax over the last axis for others


def output_fidelity(name: str, expected: Array, actual: Array) -> OutputFidelity:
    """Compare an output (B, ...) with the float model's; an index is right or wrong, and has no noise."""
    if np.issubdtype(actual.dtype, np.integer):
        return OutputFidelity(name=name, sqnr_db=float("inf"), agreement=float(np.mean(expected == actual)))
    same = expected.reshape(len(expected), -1) if expected.ndim < 2 else expected
    found = actual.reshape(same.shape)
    agreement = float(np.mean(same.argmax(axis=-1) == found.argmax(axis=-1)))
    return OutputFidelity(name=name, sqnr_db=sqnr_db(expected, actual), agreement=agreement)


def sqnr_db(expected: Array, actual: Array) -> float:
    """Return the signal to quantisation noise ratio in dB, infinite where there is no noise.

    What a mask makes infinite is left out: an integer stands for it that is no nearer than another.
    """
    shown = np.isfinite(expected)
    signals = np.asarray(expected, np.float64)[shown]
    noise = float(np.sum((signals - actual[shown]) ** 2))
    signal = float(np.sum(signals**2))
    if noise == 0.0:
        return float("inf")
    return 10 * float(np.log10(max(signal, np.finfo(np.float64).tiny) / noise))
