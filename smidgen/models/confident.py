"""Rooms with a confidence that can be believed, and "unknown" where it is too low: all inside the exported graph.

Shapes: b batch, t time steps, R rooms.
"""

import torch
from torch import Tensor, nn

from smidgen.errors import ConfigError


class ConfidentRooms(nn.Module):
    """Logits of a room classifier to probabilities (..., R + 1), the last of them the threshold of "unknown".

    The largest entry is the answer: a room, or index R where no room is as likely as the threshold. So the answer is an
    argmax as before, in C too, and the threshold stands in the same units as the probabilities it is held against.
    Dividing by the temperature costs nothing where the head comes directly before: the compiler folds it into the
    weights. Any module that returns logits with the rooms along the last axis will do, per step or of one step.
    """

    threshold: Tensor  # (1,)

    def __init__(self, rooms: nn.Module, *, temperature: float, threshold: float) -> None:
        """Args: rooms, gives logits; temperature and threshold, from `training.confidence`; threshold 0 answers all.

        Raises: ConfigError for a temperature that is not positive, or a threshold outside [0, 1).
        """
        super().__init__()
        if not temperature > 0:
            raise ConfigError(f"a temperature must be positive, got {temperature}")
        if not 0 <= threshold < 1:
            raise ConfigError(f"the threshold of a confidence must lie in [0, 1), got {threshold}")
        self.rooms = rooms
        self.temperature = temperature
        self.register_buffer("threshold", torch.tensor([threshold]))

    def forward(self, rssi: Tensor, motion: Tensor) -> Tensor:
        """Args: as the classifier's, rssi (b, t, A) and motion (b, t, M). Returns: (b, t, R + 1), or (b, R + 1)."""
        probability = torch.softmax(self.rooms(rssi, motion) * (1.0 / self.temperature), dim=-1)
        unknown = self.threshold.expand(*probability.shape[:-1], 1)
        return torch.cat([probability, unknown], dim=-1)
