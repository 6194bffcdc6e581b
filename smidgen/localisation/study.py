"""The study: every contestant on every held-out part with every seed, then one document, one page and the firmware.

Each job leaves its result in a folder of its own, so that a killed study continues where it stopped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from smidgen.benchmark import Benchmark, load_benchmark
from smidgen.errors import ConfigError
from smidgen.jobs import Task, environment, run_side_by_side
from smidgen.localisation.ceiling import ceiling_entry
from smidgen.localisation.contestants import CONTESTANTS, Contestant, find_contestant
from smidgen.localisation.delivery import deliver, preferred_student
from smidgen.localisation.document import study_document
from smidgen.localisation.job import StudyJob, StudyResult, run_study_job
from smidgen.localisation.scoring import record_of, rows_of
from smidgen.pooling import Pool
from smidgen.whole_file import write_whole

WORKERS = 2
DOCUMENT_FILE = "localisation.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyConfig:
    """What to study and where the results go."""

    data: str = "simulated"
    root: Path | None = None
    out: Path = Path("runs/localisation")
    folds: int | None = None
    seeds: int = 3
    contestants: tuple[str, ...] = tuple(CONTESTANTS)
    command: str = "smidgen localise"

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ConfigError(f"a study needs at least 1 seed, got {self.seeds}")
        for name in self.contestants:
            find_contestant(name)
        if not self.contestants:
            raise ConfigError("a study needs a contestant; leave --models out for all of them")


def run_study(config: StudyConfig) -> dict[str, Any]:
    """Run all jobs, deliver the preferred student, and write `localisation.json` into the run folder; returns it.

    Raises ConfigError and DataError as `load_benchmark`; whatever a job refuses.
    """
    benchmark = load_benchmark(config.data, config.root, config.folds)
    jobs = plan(config, benchmark)
    _tell(config, jobs)
    results: list[StudyResult] = run_side_by_side(
        [Task(name=job.name, function=run_study_job, arguments=(job,)) for job in jobs], "fit, compile, prove"
    )
    pool = Pool(benchmark)
    versions = {"python": sys.version.split()[0], **environment()}
    rows = list(rows_of(results))
    stated = ", ".join(f"{name} {version}" for name, version in versions.items())
    records = [record_of(row, pool, data=benchmark.name, command=config.command, versions=stated) for row in rows]
    root = None if config.root is None else str(config.root)
    ceiling = (
        None
        if root is None or benchmark.name != "sphere"
        else ceiling_entry(root, pool, command=config.command, versions=stated)
    )
    compiled = any(record.ram_bytes is not None for record in records)
    delivered = (
        deliver(preferred_student(records), data=config.data, root=root, folder=config.out) if compiled else None
    )
    ranked = list(zip(rows, records, strict=True))
    found = study_document(config.command, versions, benchmark, pool, ranked, delivered, ceiling)
    config.out.mkdir(parents=True, exist_ok=True)
    write_whole(config.out / DOCUMENT_FILE, (json.dumps(found, indent=1) + "\n").encode())
    return found


def plan(config: StudyConfig, benchmark: Benchmark) -> list[StudyJob]:
    """Return the jobs: the first seed of every contestant first, so that an early stop leaves all of them once."""
    return [
        StudyJob(
            data=config.data,
            root=None if config.root is None else str(config.root),
            fold=fold,
            contestant=name,
            seed=seed,
            folder=str(config.out / "jobs" / split.name.replace("/", "-") / name / f"seed-{seed}"),
            trainings=str(config.out / "trainings" / split.name.replace("/", "-")),
        )
        for seed in range(config.seeds)
        for name in config.contestants
        for fold, split in enumerate(benchmark.splits)
        if _is_run(CONTESTANTS[name], seed, len(split.train))
    ]


def _is_run(contestant: Contestant, seed: int, n_training: int) -> bool:
    seeds = contestant.most_seeds
    return (seeds is None or seed < seeds) and n_training >= contestant.least_recordings


def _tell(config: StudyConfig, jobs: Sequence[StudyJob]) -> None:
    """Say on stderr what is to be done and how long it should take."""
    console = Console(stderr=True)
    total_s = sum(CONTESTANTS[job.contestant].budget_s for job in jobs)
    console.print(f"{len(jobs)} jobs in {config.out}, about {total_s / WORKERS / 60:.0f} minutes on {WORKERS} cores:")
    for name in config.contestants:
        own = sum(job.contestant == name for job in jobs)
        needs = CONTESTANTS[name].least_recordings
        about = f"{own} jobs of about {CONTESTANTS[name].budget_s:.0f} s" if own else f"needs {needs} to train on"
        console.print(f"  {name}: {about}")
