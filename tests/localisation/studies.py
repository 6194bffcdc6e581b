"""Results of jobs as a study has them, made up: what tests of scoring, documents and pages are given."""

from dataclasses import replace

import numpy as np

from smidgen.localisation.job import Program, StudyJob, StudyResult

ROOMS = ("hall", "kitchen", "study")
PROGRAM = Program(
    recipe="int8", decoding="off", parameters=100, ram_bytes=700, flash_bytes=12_000, instructions=30_000,
    cycles_estimate=36_000, mismatched_bytes=0, n_compared=60, n_emulated=20,
)  # fmt: skip


def result(contestant: str, *, fold: int = 0, seed: int = 0, wrong: int = 0, compiled: bool = False) -> StudyResult:
    """A job on 30 decisions, ten in each room, of which the first `wrong` of the last room are answered otherwise."""
    truth = np.repeat(np.arange(3, dtype=np.int16), 10)
    said = truth.copy()
    said[20 : 20 + wrong] = 0
    programs = [Program(recipe="float", decoding="off", parameters=100 if compiled else None)]
    predictions = {"float/off/whole": said}
    if compiled:
        programs.append(replace(PROGRAM, ram_bytes=700 + fold))
        predictions["int8/off/whole"] = said
        predictions["int8/off/random starts"] = truth
        predictions["float/off/random starts"] = truth
    return StudyResult(
        job=StudyJob(
            data="own", root=None, fold=fold, contestant=contestant, seed=seed, folder="nowhere", trainings="nowhere"
        ),
        home="home", rooms=ROOMS, split=f"home/{fold}", recordings=(f"home/{fold}",), programs=tuple(programs),
        predictions=predictions, truth=truth, recording=np.zeros(30, np.int16), index=np.arange(30), seconds=1.0,
    )  # fmt: skip
