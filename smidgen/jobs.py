"""Jobs: pieces of a study that run side by side, leave their results in folders of their own, and resume after a kill.

A folder holds `result.json` (the job, what decided its figures, what it found) and `predictions.safetensors`. The
result is written last, so a folder that has one is complete.
"""

import fcntl
import hashlib
import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smidgen.errors import CheckpointError
from smidgen.whole_file import write_whole

VERSIONED = ("smidgen", "torch", "lightning", "numpy", "scikit-learn", "ziglang", "unicorn")

_WORKERS = 2
_RESULT = "result.json"
_ARRAYS = "predictions.safetensors"
_LOCK = ".lock"

Arrays = Mapping[str, NDArray[Any]]


# ---- one job's folder ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a finished job left: plain values for JSON, and arrays by name."""

    document: Mapping[str, Any]
    arrays: Arrays


def read_finished(folder: Path, job: Mapping[str, Any]) -> Finished | None:
    """Return what a finished job left; None, so that it is done again, if it is not finished, if its files are damaged
    or if another version of the code made it.

    Args: job, what decides its figures, the recordings' contents included. Raises CheckpointError if the folder holds
    the result of another job.
    """
    path = folder / _RESULT
    if not path.exists():
        return None
    try:
        document = json.loads(path.read_text())
        stored, made_by = document["job"], document["environment"]
    except (ValueError, KeyError, TypeError):
        return None
    asked = json.loads(json.dumps(job))
    differ = [f"{key} is {stored[key]!r} there, asked for {asked[key]!r}" for key in asked
              if key in stored and stored[key] != asked[key]]  # fmt: skip
    if differ:
        raise CheckpointError(
            f"{path} is the result of another job: {'; '.join(differ)}. Choose another folder with --out"
        )
    if stored.keys() != asked.keys() or made_by != environment():  # an older version may have asked for less
        return None
    try:
        return Finished(document=document, arrays=load_file(folder / _ARRAYS))
    except (OSError, SafetensorError):
        return None


def write_finished(folder: Path, job: Mapping[str, Any], finished: Finished) -> None:
    """Leave what a job found, the document last."""
    arrays = {name: np.ascontiguousarray(array) for name, array in finished.arrays.items()}
    write_whole(folder / _ARRAYS, save(arrays))
    document = {"job": job, "environment": environment(), **finished.document}
    write_whole(folder / _RESULT, (json.dumps(document, indent=1) + "\n").encode())


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder and wait until no other process works in it: two jobs may share a training."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def processor_seconds() -> float:
    """Return how long this process and those it waited for have computed, whatever runs beside them."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@cache
def environment() -> dict[str, str]:
    """Return what decides the figures: versions of what computes, and a hash of this package's own sources."""
    digest = hashlib.sha256()
    package = Path(__file__).parent
    for path in sorted(path for path in package.rglob("*") if path.suffix in (".py", ".h", ".c", ".ld")):
        digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    return {**{name: version(name) for name in VERSIONED}, "source": digest.hexdigest()[:16]}


# ---- many jobs -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A call that a worker process makes; `name` is what people read beside the progress bar."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def run_side_by_side(tasks: Sequence[Task], description: str) -> list[Any]:
    """Run tasks in two worker processes with a progress bar on stderr; returns their results in the order asked.

    The first task that raises stops the others that have not begun, and its error is raised here.
    """
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[last]}"),
    )  # fmt: skip
    results: dict[int, Any] = {}
    console = Console(stderr=True)
    with (
        Progress(*columns, console=console, disable=not console.is_terminal) as progress,
        ProcessPoolExecutor(
            _WORKERS, mp_context=multiprocessing.get_context("spawn"), initializer=_end_with_parent
        ) as pool,
    ):
        bar = progress.add_task(description, total=len(tasks), last="")
        numbers: dict[Future[Any], int] = {
            pool.submit(task.function, *task.arguments): number for number, task in enumerate(tasks)
        }
        try:
            for future in as_completed(numbers):
                number = numbers[future]
                results[number] = future.result()
                progress.update(bar, advance=1, last=f"done: {tasks[number].name}")
                if not console.is_terminal:  # a log has lines, no bar
                    console.print(f"{len(results)}/{len(tasks)} {tasks[number].name}", soft_wrap=True)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return [results[number] for number in range(len(tasks))]


def _end_with_parent() -> None:
    """End this worker when the process that started it is gone: killed outright, it cannot tell its workers to stop."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in a worker

    def watch() -> None:
        parent.join()
        os._exit(1)  # what a job has not finished, it does again

    threading.Thread(target=watch, daemon=True).start()
