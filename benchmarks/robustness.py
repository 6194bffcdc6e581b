"""`python -m benchmarks.robustness --root DATA`: what each disturbance costs, as flat records.

Every model is trained on whole recordings and asked about disturbed ones that it has not seen; decisions are pooled
over the folds. Folds that are done are read back, so a run that was stopped continues.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from benchmarks.trained_rooms import MODEL, SEED, last_logits, trained_rooms
from smidgen.benchmark import Benchmark, load_benchmark
from smidgen.data import Recording, decide
from smidgen.data.corruption import CORRUPTIONS, corrupt
from smidgen.evaluation import macro_f1_without
from smidgen.training.baselines import BASELINES
from smidgen.training.metrics import score
from smidgen.whole_file import write_whole

RESULTS = Path("results/robustness.json")
RUNS = Path("runs/robustness")
BASELINE = "extra-trees-on-4-windows"
TRAININGS = ("plain", "preset", "strong")
_HOP_S = 2.0
_TOOLS = ("smidgen", "torch", "scikit-learn", "numpy")

Answers = dict[str, NDArray[Any]]  # by "corruption severity": logits (n, R) of a network, rooms (n,) of a baseline


def main() -> None:
    """Train, disturb, ask and score; write the records."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=main.__doc__)
    parser.add_argument("--root", type=Path, default=None, help="the folder of the real recordings (for sphere)")
    parser.add_argument("--data", nargs="+", default=["simulated", "sphere"], choices=["simulated", "sphere"])
    parser.add_argument("--trainings", nargs="+", default=list(TRAININGS), choices=TRAININGS)
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the records (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    records: list[dict[str, Any]] = []
    for data in arguments.data:
        benchmark = load_benchmark(data, arguments.root, None)
        for training in (*arguments.trainings, BASELINE):
            records += _scored(benchmark, training)
            write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())
            print(data, training, "done", flush=True)


def _scored(benchmark: Benchmark, training: str) -> Iterator[dict[str, Any]]:
    """Yield one record for each disturbance, all folds pooled."""
    pooled: dict[str, list[NDArray[Any]]] = defaultdict(list)
    for index in range(len(benchmark.splits)):
        for key, values in _answers(benchmark, index, training).items():
            pooled[key].append(values)
    rooms = benchmark.splits[0].test[0].rooms
    truth = np.concatenate([decide(split.test[0]).label for split in benchmark.splits])
    for key, parts in pooled.items():
        name, severity = key.split(" ")
        answers = np.concatenate(parts)
        is_network = answers.ndim == 2
        scores = score(truth, answers.argmax(axis=1) if is_network else answers, rooms=rooms)
        yield {
            "data": benchmark.name,
            "model": MODEL if is_network else BASELINE,
            "training": training if is_network else "plain",
            "corruption": name,
            "severity": float(severity),
            "unit": CORRUPTIONS[name].unit if name in CORRUPTIONS else "",
            "macro_f1": scores.macro_f1,
            "macro_f1_without_rare": macro_f1_without(scores, benchmark.rare_rooms(benchmark.homes[0])),
            "accuracy": scores.accuracy,
            "entropy_nats": float(_entropy(answers).mean()) if is_network else None,
            "n_decisions": scores.decisions,
            "seed": SEED,
            "command": f"python -m benchmarks.robustness --data {benchmark.name}",
            "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS),
        }


def _answers(benchmark: Benchmark, index: int, training: str) -> Answers:
    """Return what one model answers on its fold under every disturbance; read back where that was done before."""
    folder = RUNS / f"{benchmark.name}-{index}-{training}"
    stored = folder / "answers.safetensors"
    if not stored.exists():
        ask = _baseline if training == BASELINE else _network
        answers = ask(benchmark, index, training, folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(stored, save(answers))
    return load_file(stored)


def _network(benchmark: Benchmark, index: int, training: str, folder: Path) -> Answers:
    split = benchmark.splits[index]
    model = trained_rooms(benchmark, split.train, augmentation=training, folder=folder / "training")
    return {
        key: last_logits(model, benchmark.windows((recording,))).numpy() for key, recording in disturbed(split.test[0])
    }


def _baseline(benchmark: Benchmark, index: int, training: str, folder: Path) -> Answers:
    split = benchmark.splits[index]
    baseline = BASELINES[training]
    features = np.concatenate([baseline.features(each, hop_s=_HOP_S) for each in split.train])
    labels = np.concatenate([decide(each, hop_s=_HOP_S).label for each in split.train])
    forest = baseline.make_model(SEED).fit(features, labels)
    return {
        key: forest.predict(baseline.features(recording, hop_s=_HOP_S)) for key, recording in disturbed(split.test[0])
    }


def disturbed(recording: Recording) -> Iterator[tuple[str, Recording]]:
    """Yield the recording as it is, and under every disturbance at every degree."""
    yield "none 0", recording
    for name, kind in CORRUPTIONS.items():
        for severity in kind.severities:
            yield f"{name} {severity:g}", corrupt(recording, name, severity, seed=SEED)


def _entropy(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the entropy (n,) of the probabilities that logits (n, R) stand for, in nats."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    entropy: NDArray[np.float64] = -(np.exp(log_p) * log_p).sum(axis=1)
    return entropy


if __name__ == "__main__":
    main()
