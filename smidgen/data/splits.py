"""Splits: which recordings train and which test. Never random windows: neighbouring windows hold the same packets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar, get_args

import numpy as np

from smidgen.errors import ConfigError, DataError

Unit = Literal["recording", "subject", "home"]


class Origin(Protocol):
    """Anything that says where it comes from: a Recording, or Frames of one."""

    @property
    def name(self) -> str: ...

    @property
    def home(self) -> str: ...

    @property
    def subject(self) -> str: ...


Item = TypeVar("Item", bound=Origin)


@dataclass(frozen=True, slots=True, kw_only=True)
class Split(Generic[Item]):
    """One fold: everything in `test` comes from recordings, subjects or homes that `train` has not seen."""

    name: str  # what is held out
    train: tuple[Item, ...]
    test: tuple[Item, ...]


def leave_one_out(items: Sequence[Item], *, by: Unit = "recording") -> Iterator[Split[Item]]:
    """Yield one split for each recording, subject or home, held out in order of first appearance.

    Raises ConfigError for an unknown unit, DataError where there are fewer than two to part.
    """
    for held_out in _groups(items, by):
        yield _split(items, by, held_out)


def validation_split(items: Sequence[Item], *, seed: int, by: Unit = "recording") -> Split[Item]:
    """Hold one recording, subject or home of the training side out, drawn by `seed`, for early stopping and choices.

    Same errors as `leave_one_out`.
    """
    groups = _groups(items, by)
    return _split(items, by, groups[int(np.random.default_rng(seed).integers(len(groups)))])


def _groups(items: Sequence[Item], by: Unit) -> list[str]:
    if by not in get_args(Unit):
        raise ConfigError(f"a split goes by {', '.join(get_args(Unit))}; got '{by}'")
    groups = list(dict.fromkeys(_key(item, by) for item in items))
    if len(groups) < 2:
        raise DataError(
            f"cannot hold one {by} out: {len(items)} recordings come from {len(groups)} {by}. "
            f"Add recordings of another {by}, or split by another unit."
        )
    return groups


def _split(items: Sequence[Item], by: Unit, held_out: str) -> Split[Item]:
    return Split(
        name=held_out,
        train=tuple(item for item in items if _key(item, by) != held_out),
        test=tuple(item for item in items if _key(item, by) == held_out),
    )


def _key(item: Item, by: Unit) -> str:
    """Subjects and recordings are told apart within their home, whatever their names."""
    return {"recording": item.name, "subject": f"{item.home}/{item.subject}", "home": item.home}[by]
