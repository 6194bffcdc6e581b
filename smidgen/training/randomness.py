"""Random numbers that a resumed run draws again: each use has its own stream, addressed by (seed, stream, index).

No state is carried along, so nothing about randomness has to be stored in a checkpoint.
"""

from enum import IntEnum, unique

import numpy as np
import torch


@unique
class Stream(IntEnum):
    """What the numbers are for."""

    SHUFFLE = 0  # index: epoch
    AUGMENTATION = 1  # index: training step
    DROPOUT = 2  # index: training step
    EPISODE = 3  # index: episode
    PROJECTION = 4  # of a student's features to its teacher's; index: 0


def generator(*, seed: int, stream: Stream, index: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a generator that depends on the three numbers only; neighbouring indices give unrelated numbers."""
    state = np.random.SeedSequence((seed, int(stream), index)).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state[0] >> np.uint64(1)))
