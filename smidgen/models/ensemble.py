"""Several room classifiers that answer together, as one module: compiled, they are one program.

Networks this small differ by their seed alone in what they get wrong, and their mean is wrong less often than any.
Shapes: b batch, t time steps, A access points, M motion channels, R rooms.
"""

from collections.abc import Sequence
from typing import TypeVar

from torch import Tensor, nn

from smidgen.errors import ConfigError

Member = TypeVar("Member", bound=nn.Module)


class RoomEnsemble(nn.Module):
    """The mean of the members' logits: the geometric mean of their probabilities, which costs a device no softmax."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        """Args: members, modules of the same inputs that return logits of the same shape, per step or of one step.

        Raises: ConfigError without members.
        """
        super().__init__()
        if not members:
            raise ConfigError("an ensemble needs at least 1 member, got 0")
        self.members = nn.ModuleList(members)

    def forward(self, rssi: Tensor, motion: Tensor | None = None) -> Tensor:
        """Args: as the members', rssi (b, t, A) and motion (b, t, M), if any. Returns: (b, t, R) or (b, R)."""
        first, *others = self.members
        total: Tensor = first(rssi, motion)
        for member in others:
            total = total + member(rssi, motion)
        return total * (1.0 / len(self.members))


def together(members: Sequence[Member]) -> Member | RoomEnsemble:
    """Return one module that answers as the members do together: an ensemble, or the only one itself."""
    return members[0] if len(members) == 1 else RoomEnsemble(members)
