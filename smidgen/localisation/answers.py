"""What every contestant is: something that answers a recording with probabilities of rooms, in floats or in integers.

Glossary: `K` decisions of a stretch, those that only warm it up included; `R` rooms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smidgen.data import Recording
from smidgen.decoding import EvidenceConfig
from smidgen.localisation.stretches import Stretch
from smidgen.records import Measurement

Probabilities = NDArray[np.float64]


class Answerer(Protocol):
    """A trained model, in Python."""

    @property
    def parameters(self) -> int | None:
        """How many numbers it learned; None for trees and neighbours, which keep examples."""
        ...

    @property
    def prior(self) -> NDArray[np.float64]:
        """(R,) what it assumes of each room before it hears anything, which decoding takes out again."""
        ...

    def probabilities(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R) for the decisions of a stretch from `heard_from` on; rows of NaN where it was not asked."""
        ...


class Decodable(Answerer, Protocol):
    """A trained model that a decoder can stand behind."""

    @property
    def floor(self) -> float:
        """The least probability that its decoder believes: trees say 0 where they only saw little."""
        ...

    def to_decode(self, recording: Recording, stretch: Stretch) -> Probabilities:
        """Return (K, R), what a decoder is given in place of `probabilities`; decisions may lie behind the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a program takes of a Cortex-M4 and what proves it."""

    ram_bytes: int
    flash_bytes: int
    instructions: int  # of all steps of one decision
    cycles_estimate: int | None  # of the same; None for a core without a cycle model
    mismatched_bytes: int
    n_compared: int  # answers that ran both in the reference and in C
    n_emulated: int  # frames or windows that ran on the emulated core


class CompiledStudent(Protocol):
    """A student under a recipe, with a decoder in it or without: integers, or the program's own float32."""

    @property
    def parameters(self) -> int:
        """How many numbers the program holds."""
        ...

    def scores(self, recording: Recording, stretch: Stretch) -> NDArray[np.float64]:
        """Return (K, R) for the decisions of a stretch from `heard_from` on; the largest is the answer."""
        ...

    def costs(self, recordings: Sequence[Recording]) -> Costs:
        """Prove the program on recordings, and measure it."""
        ...

    def save(self, folder: Path) -> Path:
        """Leave its firmware in a folder."""
        ...


class Student(Answerer, Protocol):
    """A trained network that compiles."""

    def compile(
        self, recipe: str, decoding: str, evidence: EvidenceConfig, *, target: str = "cortex-m4"
    ) -> CompiledStudent:
        """Return its program under a recipe, with a decoder of such evidence in it unless the decoding is off."""
        ...


def costs_of(
    measured: Measurement, other_steps: Sequence[int | None], *, mismatched_bytes: int, n_compared: int, n_emulated: int
) -> Costs:
    """Return the costs of a decision: its dearest step, as it was measured, and its other steps' instructions."""
    dearest, others = measured.instructions, [each for each in other_steps if each is not None]
    assert dearest is not None  # students are measured on emulated cores, which count
    assert len(others) == len(other_steps)
    cycles = measured.cycles_estimate
    return Costs(
        ram_bytes=measured.ram_bytes,
        flash_bytes=measured.flash_bytes,
        instructions=dearest + sum(others),
        cycles_estimate=None if cycles is None else round(cycles * (dearest + sum(others)) / dearest),
        mismatched_bytes=mismatched_bytes,
        n_compared=n_compared,
        n_emulated=n_emulated,
    )
