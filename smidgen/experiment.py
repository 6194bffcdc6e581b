"""One trained model and its compiled programs on one split: a job that runs alone, leaves its results and resumes."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.benchmark import Benchmark, load_benchmark
from smidgen.compression import FloatProgram, import_model
from smidgen.compression.inputs import Batch, batches
from smidgen.data import Recording, Split, Windows, split_hash
from smidgen.errors import CheckpointError, ConfigError
from smidgen.evaluation import SENSOR_INPUTS, Evaluation, evaluate, model_inputs
from smidgen.firmware import Firmware
from smidgen.jobs import Finished, read_finished, write_finished
from smidgen.models import LastStep, RoomClassifier, build_model
from smidgen.pipeline import compile
from smidgen.records import EvaluationRecord
from smidgen.training import DistillationConfig, TrainingResult, load_model, train
from smidgen.training.batches import fingerprint
from smidgen.training.checkpoint import trained_on
from smidgen.whole_file import write_whole

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

    def load(self) -> tuple[Benchmark, Split[Recording]]:
        """Load the recordings of the job's split; raises DataError or ConfigError as `load_benchmark`."""
        benchmark = load_benchmark(self.data, None if self.root is None else Path(self.root), None)
        if not 0 <= self.split < len(benchmark.splits):
            raise ConfigError(f"{self.data} has splits 0..{len(benchmark.splits) - 1}, got {self.split}")
        return benchmark, benchmark.splits[self.split]

    def open(self) -> "Experiment":
        """Load the data that the job needs; raises as `load`, and ConfigError for an unknown model."""
        benchmark, split = self.load()
        if self.model not in benchmark.preset.models:
            known = ", ".join(benchmark.preset.models)
            raise ConfigError(f"no model {self.model!r} is set up for {self.data}; choose from {known}")
        return Experiment(
            job=self,
            benchmark=benchmark,
            split=split,
            training=benchmark.windows(split.train),
            held_out=benchmark.windows(split.test),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Teaching:
    """What a student is taught: a teacher's probabilities (n, R) of its training windows, and how much they count."""

    config: DistillationConfig
    soft_targets: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A job with its data: the stages train, compile and evaluate, each repeatable alone."""

    job: Job
    benchmark: Benchmark
    split: Split[Recording]
    training: Windows
    held_out: Windows

    @property
    def folder(self) -> Path:
        """Where everything of this job lives."""
        return Path(self.job.folder)

    @property
    def epochs(self) -> int:
        """How many epochs a complete training has."""
        return self.benchmark.preset.models[self.job.model].training.epochs

    def train(self, *, progress: bool, teaching: Teaching | None = None) -> TrainingResult:
        """Train the classifier, alone or taught, or continue or read back the run in the job's folder."""
        preset = self.benchmark.preset.models[self.job.model]
        torch.manual_seed(self.job.seed)
        model = build_model(
            self.job.model,
            n_access_points=len(self.training.access_points),
            n_motion=self.training.motion.shape[2],
            n_rooms=len(self.training.rooms),
            **preset.shape,
        )
        config, soft_targets = preset.training_for(self.job.seed), None
        if teaching is not None:
            config, soft_targets = replace(config, distillation=teaching.config), teaching.soft_targets
        folder = self.folder / "training"
        return train(model, self.training, None, config, folder, soft_targets=soft_targets, progress=progress)

    def taught_by(self, teachers: Sequence[Path], config: DistillationConfig) -> Teaching:
        """Return what trained runs say of this job's training windows, their mean where they are several.

        Raises ConfigError for a run of other data, or that was trained on what this job holds out, by name and by
        contents; CheckpointError for one that is not complete.
        """
        inputs = model_inputs(self.training)
        answers = []
        for folder in teachers:
            other = load_job(folder)
            for what, theirs, own in (("data", other.data, self.job.data), ("split", other.split, self.job.split)):
                if theirs != own:
                    raise ConfigError(
                        f"teacher {folder} was trained on {what} {theirs!r}, the student is on {own!r}: it would tell "
                        "of what the student must not have seen. Train the teacher on the same data and split"
                    )
            if trained_on(folder / "training") != fingerprint(self.training):
                raise ConfigError(
                    f"teacher {folder} was trained on other recordings of {self.job.data!r} than the student: they "
                    "have changed since. Train the teacher again in a new folder"
                )
            classifier = load_model(folder / "training")
            with torch.no_grad():
                answers.append(torch.cat([classifier(*part)[:, -1].softmax(dim=1) for part in batches(inputs)]))
        return Teaching(config=config, soft_targets=torch.stack(answers).mean(dim=0).numpy())

    def trained(self) -> RoomClassifier:
        """Return the classifier of a complete run; raises CheckpointError if the run is not complete."""
        return load_model(self.folder / "training")

    @cached_property
    def calibration(self) -> Batch:
        """Training windows that set the ranges, drawn by the seed."""
        return calibration_windows(self.training, seed=self.job.seed)

    def import_model(self, classifier: RoomClassifier) -> FloatProgram:
        """Capture the trained classifier as it is deployed: one window in, the last step's logits out."""
        return import_model(LastStep(classifier), tuple(value[:1] for value in self.calibration))

    def compile(
        self, program: FloatProgram, recipe: str, *, target: str = "cortex-m4", optimize: str = "balanced"
    ) -> Firmware:
        """Compile under a recipe."""
        return compile(
            program,
            tuple(value[:1] for value in self.calibration),
            calibration=self.calibration,
            target=target,
            recipe=recipe,
            optimize=optimize,
            name="rooms",
            inputs=SENSOR_INPUTS,
        )

    def firmware_folder(self, firmware: Firmware) -> Path:
        """Return where a firmware of this job is delivered."""
        choice = firmware.program.optimize
        suffix = "" if choice == "balanced" else f"-{choice}"
        return self.folder / "build" / f"{firmware.recipe_name}-{firmware.target.name}{suffix}"

    def evaluate(self, firmware: Firmware) -> Evaluation:
        """Prove and score a firmware on the held-out windows."""
        return evaluate(
            firmware,
            self.held_out,
            model=self.job.model,
            data=self.job.data,
            split=self.split.name,
            seed=self.job.seed,
            rare_rooms=self.benchmark.rare_rooms(self.split.test[0].home),
            emulate=self.job.emulate,
            dump=self.folder / f"{firmware.recipe_name}-diverging",
        )


def calibration_windows(training: Windows, *, seed: int) -> Batch:
    """Return windows that set the ranges of a program, drawn from those of the training set."""
    chosen = np.random.default_rng(seed).permutation(len(training))[:CALIBRATION_WINDOWS]
    return model_inputs(training[np.sort(chosen)])


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
    save_job(job)
    torch.set_num_threads(1)  # two jobs side by side are faster than one on two cores
    experiment = job.open()
    program = experiment.import_model(experiment.train(progress=False).model)
    held_out = experiment.held_out
    records, measurements = [], []
    predictions: dict[str, np.ndarray[Any, Any]] = {"truth": held_out.label, "time_s": held_out.time_s}
    for recipe in RECIPES:
        firmware = experiment.compile(program, recipe)
        firmware.save(experiment.firmware_folder(firmware))
        evaluation = experiment.evaluate(firmware)
        records.append(evaluation.record)
        measurements.append({"model": job.model, "recipe": recipe, **firmware.measurement.to_dict()})
        predictions["float"], predictions[recipe] = evaluation.float_prediction, evaluation.prediction
    result = JobResult(
        records=tuple(records),
        measurements=tuple(measurements),
        predictions=predictions,
        recording=experiment.split.test[0].name,
        rooms=held_out.rooms,
        home=experiment.split.test[0].home,
    )
    _write_result(job, result)
    return result


def read_result(job: Job) -> JobResult | None:
    """Return the result of a finished job, None if it is not finished or another version of the code made it.

    Raises CheckpointError if the folder holds the result of another job, or of other recordings.
    """
    finished = read_finished(Path(job.folder), _asked(job))
    if finished is None:
        return None
    document = finished.document
    return JobResult(
        records=tuple(EvaluationRecord(**record) for record in document["records"]),
        measurements=tuple(document["measurements"]),
        predictions=dict(finished.arrays),
        recording=document["recording"],
        rooms=tuple(document["rooms"]),
        home=document["home"],
    )


def save_job(job: Job) -> None:
    """Write the job into its folder for later stages; raises CheckpointError if another job lives there."""
    folder = Path(job.folder)
    path = folder / "job.json"
    if path.exists() and load_job(folder) != job:
        raise CheckpointError(f"{folder} holds another run ({load_job(folder)}); choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, (json.dumps(asdict(job), indent=1) + "\n").encode())


def load_job(folder: Path) -> Job:
    """Return the job of a run folder; raises CheckpointError if there is none."""
    path = folder / "job.json"
    try:
        return Job(**{**json.loads(path.read_text()), "folder": str(folder)})
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{folder} is no run folder: no readable job.json. Run `smidgen train {folder}` first"
        ) from error


def _asked(job: Job) -> dict[str, Any]:
    """Return what decides a job's figures: the job, and the recordings as they are now."""
    _, split = job.load()
    return {**asdict(job), "recordings": split_hash(split)}


def _write_result(job: Job, result: JobResult) -> None:
    document = {
        "recording": result.recording,
        "rooms": result.rooms,
        "home": result.home,
        "records": [asdict(record) for record in result.records],
        "measurements": result.measurements,
    }
    write_finished(Path(job.folder), _asked(job), Finished(document=document, arrays=result.predictions))
