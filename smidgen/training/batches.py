"""Windows as the training loop reads them: whole batches of tensors in memory, no worker processes.

Shapes: n windows, b windows in a batch.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from smidgen.data import Windows
from smidgen.training.randomness import Stream, generator

SCORING_BATCH = 512
"""Windows scored at once: enough to keep one core busy, few enough to stay in its cache."""


def training_batches(
    windows: Windows, *, batch_size: int, seed: int, taught: Sequence[Tensor] = ()
) -> DataLoader[tuple[Tensor, ...]]:
    """Return batches (rssi, motion, room, label) in an order drawn from the seed and the epoch; a rest is left out.

    What a teacher said of each window, (n, ...), stands behind them.
    """
    examples = TensorDataset(*_dataset(windows).tensors, *taught)
    return shuffled_batches(examples, batch_size=batch_size, seed=seed)


def scoring_batches(windows: Windows) -> DataLoader[tuple[Tensor, ...]]:
    """Return batches (rssi, motion, room, label) of every window, in order."""
    return ordered_batches(_dataset(windows))


def shuffled_batches(examples: TensorDataset, *, batch_size: int, seed: int) -> DataLoader[tuple[Tensor, ...]]:
    """Return batches of examples in an order drawn from the seed and the epoch; a rest is left out."""
    return DataLoader(examples, sampler=EpochOrder(len(examples), batch_size=batch_size, seed=seed), batch_size=None)


def ordered_batches(examples: TensorDataset) -> DataLoader[tuple[Tensor, ...]]:
    """Return batches of all examples, in order."""
    parts = torch.arange(len(examples)).split(SCORING_BATCH)  # type: ignore[no-untyped-call]
    return DataLoader(examples, sampler=parts, batch_size=None)


def fingerprint(windows: Windows) -> str:
    """Return a hash of all that training reads, so that a run is never continued on other data."""
    digest = hashlib.sha256(json.dumps([windows.rooms, windows.access_points, windows.step_s]).encode())
    for array in (windows.rssi, windows.motion, windows.room, windows.label):
        digest.update(array.tobytes())
    return digest.hexdigest()


class EpochOrder(Sampler[Tensor]):
    """The indices (b,) of each batch of an epoch."""

    def __init__(self, n_examples: int, *, batch_size: int, seed: int) -> None:
        self.n_examples = n_examples
        self.batch_size = min(batch_size, n_examples)
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch, also the first after resuming."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.n_examples // self.batch_size

    def __iter__(self) -> Iterator[Tensor]:
        # A generator: the order is drawn at the first batch. Lightning resumes by making the iterator before it sets
        # the epoch.
        draw = generator(seed=self.seed, stream=Stream.SHUFFLE, index=self.epoch)
        order = torch.randperm(self.n_examples, generator=draw)
        whole = order[: len(self) * self.batch_size]
        yield from whole.reshape(-1, self.batch_size)


def _dataset(windows: Windows) -> TensorDataset:
    parts = (windows.rssi, windows.motion, windows.room, windows.label)
    return TensorDataset(*(torch.from_numpy(part) for part in parts))
