"""Networks that read the last window of frames at every decision, as contestants: they may look at all of it.

Glossary: `K` decisions of a stretch; `R` rooms.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.data import Recording
from smidgen.decoding import EvidenceConfig
from smidgen.errors import ConfigError
from smidgen.experiment import Experiment, Job
from smidgen.firmware import Firmware
from smidgen.jobs import alone_in
from smidgen.localisation.answers import Costs, Probabilities, counted, softmax
from smidgen.localisation.decodings import OFF
from smidgen.localisation.fold import Fold, learned_prior
from smidgen.localisation.hearing import all_of, heard_frames, heard_windows
from smidgen.localisation.stretches import Stretch
from smidgen.models import LastStep

_EMULATED_WINDOWS = 100
_EMULATED_HOPS = 8  # of the ring in front of the window


def train_on_windows(fold: Fold, model: str, *, seed: int, folder: Path) -> Experiment:
    """Train a classifier on the windows of a fold by the data set's preset, or continue where a kill left it."""
    job = Job(
        data=fold.data, root=fold.root, split=fold.number, model=model, seed=seed, emulate=None, folder=str(folder)
    )
    experiment = Experiment(
        job=job, benchmark=fold.benchmark, split=fold.split, training=fold.training, held_out=fold.training
    )
    with alone_in(folder):
        experiment.train(progress=False)
    return experiment


class WindowStudent:
    """A trained network, in PyTorch."""

    def __init__(self, experiment: Experiment, fold: Fold) -> None:
        self._experiment = experiment
        self._classifier = experiment.trained()
        self._fold = fold

    @property
    def parameters(self) -> int:
        """Weights of the network."""
        return sum(parameter.numel() for parameter in self._classifier.parameters())

    @property
    def prior(self) -> NDArray[np.float64]:
        """(R,) of the preset's class weights."""
        preset = self._fold.preset.models[self._experiment.job.model]
        return learned_prior(self._fold, preset.training.class_weight_power)

    def probabilities(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R)."""
        with torch.no_grad():
            logits = LastStep(self._classifier)(*heard_windows(self._fold, recording, stretch))
        return softmax(logits.numpy())

    def compile(
        self, recipe: str, decoding: str, evidence: EvidenceConfig, *, target: str = "cortex-m4"
    ) -> WindowProgram:
        """Return the program that keeps a ring of frames and runs on it once a decision; it takes no decoder."""
        if decoding != OFF:
            raise ConfigError(f"a window keeps no paths for decoding {decoding!r}; compile a stream instead")
        program = self._experiment.import_model(self._classifier)
        return WindowProgram(self._experiment.compile(program, recipe, target=target), self._fold)


class WindowProgram:
    """A window under a recipe, and the ring of frames in front of it."""

    def __init__(self, firmware: Firmware, fold: Fold) -> None:
        self._firmware = firmware
        self._hopping = firmware.hopping(fold.steps_per_hop)
        self._fold = fold

    @property
    def parameters(self) -> int:
        """Weights of the network."""
        return self._firmware.float_program.parameter_count

    def scores(self, recording: Recording, stretch: Stretch) -> NDArray[np.float64]:
        """Return (K, R) of the reference, which the program equals."""
        logits = self._firmware.run(heard_windows(self._fold, recording, stretch))
        assert isinstance(logits, torch.Tensor)  # one output
        return logits.numpy().astype(np.float64)

    def costs(self, recordings: Sequence[Recording]) -> Costs:
        """Prove the window on every decision of the recordings, and the ring in front of it on the first frames."""
        parts = [heard_windows(self._fold, recording, all_of(recording)) for recording in recordings]
        report = self._firmware.check(parts, emulate=_EMULATED_WINDOWS)
        steps, length = self._fold.steps_per_hop, self._fold.preset.length
        frames = length + _EMULATED_HOPS * steps
        first = tuple(x[:, :frames] for x in heard_frames(self._fold, recordings[0], all_of(recordings[0])))
        ring = self._hopping.check(first, lengths=[length, frames], emulate=frames)
        measured = self._hopping.measurement
        return Costs(
            ram_bytes=measured.ram_bytes,
            flash_bytes=measured.flash_bytes,
            instructions=counted(measured.instructions) + (steps - 1) * counted(measured.instructions_min),
            mismatched_bytes=report.mismatched_bytes + ring.mismatched_bytes,
            n_compared=report.n_windows,
            n_emulated=report.n_emulated,
        )

    def save(self, folder: Path) -> Path:
        """Leave the firmware, ring included, in a folder."""
        return self._hopping.save(folder)
