"""What networks trained on whole recordings say of recordings that they never saw: the numbers of tables, and teachers.

A student that learns in fold i may hear of recording j only what a teacher says that saw neither i nor j. So trainings
leave out one recording or two (`held_out_sets`), and each leaves its probabilities in its folder:
    without-2-5/seed-0/               a run of `train_on_recordings`
    without-2-5/probabilities-0.safetensors   recordings "2" and "5": (n, R), the mean over the members of ensemble 0
Shapes: n decisions of a recording, d of several, R rooms.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smidgen.data import Frames, make_sequences
from smidgen.errors import CheckpointError, ConfigError
from smidgen.models import build_model
from smidgen.training.recording_presets import RecordingPreset
from smidgen.training.recording_scores import recording_logits
from smidgen.training.recording_training import train_on_recordings
from smidgen.whole_file import write_whole


def train_without(
    held_out: tuple[int, ...],
    parts: Sequence[Frames],
    preset: RecordingPreset,
    folder: Path,
    *,
    seed: int,
    soft_targets: NDArray[np.floating] | None = None,
    hop_s: float = 2.0,
    progress: bool = False,
) -> dict[int, NDArray[np.float64]]:
    """Train a preset on all recordings but some; return the probabilities (n, R) of each of those, by its number.

    Repeating the call continues trainings that were killed and reads back finished ones.
    Args: held_out, indices into `parts`; folder, of this preset, shared by all its trainings; soft_targets (d, R), a
    teacher's probabilities for the decisions of the recordings that stay, in order (see `targets_without`).
    Raises: ConfigError where a recording is not there or none is left, and as `train_on_recordings`.
    """
    stay = [part for number, part in enumerate(parts) if number not in held_out]
    if not held_out or not stay or not set(held_out) <= set(range(len(parts))):
        raise ConfigError(
            f"cannot leave recordings {list(held_out)} out of {len(parts)}: at least one goes and one stays"
        )
    job = folder / ("without-" + "-".join(map(str, held_out)))
    training = make_sequences(stay, hop_s=hop_s)
    tests = {number: make_sequences([parts[number]], hop_s=hop_s) for number in held_out}
    total = {number: np.zeros((test.n_decisions, len(test.rooms))) for number, test in tests.items()}
    for member in preset.member_seeds(seed):
        torch.manual_seed(member)
        model = build_model(
            preset.model,
            n_access_points=len(training.access_points),
            n_motion=training.motion.shape[2],
            n_rooms=len(training.rooms),
            **preset.shape,
        )
        config = preset.training_for(member)
        trained = train_on_recordings(
            model, training, None, config, job / f"seed-{member}", soft_targets=soft_targets, progress=progress
        ).model
        for number, test in tests.items():
            logits = recording_logits(trained, test, delay_frames=config.delay_frames)
            total[number] += torch.from_numpy(logits).double().softmax(-1).numpy()
    found = {number: each / preset.members for number, each in total.items()}
    write_whole(_probabilities(job, seed), save({str(number): each for number, each in found.items()}))
    return found


def probabilities_without(held_out: tuple[int, ...], folder: Path, *, seed: int) -> dict[int, NDArray[np.float64]]:
    """Return what `train_without` left behind. Raises: CheckpointError where it has not finished, or was damaged."""
    path = _probabilities(folder / ("without-" + "-".join(map(str, held_out))), seed)
    if not path.exists():
        raise CheckpointError(f"{path} is missing: the training without {list(held_out)} is not complete. Repeat it.")
    try:
        return {int(number): each for number, each in load_file(path).items()}
    except (SafetensorError, ValueError) as error:
        raise CheckpointError(f"{path} does not hold probabilities by recording: {error}") from error


def targets_without(
    held_out: int, n_recordings: int, found: Mapping[tuple[int, int], NDArray[np.floating]]
) -> NDArray[np.float64]:
    """Return soft targets (d, R) for a student's training without one recording, recordings in order.

    Args: found[i, j], what a teacher says of j that saw neither i nor j. Raises: ConfigError where one is missing.
    """
    others = [j for j in range(n_recordings) if j != held_out]
    missing = [j for j in others if (held_out, j) not in found]
    if missing:
        raise ConfigError(f"no teacher without {held_out} and each of {missing}: train it on the other recordings")
    return np.concatenate([found[held_out, j] for j in others]).astype(np.float64)


def _probabilities(job: Path, seed: int) -> Path:
    return job / f"probabilities-{seed}.safetensors"
