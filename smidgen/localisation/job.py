"""One contestant on one fold with one seed: fitted, compiled, proven, decoded; its result stays in a folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.data import Recording, decide
from smidgen.decoding import EvidenceConfig
from smidgen.jobs import Finished, processor_seconds, read_finished, write_finished
from smidgen.localisation.answers import Answerer, CompiledStudent, Student
from smidgen.localisation.contestants import FLOAT, Contestant, find_contestant
from smidgen.localisation.decodings import OFF, answer
from smidgen.localisation.evidence import choose_evidence
from smidgen.localisation.fold import HOP_S, Fold, count_decisions, open_fold
from smidgen.localisation.stretches import Stretch, random_starts, whole

PROTOCOLS: Mapping[str, Callable[[int, int], tuple[Stretch, ...]]] = {
    "whole": lambda n_decisions, seed: whole(n_decisions),
    "random starts": lambda n_decisions, seed: random_starts(n_decisions, seed=seed),
}
"""Where a state begins, by name: stretches of a recording of so many decisions."""

Predictions = NDArray[np.int16]  # (n,) rooms of the scored decisions
Rooms = Callable[[Recording, Stretch], NDArray[np.int16]]  # (K,) the room of every decision of a stretch


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyJob:
    """What to fit and where its result goes."""

    data: str
    root: str | None
    fold: int
    contestant: str
    seed: int
    folder: str
    trainings: str  # of the fold: those who compete with the same network share its training

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.contestant} fold {self.fold} seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a program of a job cost; `recipe` float stands for the model in Python, which costs nothing here."""

    recipe: str
    decoding: str
    parameters: int | None
    ram_bytes: int | None = None
    flash_bytes: int | None = None
    instructions: int | None = None
    cycles_estimate: int | None = None
    mismatched_bytes: int | None = None
    n_compared: int = 0
    n_emulated: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyResult:
    """What a job found. Predictions go by "recipe/decoding/protocol"; truth and decision numbers beside them."""

    job: StudyJob
    home: str
    rooms: tuple[str, ...]
    split: str
    recordings: tuple[str, ...]
    programs: tuple[Program, ...]
    predictions: Mapping[str, Predictions]
    truth: Predictions
    recording: NDArray[np.int16]  # (n,) index into recordings
    index: NDArray[np.int64]  # (n,) number of the decision in its recording
    seconds: float  # of processor time that fitting, compiling and proving took


def run_study_job(job: StudyJob) -> StudyResult:
    """Do a job, or read back its result; a killed one continues where its training stood.

    Raises CheckpointError where the folder holds a result of other recordings, of the same name or not.
    """
    folder, fold = Path(job.folder), open_fold(job.data, job.root, job.fold)
    asked = {**asdict(job), "recordings": fold.contents}
    finished = read_finished(folder, asked)
    if finished is None:
        torch.set_num_threads(1)  # two jobs side by side are faster than one on two cores
        write_finished(folder, asked, _done(job, fold))
        finished = read_finished(folder, asked)
        assert finished is not None  # just written
    return _read(job, finished)


def _done(job: StudyJob, fold: Fold) -> Finished:
    began = processor_seconds()
    Path(job.folder).mkdir(parents=True, exist_ok=True)
    contestant = find_contestant(job.contestant)
    asked = [decide(recording, hop_s=HOP_S) for recording in fold.split.test]
    arrays: dict[str, NDArray[Any]] = {
        "truth": np.concatenate([each.label for each in asked]),
        "recording": np.concatenate([np.full(len(each), i, np.int16) for i, each in enumerate(asked)]),
        "index": np.concatenate([each.index for each in asked]).astype(np.int64),
    }
    programs = []
    for program, predictions in _programs(contestant, fold, job):
        programs.append(program)
        arrays |= predictions
    return Finished(
        document={
            "home": fold.split.test[0].home,
            "rooms": fold.rooms,
            "split": fold.split.name,
            "recordings": [recording.name for recording in fold.split.test],
            "programs": [asdict(program) for program in programs],
            "seconds": processor_seconds() - began,
        },
        arrays=arrays,
    )


def _programs(contestant: Contestant, fold: Fold, job: StudyJob) -> Iterator[tuple[Program, Mapping[str, Predictions]]]:
    """Yield the model in Python, then each of its compiled programs, with all that each says of the held-out part."""
    trainings = Path(job.trainings)
    model = contestant.fit(fold, seed=job.seed, folder=trainings)
    evidence = choose_evidence(job.contestant, contestant, fold, folder=trainings)
    for decoding in contestant.decodings:
        program = Program(recipe=FLOAT, decoding=decoding, parameters=model.parameters)
        rooms = _in_python(model, decoding, fold, evidence[decoding])
        yield program, _said(program, contestant, fold, job.seed, rooms)
    for recipe, decoding in contestant.programs:
        student: Student = model  # type: ignore[assignment]  # what has programs compiles
        compiled = student.compile(recipe, decoding, evidence[decoding])
        costs = asdict(compiled.costs(fold.split.test))
        program = Program(recipe=recipe, decoding=decoding, parameters=compiled.parameters, **costs)
        yield program, _said(program, contestant, fold, job.seed, _as_program(compiled))


def _in_python(model: Answerer, decoding: str, fold: Fold, evidence: EvidenceConfig) -> Rooms:
    return lambda recording, stretch: answer(model, recording, stretch, decoding, fold, evidence)


def _as_program(compiled: CompiledStudent) -> Rooms:
    return lambda recording, stretch: compiled.scores(recording, stretch).argmax(axis=1).astype(np.int16)


def _said(program: Program, contestant: Contestant, fold: Fold, seed: int, rooms: Rooms) -> dict[str, Predictions]:
    """Return the rooms of the scored decisions under each protocol; what remembers nothing has one protocol.

    A decoder remembers, whatever stands before it.
    """
    said: dict[str, Predictions] = {}
    for protocol, stretches in PROTOCOLS.items():
        if protocol == "whole" or contestant.remembers or program.decoding != OFF:
            parts = []
            for recording in fold.split.test:
                answers = [
                    rooms(recording, stretch)[stretch.warm_up :]
                    for stretch in stretches(count_decisions(recording), seed)
                ]
                parts.append(np.concatenate(answers)[decide(recording, hop_s=HOP_S).index])
            said[f"{program.recipe}/{program.decoding}/{protocol}"] = np.concatenate(parts)
    return said


def _read(job: StudyJob, finished: Finished) -> StudyResult:
    document, arrays = finished.document, dict(finished.arrays)
    return StudyResult(
        job=job,
        home=document["home"],
        rooms=tuple(document["rooms"]),
        split=document["split"],
        recordings=tuple(document["recordings"]),
        programs=tuple(Program(**program) for program in document["programs"]),
        truth=arrays.pop("truth"),
        recording=arrays.pop("recording"),
        index=arrays.pop("index"),
        predictions=arrays,
        seconds=document["seconds"],
    )
