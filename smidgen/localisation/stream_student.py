"""Causal networks as contestants: they hear each frame once, keep a state, and learn from crops of whole recordings.

Glossary: `K` decisions of a stretch; `T` frames; `R` rooms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

import smidgen.pipeline
from smidgen.compression.calibration import Calibration
from smidgen.compression.inputs import Batch
from smidgen.compression.quantization_aware import QuantizationAwareConfig, quantize_aware
from smidgen.data import Recording
from smidgen.decoding import EvidenceConfig
from smidgen.errors import ConfigError
from smidgen.evaluation import SENSOR_INPUTS
from smidgen.experiment import calibration_windows
from smidgen.jobs import alone_in
from smidgen.localisation.answers import Costs, Probabilities, costs_of
from smidgen.localisation.decodings import DECODINGS, OFF, transitions_of
from smidgen.localisation.fold import Fold, learned_prior
from smidgen.localisation.hearing import all_of, first_of, heard_frames
from smidgen.localisation.recording_training import train_members
from smidgen.localisation.stretches import Stretch
from smidgen.models import DecodedClassifier, RoomClassifier, RoomDecoder, RoomEnsemble, together
from smidgen.streaming import StreamingFirmware
from smidgen.targets import find_target
from smidgen.training.confidence import softmax
from smidgen.training.recording_presets import RecordingPreset

NAME = "rooms"
"""Prefix of the C symbols."""

FLASH_BYTES = 256 * 1024
"""Of the part in mind: several networks in float32 take more than the 64 KB of a core by itself."""

_EMULATED_FRAMES = 256


def fit_stream(
    fold: Fold,
    preset: RecordingPreset,
    *,
    seed: int,
    folder: Path,
    soft_targets: NDArray[np.floating] | None = None,
) -> StreamStudent:
    """Train a causal network, or several that answer together, on a fold's recordings, or continue after a kill.

    Args: soft_targets (d, R), what a teacher says of the recordings' decisions, in their order.
    """
    return StreamStudent(
        classifier=together(train_members(fold, preset, seed=seed, folder=folder, soft_targets=soft_targets)),
        fold=fold,
        prior=learned_prior(fold, preset.training.class_weight_power),
        calibration=calibration_windows(fold.training, seed=seed),
        delay_decisions=preset.training.delay_frames // fold.steps_per_hop,
    )


def fit_quantized(student: StreamStudent, *, seed: int, folder: Path) -> StreamStudent:
    """Tune a trained student through the integers of int8, by its own float answers on the calibration windows."""
    with alone_in(folder):
        result = quantize_aware(
            student.classifier, student.calibration, run_folder=folder / "training", inputs=SENSOR_INPUTS,
            config=QuantizationAwareConfig(seed=seed), progress=False,
        )  # fmt: skip
    assert isinstance(result.model, RoomClassifier | RoomEnsemble)  # a tuned copy of the student's
    return replace(student, classifier=result.model, ranges=result.calibration)


@dataclass(frozen=True, kw_only=True, eq=False)
class StreamStudent:
    """A trained network, in PyTorch; with ranges where it was tuned for the integers that they set."""

    classifier: RoomClassifier | RoomEnsemble
    fold: Fold
    prior: NDArray[np.float64]  # (R,)
    calibration: Batch  # windows
    delay_decisions: int
    ranges: Calibration | None = None
    floor: ClassVar[float] = float(np.finfo(np.float64).tiny)  # of logits; a program's decoder has none

    @property
    def parameters(self) -> int:
        """Weights of the network."""
        return sum(parameter.numel() for parameter in self.classifier.parameters())

    def probabilities(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R), of the frame with which each decision ends."""
        return softmax(self._logits(recording, stretch)[:, -1])

    def to_decode(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R) of the mean logits of each decision's frames, which the program's decoder takes."""
        return softmax(self._logits(recording, stretch).mean(axis=1))

    def _logits(self, recording: Recording, stretch: Stretch) -> NDArray[np.float32]:
        """Return (K, frames of a decision, R)."""
        steps = self.fold.steps_per_hop
        behind = self.delay_decisions * steps
        with torch.no_grad():
            logits = self.classifier(*heard_frames(self.fold, recording, stretch, frames_behind=behind))
        rooms = logits.shape[-1]
        by_decision: NDArray[np.float32] = logits[0, behind:].numpy().reshape(-1, steps, rooms)
        return by_decision

    def compile(
        self, recipe: str, decoding: str, evidence: EvidenceConfig, *, target: str = "cortex-m4"
    ) -> StreamProgram:
        """Return the program that takes one frame a step, and decodes within the same step."""
        firmware = smidgen.pipeline.stream(
            self.module(decoding, evidence),
            first_of(self.calibration),
            calibration=self.calibration if self.ranges is None else self.ranges,
            target=replace(find_target(target), flash_bytes=FLASH_BYTES),
            recipe=recipe,
            name=NAME,
            inputs=SENSOR_INPUTS,
        )
        waits = DECODINGS[decoding].delay_decisions or 0
        return StreamProgram(firmware, self.fold, delay_decisions=self.delay_decisions + waits)

    def module(self, decoding: str, evidence: EvidenceConfig) -> RoomClassifier | RoomEnsemble | DecodedClassifier:
        """Return what compiles: the network, with a decoder of such evidence behind it unless the decoding is off."""
        if decoding == OFF:
            return self.classifier
        if isinstance(self.classifier, RoomEnsemble):
            raise ConfigError(f"no decoder goes behind several networks ({decoding!r} was asked for); decode one")
        chosen = DECODINGS[decoding]
        decoder = RoomDecoder.of(
            transitions_of(self.fold, chosen.transitions),
            prior=self.prior,
            evidence=evidence,
            delay=chosen.delay_decisions or 0,
            hop=self.fold.steps_per_hop,
        )
        return DecodedClassifier(self.classifier, decoder).eval()


class StreamProgram:
    """A stream under a recipe."""

    def __init__(self, firmware: StreamingFirmware, fold: Fold, *, delay_decisions: int) -> None:
        self._firmware = firmware
        self._fold = fold
        self._delay_decisions = delay_decisions

    @property
    def parameters(self) -> int:
        """Weights of the network."""
        return self._firmware.float_program.parameter_count

    def scores(self, recording: Recording, stretch: Stretch) -> NDArray[np.float64]:
        """Return (K, R) of the reference, which the program equals."""
        steps = self._fold.steps_per_hop
        behind = self._delay_decisions * steps
        answers = self._firmware.run(heard_frames(self._fold, recording, stretch, frames_behind=behind))
        assert isinstance(answers, torch.Tensor)  # one output
        scores: NDArray[np.float64] = answers[0].numpy().astype(np.float64)
        stride = steps // self._firmware.graph.output_clock.stride  # answers a decision
        return scores[self._delay_decisions * stride + stride - 1 :: stride]

    def costs(self, recordings: Sequence[Recording]) -> Costs:
        """Prove steps against windows and C against steps, over whole recordings; one begins on the emulated core."""
        parts = [heard_frames(self._fold, recording, all_of(recording)) for recording in recordings]
        report = self._firmware.check(parts, emulate=_EMULATED_FRAMES)
        return costs_of(
            self._firmware.measurement,
            [self._other_step] * (self._fold.steps_per_hop - 1),
            mismatched_bytes=report.mismatched_bytes,
            n_compared=report.n_frames,
            n_emulated=report.n_emulated,
        )

    def save(self, folder: Path) -> Path:
        """Leave the firmware in a folder."""
        return self._firmware.save(folder)

    @property
    def _other_step(self) -> int | None:
        """Instructions of a step beside the dearest of a decision: one without an answer does not decode."""
        measured = self._firmware.measurement
        answers_each_frame = self._firmware.graph.output_clock.stride == 1
        return measured.instructions if answers_each_frame else measured.instructions_min
