"""Where a model that remembers begins: at the start of a recording, or anywhere in it.

Recordings can be scripted: a state that is carried from the first minute may know what comes next. So such models are
scored from random starts too. Glossary: `K` decisions of a recording, scored or not; decision k ends at (k + 1) hop_s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from smidgen.errors import ConfigError

WARM_UP = 10
"""Decisions, 20 s, that a model hears before its first one counts."""

SHORTEST, LONGEST = 30, 90
"""Decisions between two random starts: 1 to 3 minutes, a few rooms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Decisions [begin, end) of a recording that count, heard from decision `heard_from` on, with nothing before."""

    heard_from: int
    begin: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.heard_from <= self.begin < self.end:
            raise ConfigError(f"a stretch is heard from 0 <= heard_from <= begin < end, got {self}")

    @property
    def warm_up(self) -> int:
        """Decisions that are heard and do not count."""
        return self.begin - self.heard_from


def whole(n_decisions: int) -> tuple[Stretch, ...]:
    """Return a recording from its start, the state carried to its end."""
    return (Stretch(heard_from=0, begin=0, end=n_decisions),)


def random_starts(n_decisions: int, *, seed: int) -> tuple[Stretch, ...]:
    """Return stretches of random length that together hold each decision once, each heard from WARM_UP before it."""
    generator, begin, stretches = np.random.default_rng(seed), 0, []
    while begin < n_decisions:
        end = min(n_decisions, begin + int(generator.integers(SHORTEST, LONGEST + 1)))
        stretches.append(Stretch(heard_from=max(0, begin - WARM_UP), begin=begin, end=end))
        begin = end
    return tuple(stretches)
