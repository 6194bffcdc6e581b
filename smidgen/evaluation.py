"""Score one compiled program on held-out windows, and hold all its executions against each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.compression import Input
from smidgen.compression.inputs import Batch
from smidgen.data import Windows
from smidgen.fidelity import CheckReport
from smidgen.firmware import Firmware
from smidgen.records import EvaluationRecord
from smidgen.training.metrics import Scores, score

#: What a BLE controller and a 16-bit accelerometer of +-8 g deliver: whole dBm, and steps of 2^-12 g.
SENSOR_INPUTS = {
    "rssi": Input(dtype="int8", scale=1.0, unit="dBm", axes=("time", "access point"), description="127 = not heard"),
    "motion": Input(dtype="int16", scale=2.0**-12, unit="g", axes=("time", "channel")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A record, with the comparison and the predictions behind it for pooling and paired comparison."""

    record: EvaluationRecord
    report: CheckReport
    float_prediction: NDArray[np.int16]  # (n,) PyTorch model
    prediction: NDArray[np.int16]  # (n,) compiled program


def model_inputs(windows: Windows) -> Batch:
    """Return (rssi (n, T, A), motion (n, T, M)) as the networks take them, the level in dBm with 127 for not heard."""
    return torch.from_numpy(windows.rssi).float(), torch.from_numpy(windows.motion)


def evaluate(
    firmware: Firmware,
    windows: Windows,
    *,
    model: str,
    data: str,
    split: str,
    seed: int,
    rare_rooms: Sequence[str],
    emulate: int | None,
    dump: Path | None = None,
) -> Evaluation:
    """Run every window on the host and `emulate` of them (None: all) on the emulated core, and score both programs.

    Where executions differ, `dump` is the folder that takes the tensors of the first differing sample.
    """
    inputs = model_inputs(windows)
    report = firmware.check(inputs, emulate=emulate, dump=dump)
    float_logits, logits = report.float_values[0], report.values[0]
    float_prediction = float_logits.argmax(axis=1).astype(np.int16)
    prediction = logits.argmax(axis=1).astype(np.int16)
    float_scores = score(windows.label, float_prediction, rooms=windows.rooms)
    scores = score(windows.label, prediction, rooms=windows.rooms)
    measurement = firmware.measurement
    record = EvaluationRecord(
        model=model,
        recipe=firmware.recipe_name,
        data=data,
        split=split,
        seed=seed,
        macro_f1_float=float_scores.macro_f1,
        macro_f1_integer=scores.macro_f1,
        macro_f1_without_rare=macro_f1_without(scores, rare_rooms),
        accuracy_float=float_scores.accuracy,
        accuracy_integer=scores.accuracy,
        argmax_agreement=report.argmax_agreement,
        mismatched_bytes=report.mismatched_bytes,
        ram_bytes=measurement.ram_bytes,
        state_bytes=measurement.state_bytes,
        arena_bytes=measurement.arena_bytes,
        stack_bytes=measurement.stack_bytes,
        flash_bytes=measurement.flash_bytes,
        instructions=measurement.instructions,
        cycles_estimate=measurement.cycles_estimate,
        parameters=firmware.float_program.parameter_count,
        n_windows=report.n_windows,
        n_emulated=report.n_emulated,
        logit_error=float(np.abs(logits - float_logits).max() / np.abs(float_logits).max()),
    )
    return Evaluation(record=record, report=report, float_prediction=float_prediction, prediction=prediction)


def macro_f1_without(scores: Scores, rare_rooms: Sequence[str]) -> float:
    """Return the mean F1 over the rooms that occur and are not named in `rare_rooms`."""
    return float(np.nanmean([f1 for room, f1 in scores.f1.items() if room not in rare_rooms]))
