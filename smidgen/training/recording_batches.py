"""Crops of whole recordings as the training loop reads them: a model's state starts anew in each, wherever it lies.

Shapes: n recordings, T frames, b crops in a batch, t frames in a crop, A access points, M motion channels, d decisions.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from smidgen.data import UNLABELLED, Sequences
from smidgen.rssi import NOT_HEARD_DBM
from smidgen.training.randomness import Stream, generator

NO_DECISION = -1

Crop: TypeAlias = tuple[Tensor, ...]
"""rssi (b, t, A), motion (b, t, M), room (b, t), decision (b, t)."""


def training_crops(
    sequences: Sequences,
    *,
    length: int,
    delay: int,
    batch_size: int,
    batches_per_epoch: int,
    seed: int,
    silence: int = 0,
) -> DataLoader[Crop]:
    """Return an epoch's batches of crops of `length` frames, at places drawn from the seed and the epoch.

    `room` is what the model is to answer at each frame, UNLABELLED where nothing is known; `decision` is the row of the
    scored decision that is answered there, NO_DECISION elsewhere. Both are those of `delay` frames before. The first
    crop of a recording begins with `silence` frames before it, as the first windows of a recording do.
    """
    places = CropOrder(
        n_frames=torch.from_numpy(sequences.n_frames).long(),
        length=length,
        batch_size=batch_size,
        n_batches=batches_per_epoch,
        seed=seed,
        silence=silence,
    )
    return DataLoader(Crops(sequences, length=length, delay=delay, silence=silence), sampler=places, batch_size=None)


def scoring_crops(sequences: Sequences, *, delay: int) -> DataLoader[Crop]:
    """Return one batch: every recording from its first frame to the answer of its last decision."""
    whole = Crops(sequences, length=sequences.rssi.shape[1] + delay, delay=delay)
    start = torch.zeros(len(sequences), dtype=torch.long)
    return DataLoader(whole, sampler=[torch.stack([torch.arange(len(sequences)), start], dim=1)], batch_size=None)


class Crops(Dataset[Crop]):
    """Crops of `length` frames by places (b, 2): recording and first frame, `silence` before its own at the earliest.

    Behind a recording, and before it, nothing is heard, moves or is asked.
    """

    def __init__(self, sequences: Sequences, *, length: int, delay: int, silence: int = 0) -> None:
        self.length = length
        self.silence = silence
        answer = np.full(sequences.room.shape, NO_DECISION, dtype=np.int64)
        answer[sequences.recording, sequences.frame] = np.arange(sequences.n_decisions)
        behind = length + delay  # the last crop may start at the last frame
        self.rssi = _padded(sequences.rssi, silence, behind, NOT_HEARD_DBM)
        self.motion = _padded(sequences.motion, silence, behind, 0)
        self.room = _padded(sequences.room.astype(np.int64), silence + delay, behind - delay, UNLABELLED)
        self.decision = _padded(answer, silence + delay, behind - delay, NO_DECISION)

    def __getitem__(self, places: Tensor) -> Crop:
        recording = places[:, :1]
        frame = self.silence + places[:, 1:] + torch.arange(self.length)
        return tuple(values[recording, frame] for values in (self.rssi, self.motion, self.room, self.decision))


class CropOrder(Sampler[Tensor]):
    """The places (b, 2) of each batch of an epoch: recordings in turn, and a first frame anywhere in the recording.

    First frames are drawn from half a crop before the recording to half a crop before its end; one before the recording
    becomes its first frame. So the very ends are seen half as often as the rest, the first one from a fresh state. With
    silence all of a crop but so many frames is placed like that, and they come before it.
    """

    def __init__(
        self, *, n_frames: Tensor, length: int, batch_size: int, n_batches: int, seed: int, silence: int = 0
    ) -> None:
        self.n_frames = n_frames
        self.half = (length - silence) // 2
        self.silence = silence
        self.batch_size = batch_size
        self.n_batches = n_batches
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch, also the first after resuming."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n_batches

    def __iter__(self) -> Iterator[Tensor]:
        draw = generator(seed=self.seed, stream=Stream.SHUFFLE, index=self.epoch)
        n_recordings = len(self.n_frames)
        for _ in range(self.n_batches):
            turns = [torch.randperm(n_recordings, generator=draw) for _ in range(-(-self.batch_size // n_recordings))]
            recording = torch.cat(turns)[: self.batch_size]
            start = (torch.rand(self.batch_size, generator=draw) * self.n_frames[recording]).long() - self.half
            yield torch.stack([recording, start.clamp(min=0) - self.silence], dim=1)


def sequences_fingerprint(sequences: Sequences) -> str:
    """Return a hash of all that training on recordings reads, so that a run is never continued on other data."""
    heading = [sequences.rooms, sequences.access_points, sequences.step_s, sequences.hop_s]
    digest = hashlib.sha256(json.dumps(heading).encode())
    for name in ("rssi", "motion", "room", "n_frames", "recording", "frame", "label"):
        digest.update(getattr(sequences, name).tobytes())
    heard = (sequences.rssi != NOT_HEARD_DBM).any(axis=1)
    if not np.array_equal(heard, sequences.present):  # else the levels have said it
        digest.update(sequences.present.tobytes())
    return digest.hexdigest()


def _padded(values: NDArray[Any], front: int, behind: int, fill: int) -> Tensor:
    """Return values (n, T, ...) with `fill` before and behind in time."""
    widths = [(0, 0), (front, behind)] + [(0, 0)] * (values.ndim - 2)
    return torch.from_numpy(np.pad(values, widths, constant_values=fill))
