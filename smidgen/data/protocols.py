"""Protocols: how a data set's examples are parted into training and testing, as objects that refuse to leak.

No group (a walk, a point, a person) stands on both sides of a fold, unless a transfer asks for that and says so.
Glossary: `n` examples.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smidgen.data.examples import Examples
from smidgen.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fold:
    """One way of parting the examples: what trains and what tests."""

    name: str  # what is held out
    train: NDArray[np.intp]  # indices into the examples
    test: NDArray[np.intp]


class Parting(Protocol):
    """What every protocol can do."""

    def folds(self, examples: Examples) -> Iterator[Fold]:
        """Yield the folds; DataError where a side would be empty or a group would be parted."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveOneOut:
    """Hold out each value of a tag once: one person, one environment, one round of a walk."""

    by: str

    def folds(self, examples: Examples) -> Iterator[Fold]:
        tag = examples.tag(self.by)
        for value in dict.fromkeys(tag.tolist()):
            yield _fold(examples, f"{self.by} {value}", tag == value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Train on some values of a tag and test on others: other buildings, phones or files.

    Groups may stand on both sides only where that is the question: another phone at the very same points.
    """

    by: str
    train: tuple[str, ...]
    test: tuple[str, ...]
    same_groups: bool = False

    def __post_init__(self) -> None:
        both = sorted(set(self.train) & set(self.test))
        if both:
            raise ConfigError(f"{self.by} {', '.join(both)} cannot both train and test")

    def folds(self, examples: Examples) -> Iterator[Fold]:
        tag = examples.tag(self.by)
        name = f"{self.by} {'+'.join(self.train)} to {'+'.join(self.test)}"
        test, train = np.isin(tag, self.test), np.isin(tag, self.train)
        yield _fold(examples, name, test, train, may_part_groups=self.same_groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContiguousFolds:
    """Cut each class, in the order of the file, into n pieces; each piece of all classes tests once.

    For rows without times or groups: neighbours in the file are measured together, shuffled folds would leak.
    """

    n: int = 5

    def __post_init__(self) -> None:
        _check_folds(self.n)

    def folds(self, examples: Examples) -> Iterator[Fold]:
        piece = np.empty(len(examples), dtype=np.intp)
        for label in np.unique(examples.label):
            rows = np.flatnonzero(examples.label == label)
            piece[rows] = np.arange(len(rows)) * self.n // len(rows)
        yield from _numbered(examples, piece, self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupedFolds:
    """Deal whole groups, in an order drawn by the seed, to n folds."""

    n: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        _check_folds(self.n)

    def folds(self, examples: Examples) -> Iterator[Fold]:
        groups, group = np.unique(examples.group, return_inverse=True)
        order = np.random.default_rng(self.seed).permutation(len(groups))
        yield from _numbered(examples, order[group] % self.n, self.n)


@dataclass(frozen=True, slots=True, kw_only=True)
class StratifiedFolds:
    """Deal the examples of each class, in an order drawn by the seed, to n folds.

    Only for examples that are groups of their own; where several share a group, GroupedFolds is the honest one.
    """

    n: int = 5
    seed: int = 0

    def __post_init__(self) -> None:
        _check_folds(self.n)

    def folds(self, examples: Examples) -> Iterator[Fold]:
        generator = np.random.default_rng(self.seed)
        order = generator.permutation(len(examples))
        order = order[np.argsort(examples.label[order], kind="stable")]  # class after class, shuffled within
        piece = np.empty(len(examples), dtype=np.intp)
        piece[order] = np.arange(len(examples)) % self.n
        yield from _numbered(examples, piece, self.n)


def _check_folds(n: int) -> None:
    if n < 2:
        raise ConfigError(f"a protocol needs at least 2 folds, got {n}")


def _numbered(examples: Examples, piece: NDArray[np.intp], n: int) -> Iterator[Fold]:
    for number in range(n):
        yield _fold(examples, f"fold {number + 1} of {n}", piece == number)


def _fold(
    examples: Examples,
    name: str,
    test: NDArray[np.bool_],
    train: NDArray[np.bool_] | None = None,
    *,
    may_part_groups: bool = False,
) -> Fold:
    """Return the fold after checking both sides; everything that does not test trains unless said otherwise."""
    train = ~test if train is None else train
    if not (test.any() and train.any()):
        raise DataError(
            f"{examples.name}, {name}: {int(train.sum())} examples would train and {int(test.sum())} test; both sides "
            "need some. Use fewer folds, or another protocol."
        )
    parted = np.intersect1d(examples.group[train], examples.group[test])
    if len(parted) and not may_part_groups:
        raise DataError(
            f"{examples.name}, {name}: group '{parted[0]}' would train and test ({len(parted)} groups in all), so the "
            "score would be of examples nearly seen before. Use GroupedFolds, or hold out what groups do not share."
        )
    return Fold(name=name, train=np.flatnonzero(train), test=np.flatnonzero(test))
