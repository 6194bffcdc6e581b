"""The demonstration: recordings in, trained, compiled and proven programs out, one table and one page.

Trains every model on every split, side by side in two processes; each job leaves its results in the run folder, so that
a killed demonstration continues where it stopped.
"""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smidgen.benchmark import HOMES, Benchmark, load_benchmark
from smidgen.evaluation import macro_f1_without
from smidgen.experiment import RECIPES, Job, JobResult, run_job
from smidgen.jobs import Task, environment, run_side_by_side
from smidgen.pooling import Labels, Pool
from smidgen.training.baselines import CAUSAL_BASELINES, baseline_predictions
from smidgen.training.metrics import confusion_matrix, paired_bootstrap, time_blocks
from smidgen.training.presets import PRESET_MODELS
from smidgen.whole_file import write_whole

#: Windows of each held-out recording that also run on the emulated core; real recordings run whole.
_EMULATED_WINDOWS = {"simulated": 100}

#: What of the report document `summary.json` holds: every figure, but not what only the page draws.
SUMMARY = ("title", "command", "versions", "data", "rare_rooms", "results", "pooled", "baselines")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoConfig:
    """What to demonstrate on, and where the results go."""

    data: str = "simulated"
    root: Path | None = None
    out: Path = Path("runs/demo")
    folds: int | None = None
    seeds: int = 1
    models: tuple[str, ...] = PRESET_MODELS
    command: str = "smidgen demo"


def run_demo(config: DemoConfig) -> dict[str, Any]:
    """Run all jobs, and write `report.json` and `summary.json` into the run folder; returns the report document."""
    benchmark = load_benchmark(config.data, config.root, config.folds)
    jobs = _jobs(config, benchmark)
    baselines = [(name, index) for name in CAUSAL_BASELINES for index in range(len(benchmark.splits))]
    results, predictions = _run_all(config, jobs, baselines)
    found = document(config, benchmark, results, predictions)
    config.out.mkdir(parents=True, exist_ok=True)
    write_whole(config.out / "report.json", _json(found))
    write_whole(config.out / "summary.json", _json({key: found[key] for key in SUMMARY}))
    return found


def _jobs(config: DemoConfig, benchmark: Benchmark) -> list[Job]:
    """Return the jobs, the first split's first, so that an early stop leaves every model once."""
    return [
        Job(
            data=config.data,
            root=None if config.root is None else str(config.root),
            split=index,
            model=model,
            seed=seed,
            emulate=_EMULATED_WINDOWS.get(config.data),
            folder=str(config.out / benchmark.name / split.name.replace("/", "-") / model / f"seed-{seed}"),
        )
        for seed in range(config.seeds)
        for index, split in enumerate(benchmark.splits)
        for model in config.models
    ]


def _run_all(
    config: DemoConfig, jobs: Sequence[Job], baselines: Sequence[tuple[str, int]]
) -> tuple[list[JobResult], dict[tuple[str, int], Labels]]:
    """Run jobs and baselines side by side; results in the order asked."""
    tasks = [Task(name=job.name, function=run_job, arguments=(job,)) for job in jobs]
    for name, index in baselines:
        arguments = (config.data, config.root, name, index)
        tasks.append(Task(name=f"{name} split {index}", function=_baseline, arguments=arguments))
    found = run_side_by_side(tasks, "train, compile, prove")
    return found[: len(jobs)], dict(zip(baselines, found[len(jobs) :], strict=True))


def _baseline(data: str, root: Path | None, name: str, index: int) -> Labels:
    split = load_benchmark(data, root, None).splits[index]
    return baseline_predictions(name, split.train, split.test[0], seed=0)


# ---- the document ----------------------------------------------------------------------------------------------------


def document(
    config: DemoConfig,
    benchmark: Benchmark,
    results: Sequence[JobResult],
    baselines: dict[tuple[str, int], Labels],
) -> dict[str, Any]:
    """Return what a run found, as `report.json` holds it: all figures, and what the page draws."""
    pool = _Pool(benchmark)
    first_seed = [result for result in results if result.records[0].seed == 0]
    pooled = [pool.row(results, model, recipe) for recipe in RECIPES for model in config.models]
    best = max((row for row in pooled if row["recipe"] == "int8"), key=lambda row: row["macro_f1_integer"])
    truths = [_labels(benchmark, index) for index in range(len(benchmark.splits))]
    return {
        "title": f"Room-level localisation, {HOMES[benchmark.name]}",
        "command": config.command,
        "versions": {"python": sys.version.split()[0], **environment()},
        "data": config.data,
        "rooms": list(pool.rooms),
        "results": [asdict(record) for result in results for record in result.records],
        "pooled": pooled,
        "baselines": [
            pool.baseline(name, truths, [baselines[name, index] for index in range(len(truths))])
            for name in CAUSAL_BASELINES
        ],
        "rare_rooms": list(pool.rare),
        "confusion": [_confusion(result, "int8") for result in first_seed if result.records[0].model == best["model"]],
        "timeline": _timeline(first_seed),
        "measurements": [
            measurement
            for result in first_seed
            if result.records[0].split == first_seed[0].records[0].split
            for measurement in result.measurements
        ],
        "targets": {"ram_limits": [32768, 65536], "flash_limits": [65536]},
    }


class _Pool(Pool):
    """Rows of the leaderboard: scores over all splits at once."""

    def __init__(self, benchmark: Benchmark) -> None:
        super().__init__(benchmark)
        self._home = benchmark.homes

    def row(self, results: Sequence[JobResult], model: str, recipe: str) -> dict[str, Any]:
        """Return one row of the leaderboard: a model under a recipe over all splits and seeds."""
        chosen = [
            (result, record)
            for result in results
            for record in result.records
            if record.model == model and record.recipe == recipe
        ]
        seeds = sorted({record.seed for _, record in chosen})
        floats, compiled = [], []
        for seed in seeds:
            parts = [result for result, record in chosen if record.seed == seed]
            truth = _labels_of(parts, "truth")
            floats.append(self.score(truth, _labels_of(parts, "float")))
            compiled.append(self.score(truth, _labels_of(parts, recipe)))
        records = [record for _, record in chosen]
        agreements = [record.argmax_agreement for record in records]
        return {
            "model": model,
            "recipe": recipe,
            "n_seeds": len(seeds),
            "n_decisions": sum(record.n_windows for record in records) // len(seeds),
            "macro_f1_float": _mean([each.macro_f1 for each in floats]),
            "macro_f1_float_std": _spread([each.macro_f1 for each in floats]),
            "macro_f1_integer": _mean([each.macro_f1 for each in compiled]),
            "macro_f1_integer_std": _spread([each.macro_f1 for each in compiled]),
            "macro_f1_without_rare": _mean([macro_f1_without(each, self.rare) for each in compiled]),
            "accuracy_float": _mean([each.accuracy for each in floats]),
            "accuracy_integer": _mean([each.accuracy for each in compiled]),
            "argmax_agreement": float(np.average(agreements, weights=[record.n_windows for record in records])),
            "argmax_agreement_worst": min(agreements),
            "mismatched_bytes": sum(record.mismatched_bytes for record in records),
            "logit_error": max(record.logit_error for record in records),
            "ram_bytes": max(record.ram_bytes for record in records),
            "flash_bytes": max(record.flash_bytes for record in records),
            "instructions": max(record.instructions or 0 for record in records),
            "parameters": max(record.parameters for record in records),
            "interval": self._interval([result for result, _ in chosen], recipe),
        }

    def baseline(self, name: str, truths: Sequence[Labels], predicted: Sequence[Labels]) -> dict[str, Any]:
        """Return the scores of one baseline over all splits."""
        scores = self.score(zip(self._home, truths, strict=True), zip(self._home, predicted, strict=True))
        return {
            "name": name,
            "macro_f1": scores.macro_f1,
            "macro_f1_without_rare": macro_f1_without(scores, self.rare),
            "accuracy": scores.accuracy,
        }

    def _interval(self, results: Sequence[JobResult], recipe: str) -> list[float]:
        """Return the 95 % paired bootstrap interval of compiled minus float macro-F1, in blocks of a minute."""
        recordings = list(dict.fromkeys(result.recording for result in results))
        number = np.concatenate([np.full(len(r.predictions["truth"]), recordings.index(r.recording)) for r in results])
        groups = time_blocks(number, np.concatenate([result.predictions["time_s"] for result in results]))
        interval = paired_bootstrap(
            *(self.joined(_labels_of(results, key)) for key in ("truth", "float", recipe)),
            groups=groups, n_rooms=len(self.rooms), seed=0,
        )  # fmt: skip
        return [interval.low, interval.high]


def _labels_of(results: Iterable[JobResult], key: str) -> list[tuple[str, Labels]]:
    """Return one kind of prediction, or the truth, of each result with its home."""
    return [(result.home, result.predictions[key]) for result in results]


def _labels(benchmark: Benchmark, index: int) -> Labels:
    return benchmark.windows(benchmark.splits[index].test).label


def _confusion(result: JobResult, recipe: str) -> dict[str, Any]:
    record = result.records[0]
    matrix = confusion_matrix(result.predictions["truth"], result.predictions[recipe], n_rooms=len(result.rooms))
    return {
        "model": record.model, "recipe": recipe, "split": record.split, "rooms": list(result.rooms),
        "matrix": matrix.tolist(),
    }  # fmt: skip


def _timeline(first_seed: Sequence[JobResult]) -> dict[str, Any]:
    """Return truth and int8 predictions over the first held-out recording."""
    shown = [result for result in first_seed if result.recording == first_seed[0].recording]
    return {
        "split": shown[0].records[0].split,
        "recording": shown[0].recording,
        "rooms": list(shown[0].rooms),
        "time_s": shown[0].predictions["time_s"].tolist(),
        "truth": shown[0].predictions["truth"].tolist(),
        "predictions": {f"{r.records[0].model} int8": r.predictions["int8"].tolist() for r in shown},
    }


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def _spread(values: Sequence[float]) -> float:
    return float(np.std(values, ddof=1)) if len(values) > 1 else 0.0


def _json(document: dict[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()
