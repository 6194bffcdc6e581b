"""`python -m benchmarks.confidence --root DATA`: calibration error before and after, and "unknown", as flat records.

SPHERE, leave one sequence out, the preset's GRU on windows. For each fold, temperature and threshold are fitted on
the decisions of another sequence, by a model that was trained without both: nothing of the held-out sequence decides.
Runs are shared with benchmarks.robustness, and continue where they were stopped.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

import smidgen
from benchmarks.robustness import RUNS
from benchmarks.trained_rooms import MODEL, SEED, last_logits, trained_rooms
from smidgen.benchmark import Benchmark, load_benchmark
from smidgen.evaluation import SENSOR_INPUTS, model_inputs
from smidgen.models import ConfidentRooms, LastStep
from smidgen.training.confidence import (
    answered,
    fit_temperature,
    negative_log_likelihood,
    reliability,
    softmax,
    threshold_for_accuracy,
    threshold_for_coverage,
)
from smidgen.whole_file import write_whole

RESULTS = Path("results/confidence.json")
PAIRS = ((0, 5), (1, 6), (2, 7), (3, 4))
"""Sequences that speak for each other: (1, 7), (2, 8), (3, 9) and (4, 6), so that a study stays in training."""

AUGMENTATION = "preset"
COVERAGE = 0.95
ACCURACY = 0.98
_CALIBRATION_WINDOWS = 512
_TOOLS = ("smidgen", "torch", "numpy", "ziglang", "unicorn")

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoldAnswers:
    """The probabilities (n, R) of one held-out sequence, and what was fitted elsewhere."""

    label: NDArray[np.int16]
    raw: Floats  # at temperature 1
    scaled: Floats
    integer: Floats  # of the compiled program
    temperature: float
    thresholds: dict[str, float]  # by what they were chosen for
    mismatched_bytes: int


def main() -> None:
    """Fit, compile, prove and score; write the records."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.confidence", description=main.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the folder of the real recordings")
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the records (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    benchmark = load_benchmark("sphere", arguments.root, None)
    folds = []
    for index in range(len(benchmark.splits)):
        folds.append(_fold(benchmark, index))
        print(benchmark.splits[index].name, f"temperature {folds[-1].temperature:.2f}", flush=True)
    write_whole(arguments.out, (json.dumps(list(_records(folds)), indent=1) + "\n").encode())


def _records(folds: list[FoldAnswers]) -> Iterator[dict[str, Any]]:
    """Yield calibration before and after, bins of the diagrams, and what thresholds leave; all folds pooled."""
    label = np.concatenate([fold.label for fold in folds])
    common = {
        "data": "sphere",
        "model": MODEL,
        "seed": SEED,
        "n_decisions": len(label),
        "mismatched_bytes": sum(fold.mismatched_bytes for fold in folds),
        "command": "python -m benchmarks.confidence",
        "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS),
    }
    temperatures = [fold.temperature for fold in folds]
    for precision, stage in (("float", "raw"), ("float", "scaled"), ("int8", "integer")):
        said = np.concatenate([getattr(fold, stage) for fold in folds])
        diagram = reliability(said, label)
        named = common | {"precision": precision, "scaled": stage != "raw"}
        yield named | {
            "kind": "calibration",
            "expected_calibration_error": diagram.expected_calibration_error,
            "negative_log_likelihood": negative_log_likelihood(said, label),
            "confidence": float(said.max(axis=1).mean()),
            "accuracy": float((said.argmax(axis=1) == label).mean()),
            "temperature_least": 1.0 if stage == "raw" else min(temperatures),
            "temperature_most": 1.0 if stage == "raw" else max(temperatures),
        }
        for row in diagram.records():
            yield named | {"kind": "bin"} | row
        if stage == "raw":
            continue
        for chosen_for in folds[0].thresholds:
            parts = [answered(getattr(f, stage), f.label, threshold=f.thresholds[chosen_for]) for f in folds]
            n_answered = sum(part.coverage * len(f.label) for part, f in zip(parts, folds, strict=True))
            right = sum(part.accuracy * part.coverage * len(f.label) for part, f in zip(parts, folds, strict=True))
            yield named | {
                "kind": "unknown",
                "chosen_for": chosen_for,
                "threshold_least": min(part.threshold for part in parts),
                "threshold_most": max(part.threshold for part in parts),
                "coverage": n_answered / len(label),
                "accuracy": right / n_answered,
            }


def _fold(benchmark: Benchmark, index: int) -> FoldAnswers:
    """Return a fold's answers; the fitting and compiling are read back where they were done before."""
    split = benchmark.splits[index]
    held_out = benchmark.windows(split.test)
    model = trained_rooms(
        benchmark, split.train, augmentation=AUGMENTATION, folder=RUNS / f"sphere-{index}-{AUGMENTATION}" / "training"
    )
    temperature, thresholds = _fitted(benchmark, index)
    logits = last_logits(model, held_out).numpy()
    stored = RUNS / f"confidence-{index}.safetensors"
    if not stored.exists():
        confident = ConfidentRooms(LastStep(model), temperature=temperature, threshold=thresholds["coverage"])
        calibration = benchmark.windows(split.train)
        chosen = np.random.default_rng(SEED).permutation(len(calibration))[:_CALIBRATION_WINDOWS]
        batch = model_inputs(calibration[np.sort(chosen)])
        firmware = smidgen.compile(
            confident.eval(),
            tuple(value[:1] for value in batch),
            calibration=batch,
            recipe="int8",
            name="rooms",
            inputs=SENSOR_INPUTS,
        )
        report = firmware.check(model_inputs(held_out), emulate=64)
        write_whole(
            stored,
            save(
                {
                    "integer": np.ascontiguousarray(report.values[0][:, :-1]),
                    "mismatched_bytes": np.array([report.mismatched_bytes]),
                }
            ),
        )
    read = load_file(stored)
    return FoldAnswers(
        label=held_out.label,
        raw=softmax(logits),
        scaled=softmax(logits, temperature=temperature),
        integer=read["integer"],
        temperature=temperature,
        thresholds=thresholds,
        mismatched_bytes=int(read["mismatched_bytes"][0]),
    )


def _fitted(benchmark: Benchmark, index: int) -> tuple[float, dict[str, float]]:
    """Return temperature and thresholds for a fold, from the sequence that is its pair."""
    pair = next(pair for pair in PAIRS if index in pair)
    other = pair[1] if index == pair[0] else pair[0]
    recordings = [split.test[0] for split in benchmark.splits]
    model = trained_rooms(
        benchmark,
        [recording for i, recording in enumerate(recordings) if i not in pair],
        augmentation=AUGMENTATION,
        folder=RUNS / f"sphere-without-{pair[0]}-{pair[1]}-{AUGMENTATION}",
    )
    windows = benchmark.windows((recordings[other],))
    logits = last_logits(model, windows).numpy()
    temperature = fit_temperature(logits, windows.label)
    said = softmax(logits, temperature=temperature)
    return temperature, {
        "coverage": threshold_for_coverage(said, windows.label, coverage=COVERAGE).threshold,
        "accuracy": threshold_for_accuracy(said, windows.label, accuracy=ACCURACY).threshold,
    }


if __name__ == "__main__":
    main()
