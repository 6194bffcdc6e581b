"""Decisions of all held-out recordings at once: rooms of several homes are told apart as "home/room"."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.benchmark import Benchmark
from smidgen.training.metrics import Scores, score

Labels = NDArray[np.integer[Any]]


class Pool:
    """The rooms of a benchmark over all its homes, and decisions of single homes brought together on them."""

    def __init__(self, benchmark: Benchmark) -> None:
        homes = list(dict.fromkeys(benchmark.homes))
        self.rooms: tuple[str, ...] = ()
        self.rare: tuple[str, ...] = ()
        self._offset: dict[str, int] = {}
        for home in homes:
            rooms = benchmark.splits[benchmark.homes.index(home)].test[0].rooms
            self._offset[home] = len(self.rooms)
            prefix = f"{home}/" if len(homes) > 1 else ""
            self.rooms += tuple(prefix + room for room in rooms)
            self.rare += tuple(prefix + room for room in benchmark.rare_rooms(home))

    def joined(self, parts: Iterable[tuple[str, Labels]]) -> NDArray[np.int64]:
        """Return the rooms (n,) of parts, each of one home and in its own numbering, as indices into `rooms`."""
        return np.concatenate([labels.astype(np.int64) + self._offset[home] for home, labels in parts])

    def score(self, truth: Iterable[tuple[str, Labels]], predicted: Iterable[tuple[str, Labels]]) -> Scores:
        """Score decisions of several homes as one set."""
        return score(self.joined(truth), self.joined(predicted), rooms=self.rooms)
