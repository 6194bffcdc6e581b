"""Labelled examples: fingerprints and short sequences of data sets that are not long recordings of one person.

Glossary: `n` examples, `T` steps of one example (1 for a fingerprint), `F` features, `C` classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from smidgen.data.recording import RSSI_RANGE_DBM
from smidgen.errors import ConfigError, DataError, nearest
from smidgen.rssi import NOT_HEARD_DBM

DBM = "dBm"
"""Unit of examples whose features are levels of radios; only these may hold NaN, which means not heard."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Examples:
    """The examples of one data set, in the order of its files. Raises DataError at birth where parts contradict."""

    name: str
    unit: str  # DBM, or what the features are measured in
    features: tuple[str, ...]  # F names
    values: Sequence[NDArray[np.float32]]  # n arrays (T, F); NaN = not heard
    classes: tuple[str, ...]  # C names
    label: NDArray[np.int16]  # (n,) index into classes
    group: NDArray[np.str_]  # (n,) examples of one group hold the same walk, point or person: no split may part them
    tags: Mapping[str, NDArray[np.str_]] = field(default_factory=dict)  # (n,) each: person, phone, building, ...
    position_m: NDArray[np.float32] | None = None  # (n, 2) in a frame of the set's own
    counts: Mapping[str, int] = field(default_factory=dict)  # what a loader dropped or found odd

    def __post_init__(self) -> None:
        n = len(self.values)
        columns = {"label": self.label, "group": self.group, **self.tags}
        if self.position_m is not None:
            columns["position_m"] = self.position_m
        for what, column in columns.items():
            if len(column) != n:
                raise DataError(f"{self.name}: {n} examples, but {len(column)} entries of {what}")
        if not n:
            raise DataError(f"{self.name}: no example is left. Load the whole set, or select less strictly.")
        if self.label.min() < 0 or self.label.max() >= len(self.classes):
            raise DataError(
                f"{self.name}: labels run from {self.label.min()} to {self.label.max()}; there are classes "
                f"0..{len(self.classes) - 1}"
            )
        for index, steps in enumerate(self.values):
            if steps.ndim != 2 or steps.shape[0] < 1 or steps.shape[1] != len(self.features):
                raise DataError(
                    f"{self.name}: example {index} must have shape (T, F) with T >= 1 and F = {len(self.features)}, "
                    f"got {steps.shape}"
                )
        self._check_values()

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: NDArray[np.integer] | NDArray[np.bool_]) -> Examples:
        """Return the examples at the indices, or where the mask (n,) is true. Counts stay those of the whole."""
        chosen = np.flatnonzero(index) if index.dtype == np.bool_ else index
        return replace(
            self,
            values=[self.values[i] for i in chosen.tolist()],
            label=self.label[chosen],
            group=self.group[chosen],
            tags={name: tag[chosen] for name, tag in self.tags.items()},
            position_m=None if self.position_m is None else self.position_m[chosen],
        )

    def tag(self, name: str) -> NDArray[np.str_]:
        """Return one tag (n,); ConfigError with the nearest name for one that the set does not have."""
        if name not in self.tags:
            raise ConfigError(f"{self.name} has no tag {name!r}; {nearest(name, self.tags)}")
        return self.tags[name]

    def where(self, **wanted: str) -> Examples:
        """Return the examples whose tags have the wanted values, as in `where(phone="2", power="1")`.

        Raises ConfigError for an unknown tag, or a value that no example has.
        """
        keep = np.ones(len(self), dtype=np.bool_)
        for name, value in wanted.items():
            tag = self.tag(name)
            if value not in tag:
                raise ConfigError(f"{self.name}: no example has {name} {value!r}; {nearest(value, np.unique(tag))}")
            keep &= tag == value
        return self[keep]

    def stacked(self) -> NDArray[np.float32]:
        """Return all values as one array (n, T, F); DataError where the lengths differ."""
        lengths = {len(steps) for steps in self.values}
        if len(lengths) > 1:
            raise DataError(
                f"{self.name}: examples have {min(lengths)} to {max(lengths)} steps, so they are no array. "
                "Pad or crop them first."
            )
        return np.stack(self.values)

    def rssi_codes(self) -> NDArray[np.int8]:
        """Return levels as the firmware receives them, whole dBm (n, T, F) with NOT_HEARD_DBM; DataError if no levels.

        Levels are refused at birth outside what a radio reports, so none saturates here.
        """
        if self.unit != DBM:
            raise DataError(f"{self.name} holds values in {self.unit}, not levels of radios in {DBM}")
        levels = self.stacked()
        return np.where(np.isnan(levels), NOT_HEARD_DBM, np.rint(levels)).astype(np.int8)

    def _check_values(self) -> None:
        low, high = RSSI_RANGE_DBM if self.unit == DBM else (-np.inf, np.inf)
        steps = np.concatenate(self.values)
        fine = np.isfinite(steps) & (steps >= low) & (steps <= high)
        if self.unit == DBM:
            fine |= np.isnan(steps)
        if not fine.all():
            step, feature = (int(i) for i in np.argwhere(~fine)[0])
            example = int(np.searchsorted(np.cumsum([len(v) for v in self.values]), step, side="right"))
            allowed = f"a level of {low:.0f}..{high:.0f} dBm, or NaN" if self.unit == DBM else "a finite number"
            raise DataError(
                f"{self.name}: expected {allowed}; example {example} holds {steps[step, feature]:g} for "
                f"{self.features[feature]}. Correct it, or fetch the file again."
            )
