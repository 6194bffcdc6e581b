"""Networks that read the last window of frames at every decision, as contestants: they may look at all of it.

Glossary: `K` decisions of a stretch; `T` frames of a window; `R` rooms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

import smidgen.pipeline
from smidgen.compression.inputs import Batch
from smidgen.data import Recording
from smidgen.decoding import EvidenceConfig
from smidgen.errors import ConfigError
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.experiment import CALIBRATION_WINDOWS
from smidgen.firmware import Firmware
from smidgen.localisation.answers import Costs, Probabilities, costs_of
from smidgen.localisation.decodings import OFF
from smidgen.localisation.fold import Fold, learned_prior
from smidgen.localisation.hearing import all_of, first_of, heard_frames, heard_windows
from smidgen.localisation.recording_training import train_members
from smidgen.localisation.stream_student import FLASH_BYTES, NAME
from smidgen.localisation.stretches import Stretch
from smidgen.models import LastStep, RoomEnsemble, together
from smidgen.targets import find_target
from smidgen.training.confidence import softmax
from smidgen.training.recording_presets import RecordingPreset

_RAM_BYTES = 64 * 1024
"""Of a part of 64 KB, as published transformers for this task need: attention over a window takes more than 32 KB."""

_EMULATED_WINDOWS = 100
_EMULATED_HOPS = 8  # of the ring in front of the window


def fit_window(fold: Fold, preset: RecordingPreset, *, seed: int, folder: Path) -> WindowStudent:
    """Train a network, or several that answer together, on crops as long as its window, or continue after a kill."""
    members = train_members(fold, preset, seed=seed, folder=folder)
    length = preset.training.crop_frames
    windows = [heard_windows(fold, recording, all_of(recording), length) for recording in fold.split.train]
    joined = tuple(torch.cat(column) for column in zip(*windows, strict=True))
    chosen = np.random.default_rng(seed).permutation(len(joined[0]))[:CALIBRATION_WINDOWS]
    return WindowStudent(
        network=together([LastStep(member) for member in members]),
        fold=fold,
        prior=learned_prior(fold, preset.training.class_weight_power),
        calibration=tuple(value[torch.from_numpy(np.sort(chosen))] for value in joined),
        length=length,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowStudent:
    """A trained network, in PyTorch."""

    network: LastStep | RoomEnsemble
    fold: Fold
    prior: NDArray[np.float64]  # (R,)
    calibration: Batch  # windows
    length: int  # T

    @property
    def parameters(self) -> int:
        """Weights of the network."""
        return sum(parameter.numel() for parameter in self.network.parameters())

    def probabilities(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R)."""
        with torch.no_grad():
            logits = self.network(*heard_windows(self.fold, recording, stretch, self.length))
        return softmax(logits.numpy())

    def compile(
        self, recipe: str, decoding: str, evidence: EvidenceConfig, *, target: str = "cortex-m4"
    ) -> WindowProgram:
        """Return the program that keeps a ring of frames and runs on it once a decision; it takes no decoder."""
        if decoding != OFF:
            raise ConfigError(f"a window keeps no paths for decoding {decoding!r}; compile a stream instead")
        firmware = smidgen.pipeline.compile(
            self.network,
            first_of(self.calibration),
            calibration=self.calibration,
            target=replace(find_target(target), ram_bytes=_RAM_BYTES, flash_bytes=FLASH_BYTES),
            recipe=recipe,
            name=NAME,
            inputs=SENSOR_INPUTS,
        )
        return WindowProgram(firmware, self.fold, length=self.length)


class WindowProgram:
    """A window under a recipe, and the ring of frames in front of it."""

    def __init__(self, firmware: Firmware, fold: Fold, *, length: int) -> None:
        self._firmware = firmware
        self._hopping = firmware.hopping(fold.steps_per_hop)
        self._fold = fold
        self._length = length

    @property
    def parameters(self) -> int:
        """Weights of the network."""
        return self._firmware.float_program.parameter_count

    def scores(self, recording: Recording, stretch: Stretch) -> NDArray[np.float64]:
        """Return (K, R) of the reference, which the program equals."""
        logits = self._firmware.run(heard_windows(self._fold, recording, stretch, self._length))
        assert isinstance(logits, torch.Tensor)  # one output
        return logits.numpy().astype(np.float64)

    def costs(self, recordings: Sequence[Recording]) -> Costs:
        """Prove the window on every decision of the recordings, and the ring in front of it on the first frames."""
        parts = [heard_windows(self._fold, recording, all_of(recording), self._length) for recording in recordings]
        report = self._firmware.check(parts, emulate=_EMULATED_WINDOWS)
        steps, length = self._fold.steps_per_hop, self._length
        frames = length + _EMULATED_HOPS * steps
        first = tuple(x[:, :frames] for x in heard_frames(self._fold, recordings[0], all_of(recordings[0])))
        ring = self._hopping.check(first, lengths=[length, frames], emulate=frames)
        measured = self._hopping.measurement
        return costs_of(
            measured,
            [measured.instructions_min] * (steps - 1),
            mismatched_bytes=report.mismatched_bytes + ring.mismatched_bytes,
            n_compared=report.n_windows,
            n_emulated=report.n_emulated,
        )

    def save(self, folder: Path) -> Path:
        """Leave the firmware, ring included, in a folder."""
        return self._hopping.save(folder)
