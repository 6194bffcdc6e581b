"""One trained model and its compiled programs on one split: a job that runs alone, leaves its results and resumes."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file, save

from smidgen.benchmark import load_benchmark
from smidgen.compression import import_model
from smidgen.errors import CheckpointError
from smidgen.evaluation import SENSOR_INPUTS, evaluate, model_inputs
from smidgen.ir.io import write_whole
from smidgen.models import LastStep, build_model
from smidgen.pipeline import compile
from smidgen.records import EvaluationRecord
from smidgen.training import train

RECIPES = ("int8", "float32")
CALIBRATION_WINDOWS = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What to train and where its results go."""

    data: str
    root: str | None
    split: int  # index
    model: str
    seed: int
    emulate: int | None  # held-out windows on the emulated core; None: all
    folder: str

    @property
    def name(self) -> str:
        """What people call it."""
        return f"{self.model} split {self.split} seed {self.seed}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobResult:
    """Records by recipe, measurements by recipe, and predictions by decision."""

    records: tuple[EvaluationRecord, ...]
    measurements: tuple[dict[str, Any], ...]
    predictions: dict[str, np.ndarray[Any, Any]]  # truth, time_s, float, and one a recipe; each (n,)
    recording: str
    rooms: tuple[str, ...]
    home: str


def run_job(job: Job) -> JobResult:
    """Train, compile under each recipe, verify and score; a finished job is read back, a killed one continues."""
    finished = read_result(job)
    if finished is not None:
        return finished
    torch.set_num_threads(1)  # two jobs side by side are faster than one on two cores
    benchmark = load_benchmark(job.data, None if job.root is None else Path(job.root), None)
    split = benchmark.splits[job.split]
    preset = benchmark.preset.models[job.model]
    training, held_out = benchmark.windows(split.train), benchmark.windows(split.test)
    torch.manual_seed(job.seed)
    model = build_model(
        job.model,
        n_access_points=len(training.access_points),
        n_motion=training.motion.shape[2],
        n_rooms=len(training.rooms),
        **preset.shape,
    )
    folder = Path(job.folder)
    config = preset.training_for(job.seed)
    trained = train(model, training, None, config, folder / "training", progress=False).model
    chosen = np.random.default_rng(job.seed).permutation(len(training))[:CALIBRATION_WINDOWS]
    calibration = model_inputs(training[np.sort(chosen)])
    float_program = import_model(LastStep(trained), tuple(value[:1] for value in calibration))
    records, measurements = [], []
    predictions = {"truth": held_out.label, "time_s": held_out.time_s}
    for recipe in RECIPES:
        firmware = compile(
            float_program,
            tuple(value[:1] for value in calibration),
            calibration=calibration,
            recipe=recipe,
            name="rooms",
            inputs=SENSOR_INPUTS,
        )
        firmware.save(folder / recipe)
        evaluation = evaluate(
            firmware,
            held_out,
            model=job.model,
            data=job.data,
            split=split.name,
            seed=job.seed,
            rare_rooms=benchmark.rare_rooms(split.test[0].home),
            emulate=job.emulate,
        )
        records.append(evaluation.record)
        measurements.append({"model": job.model, "recipe": recipe, **firmware.measurement.to_dict()})
        predictions["float"], predictions[recipe] = evaluation.float_prediction, evaluation.prediction
    result = JobResult(
        records=tuple(records),
        measurements=tuple(measurements),
        predictions=predictions,
        recording=split.test[0].name,
        rooms=held_out.rooms,
        home=split.test[0].home,
    )
    _write_result(job, result)
    return result


def read_result(job: Job) -> JobResult | None:
    """Return the result of a finished job, None if it is not finished.

    Raises CheckpointError if the folder holds the result of another job.
    """
    path = Path(job.folder) / "result.json"
    if not path.exists():
        return None
    document = json.loads(path.read_text())
    if document["job"] != asdict(job):
        raise CheckpointError(
            f"{path} is the result of another job ({document['job']}); choose another folder with --out"
        )
    return JobResult(
        records=tuple(EvaluationRecord(**record) for record in document["records"]),
        measurements=tuple(document["measurements"]),
        predictions=load_file(Path(job.folder) / "predictions.safetensors"),
        recording=document["recording"],
        rooms=tuple(document["rooms"]),
        home=document["home"],
    )


def _write_result(job: Job, result: JobResult) -> None:
    folder = Path(job.folder)
    arrays = {name: np.ascontiguousarray(array) for name, array in result.predictions.items()}
    write_whole(folder / "predictions.safetensors", save(arrays))
    document = {
        "job": asdict(job),
        "recording": result.recording,
        "rooms": result.rooms,
        "home": result.home,
        "records": [asdict(record) for record in result.records],
        "measurements": result.measurements,
    }
    write_whole(folder / "result.json", (json.dumps(document, indent=1) + "\n").encode())
