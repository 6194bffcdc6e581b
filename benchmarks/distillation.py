"""`python -m benchmarks.distillation --root DATA --runs RUNS`: is a teacher worth anything to a student? On SPHERE.

Student alone against the same student taught, same seed and training but for the loss. The teacher of held-out sequence
i speaks of training sequence j as extra-trees that saw neither, with two decisions of look-ahead, perhaps smoothed over
the room graph; which form, is chosen for each i by its out-of-fold log loss on the other sequences. Weight and
temperature are fixed beforehand. The students alone are those of `smidgen demo --data sphere`. Trainings that are done
are read back, so a run that was stopped continues.
"""

import argparse
import dataclasses
import json
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save

from smidgen.benchmark import Benchmark, load_benchmark
from smidgen.data import Recording, decide
from smidgen.decoding import EvidenceConfig, forward_backward, learn_transitions, log_evidence, on_grid
from smidgen.evaluation import macro_f1_without, model_inputs
from smidgen.models import RoomClassifier, build_model
from smidgen.training import DistillationConfig, load_model, train
from smidgen.training.baselines import baseline_probabilities
from smidgen.training.metrics import paired_bootstrap, score, time_blocks
from smidgen.training.presets import ModelPreset
from smidgen.whole_file import write_whole

RESULTS = Path("results/distillation.json")
RUNS = Path("runs/distillation")
TEACHER = "extra-trees-on-5-windows-2-ahead"
DISTILLATION = DistillationConfig(weight=0.5, temperature=1.0)
SHARPNESS = (0.3, 0.5, 1.0)  # of the evidence, where the teacher is smoothed

_TEACHER_SEED = 0
_LEAST = 1e-3  # of a probability in the log loss
_TOOLS = ("smidgen", "torch", "lightning", "scikit-learn", "numpy")

Probabilities = NDArray[np.float64]
Forms = dict[str, Probabilities]  # of a teacher's answers, by name


def main() -> None:
    """Teach, train, answer and score; write the records after every student."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distillation", description=main.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the folder of the real recordings")
    parser.add_argument("--runs", type=Path, required=True, help="the run folder of `smidgen demo --data sphere`")
    parser.add_argument("--models", nargs="+", default=["gru", "mamba", "transformer"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the records (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    benchmark = load_benchmark("sphere", arguments.root, None)
    taught = out_of_fold(benchmark)
    teachers = [chosen_teacher(benchmark, taught, held_out) for held_out in range(len(benchmark.splits))]
    print("teachers:", ", ".join(name for name, _ in teachers), flush=True)
    records: list[dict[str, Any]] = []
    for model in arguments.models:
        records += _students(benchmark, teachers, arguments.runs, model, arguments.seeds)
        write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())
        print(json.dumps(records[-2:]), flush=True)


def out_of_fold(benchmark: Benchmark) -> dict[tuple[int, int], Forms]:
    """Return, by (i, j), what a teacher that saw neither sequence i nor j says of j's decisions, in every form."""
    recordings = [split.test[0] for split in benchmark.splits]
    found = {}
    for pair in combinations(range(len(recordings)), 2):
        path = RUNS / f"teacher-{pair[0]}-{pair[1]}.safetensors"
        if not path.exists():
            rest = [recording for index, recording in enumerate(recordings) if index not in pair]
            answers = {
                str(j): baseline_probabilities(TEACHER, rest, recordings[j], seed=_TEACHER_SEED) for j in pair
            }  # fmt: skip
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, save(answers))
            print("teacher without", pair, flush=True)
        rest = [recording for index, recording in enumerate(recordings) if index not in pair]
        for j, i in (pair, pair[::-1]):
            found[i, j] = _forms(load_file(path)[str(j)], recordings[j], rest)
    return found


def _forms(probabilities: Probabilities, recording: Recording, rest: list[Recording]) -> Forms:
    """Return a teacher's answers as they are, and smoothed over the room graph that other sequences show."""
    known = [decide(each) for each in rest]
    n_rooms = probabilities.shape[1]
    transitions = learn_transitions(known, n_rooms=n_rooms)
    labels = np.concatenate([each.label for each in known])
    prior = np.bincount(labels, minlength=n_rooms) / len(labels)
    index = decide(recording).index
    forms = {"as it is": probabilities}
    for sharpness in SHARPNESS:
        evidence = log_evidence(probabilities, prior, EvidenceConfig(sharpness=sharpness))
        smoothed = forward_backward(on_grid(evidence, index), transitions)[index - index[0]]
        forms[f"smoothed at {sharpness}"] = smoothed
    return forms


def chosen_teacher(
    benchmark: Benchmark, taught: dict[tuple[int, int], Forms], held_out: int
) -> tuple[str, Probabilities]:
    """Return the form with the least log loss on the sequences that are not held out, and what it says of them."""
    others = [j for j in range(len(benchmark.splits)) if j != held_out]
    label = np.concatenate([decide(benchmark.splits[j].test[0]).label for j in others])
    forms = {
        name: np.concatenate([taught[held_out, j][name] for j in others]) for name in taught[held_out, others[0]]
    }  # fmt: skip
    loss = {name: -np.log(np.maximum(p[np.arange(len(p)), label], _LEAST)).mean() for name, p in forms.items()}
    name = min(loss, key=lambda each: loss[each])
    return name, forms[name]


def _students(
    benchmark: Benchmark, teachers: list[tuple[str, Probabilities]], runs: Path, model: str, seeds: int
) -> list[dict[str, Any]]:
    """Return a record of the student alone and one of the student taught, seeds and sequences together."""
    answers: dict[str, list[NDArray[np.int64]]] = {"alone": [], "distilled": []}
    for seed in range(seeds):
        parts: dict[str, list[NDArray[np.int64]]] = {"alone": [], "distilled": []}
        for index, split in enumerate(benchmark.splits):
            sequence = split.test[0].name.replace("/", "-")
            alone = load_model(runs / "sphere" / sequence / model / f"seed-{seed}" / "training")
            distilled = _distilled(benchmark, index, teachers[index][1], model, seed)
            for kind, classifier in (("alone", alone), ("distilled", distilled)):
                inputs = model_inputs(benchmark.windows(split.test))
                with torch.no_grad():
                    parts[kind].append(classifier(*inputs)[:, -1].argmax(dim=1).numpy())
            print(model, seed, sequence, flush=True)
        for kind in answers:
            answers[kind].append(np.concatenate(parts[kind]))
    return [_record(benchmark, teachers, model, kind, answers) for kind in answers]


def _distilled(benchmark: Benchmark, index: int, probabilities: Probabilities, name: str, seed: int) -> RoomClassifier:
    """Return the student of one held-out sequence and seed, trained as alone but for its teacher."""
    preset: ModelPreset = benchmark.preset.models[name]
    windows = benchmark.windows(benchmark.splits[index].train)
    torch.manual_seed(seed)
    model = build_model(
        name,
        n_access_points=len(windows.access_points),
        n_motion=windows.motion.shape[2],
        n_rooms=len(windows.rooms),
        **preset.shape,
    )
    config = dataclasses.replace(preset.training_for(seed), distillation=DISTILLATION)
    folder = RUNS / name / f"{index}-seed-{seed}"
    return train(model, windows, None, config, folder, soft_targets=probabilities, progress=False).model


def _record(
    benchmark: Benchmark,
    teachers: list[tuple[str, Probabilities]],
    model: str,
    kind: str,
    answers: dict[str, list[NDArray[np.int64]]],
) -> dict[str, Any]:
    """Return the scores of one kind of student, and its distance from the student alone with its interval."""
    rooms = benchmark.splits[0].test[0].rooms
    held_out = [benchmark.windows(split.test) for split in benchmark.splits]
    truth = np.concatenate([windows.label for windows in held_out])
    of_seeds = [score(truth, each, rooms=rooms) for each in answers[kind]]
    macro_f1_8 = [macro_f1_without(scores, ("study",)) for scores in of_seeds]
    seeds = len(of_seeds)
    blocks = time_blocks(
        np.repeat(np.arange(len(held_out)), [len(windows) for windows in held_out]),
        np.concatenate([windows.time_s for windows in held_out]),
    )
    gain = paired_bootstrap(
        np.tile(truth, seeds), np.concatenate(answers["alone"]), np.concatenate(answers[kind]),
        groups=np.tile(blocks, seeds), n_rooms=len(rooms), seed=0,
    )  # fmt: skip
    return {
        "data": benchmark.name,
        "model": model,
        "training": kind,
        "teacher": "" if kind == "alone" else f"{TEACHER}, out of fold, {_counted([name for name, _ in teachers])}",
        "weight": 0.0 if kind == "alone" else DISTILLATION.weight,
        "temperature": DISTILLATION.temperature,
        "macro_f1": float(np.mean([scores.macro_f1 for scores in of_seeds])),
        "macro_f1_8": float(np.mean(macro_f1_8)),
        "macro_f1_8_std": float(np.std(macro_f1_8)),
        "accuracy": float(np.mean([scores.accuracy for scores in of_seeds])),
        "macro_f1_gain": gain.difference,  # over the student alone, all seeds pooled
        "macro_f1_gain_low": gain.low,
        "macro_f1_gain_high": gain.high,
        "seeds": seeds,
        "n_decisions": len(truth),
        "command": f"python -m benchmarks.distillation --root DATA --runs RUNS --models {model} --seeds {seeds}",
        "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS),
    }


def _counted(names: list[str]) -> str:
    return ", ".join(f"{name} ({names.count(name)})" for name in sorted(set(names)))


if __name__ == "__main__":
    main()
