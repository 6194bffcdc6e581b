"""`python -m benchmarks.quantization_aware --root DATA --runs RUNS`: what training through the integers brings back.

The float models are those of `smidgen demo --data sphere`, one a held-out sequence. Each is compiled after rounding
alone and after quantisation-aware training without labels, under recipes from the usual one to int8 throughout with
4-bit linear layers; the integer graph answers every held-out decision, and decisions are pooled over the sequences.
Trainings that are done are read back, so a run that was stopped continues.
"""

import argparse
import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from smidgen.benchmark import Benchmark, load_benchmark
from smidgen.compression import Calibration, Recipe, Rule, calibrate, find_recipe, import_model, make_plan
from smidgen.compression.codecs import Uniform
from smidgen.compression.inputs import Batch
from smidgen.compression.quantization_aware import QuantizationAwareConfig, quantize_aware
from smidgen.data import Windows
from smidgen.evaluation import SENSOR_INPUTS, macro_f1_without, model_inputs
from smidgen.firmware import quantize_inputs
from smidgen.ir import interpret
from smidgen.lowering import lower
from smidgen.models import LastStep
from smidgen.training import load_model
from smidgen.training.metrics import score
from smidgen.whole_file import write_whole

RESULTS = Path("results/quantization_aware.json")
RUNS = Path("runs/quantization_aware")
SEED = 0
RECIPES = (
    find_recipe("int8"),
    find_recipe("int8-pure"),
    Recipe(name="int8-pure-w4", rules=(Rule(match="*:linear", weight=Uniform(bits=4)),)),
)
CONFIG = QuantizationAwareConfig(epochs=2, seed=SEED)

_TOOLS = ("smidgen", "torch", "lightning", "numpy")
_CALIBRATION_WINDOWS = 512  # for rounding alone, as the study has


def main() -> None:
    """Train, lower, answer and score; write the records after every model and recipe."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quantization_aware", description=main.__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the folder of the real recordings")
    parser.add_argument("--runs", type=Path, required=True, help="the run folder of `smidgen demo --data sphere`")
    parser.add_argument("--models", nargs="+", default=["mamba", "gru", "transformer"])
    parser.add_argument("--recipes", nargs="+", default=[recipe.name for recipe in RECIPES])
    parser.add_argument("--out", type=Path, default=RESULTS, help=f"where to write the records (default {RESULTS})")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    benchmark = load_benchmark("sphere", arguments.root, None)
    records: list[dict[str, Any]] = []
    for model in arguments.models:
        for recipe in (recipe for recipe in RECIPES if recipe.name in arguments.recipes):
            records += _pooled(benchmark, arguments.runs, model, recipe)
            write_whole(arguments.out, (json.dumps(records, indent=1) + "\n").encode())
            print(json.dumps(records[-2:]), flush=True)


def _pooled(benchmark: Benchmark, runs: Path, model: str, recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Yield a record of rounding alone and one of training, over all sequences."""
    folds = [_fold(benchmark, index, runs, model, recipe) for index in range(len(benchmark.splits))]
    columns = {key: np.concatenate([fold[key] for fold in folds]) for key in folds[0]}
    truth, started = columns["truth"], columns["float"]
    for method in ("rounding", "training"):
        answers = columns[method]
        scores = score(truth, answers, rooms=benchmark.splits[0].test[0].rooms)
        own = started if method == "rounding" else columns["tuned_float"]
        yield {
            "data": benchmark.name,
            "model": model,
            "recipe": recipe.name,
            "method": method,
            "argmax_agreement": float((answers == own).mean()),  # with its own float model
            "agreement_before_training": float((answers == started).mean()),  # with the float model it began from
            "agreement_worst_sequence": min(
                float((fold[method] == fold["float" if method == "rounding" else "tuned_float"]).mean())
                for fold in folds
            ),
            "macro_f1": scores.macro_f1,
            "macro_f1_8": macro_f1_without(scores, ("study",)),
            "accuracy": scores.accuracy,
            "accuracy_float": float((truth == own).mean()),
            "n_decisions": scores.decisions,
            "epochs": CONFIG.epochs if method == "training" else 0,
            "seed": SEED,
            "command": (
                "python -m benchmarks.quantization_aware --root DATA --runs RUNS "
                f"--models {model} --recipes {recipe.name}"
            ),
            "versions": " ".join(f"{tool} {version(tool)}" for tool in _TOOLS),
        }


def _fold(benchmark: Benchmark, index: int, runs: Path, model: str, recipe: Recipe) -> dict[str, NDArray[Any]]:
    """Return the rooms (n,) that each form answers for one held-out sequence."""
    split = benchmark.splits[index]
    sequence = split.test[0].name.replace("/", "-")
    classifier = LastStep(load_model(runs / "sphere" / sequence / model / f"seed-{SEED}" / "training"))
    known, held_out = benchmark.windows(split.train), benchmark.windows(split.test)
    inputs, test = model_inputs(known), model_inputs(held_out)
    result = quantize_aware(
        classifier, inputs, run_folder=RUNS / f"{model}-{recipe.name}-{sequence}", recipe=recipe, inputs=SENSOR_INPUTS,
        config=CONFIG, progress=False,
    )  # fmt: skip
    print(f"{model} {recipe.name} {sequence} {result.seconds:.0f} s", flush=True)
    observed = calibrate(import_model(classifier, _first(inputs)), model_inputs(_calibration(known)))
    return {
        "truth": held_out.label,
        "float": _float_answers(classifier, test),
        "tuned_float": _float_answers(result.model, test),
        "rounding": _integer_answers(classifier, observed, recipe, test),
        "training": _integer_answers(result.model, result.calibration, recipe, test),
    }


def _calibration(windows: Windows) -> Windows:
    """Return the windows that set the ranges in the study."""
    chosen = np.random.default_rng(SEED).permutation(len(windows))[:_CALIBRATION_WINDOWS]
    return windows[np.sort(chosen)]


def _float_answers(model: torch.nn.Module, inputs: Batch) -> NDArray[np.int64]:
    with torch.no_grad():
        logits: Tensor = model(*inputs)
    return logits.argmax(dim=1).numpy()


def _integer_answers(
    model: torch.nn.Module, calibration: Calibration, recipe: Recipe, inputs: Batch
) -> NDArray[np.int64]:
    program = import_model(model, _first(inputs))
    graph = lower(program, make_plan(program, calibration, recipe, SENSOR_INPUTS), name="rooms")
    logits = interpret(graph, quantize_inputs(program, graph, inputs))[graph.outputs[0]]
    return np.asarray(logits.argmax(axis=1))


def _first(inputs: Batch) -> Batch:
    return tuple(value[:1] for value in inputs)


if __name__ == "__main__":
    main()
