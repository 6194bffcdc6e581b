"""The firmware of the preferred student: trained on every recording, compiled, self-tested on two cores, and delivered.

No score is made here, and none decides which student it is (`nominees.DELIVERY`): what to expect of it is the row of
the same student over held-out recordings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smidgen.localisation.answers import Student
from smidgen.localisation.contestants import CONTESTANTS
from smidgen.localisation.evidence import choose_evidence
from smidgen.localisation.fold import all_recordings
from smidgen.localisation.nominees import delivery_order
from smidgen.records import LocalisationRecord

TARGETS = ("cortex-m4", "cortex-m0plus")
"""Cores that the firmware is delivered for, each in a folder of its own: what a kernel needs differs between them."""

LONGEST_DELAY_S = 4.0
"""That somebody waits for the firmware's answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The firmware, and what each core needs for it; a core is listed once its self-test has passed."""

    folder: str  # that holds a folder for each core
    model: str
    recipe: str
    decoding: str
    instructions: dict[str, int]  # by core, of one decision


def preferred_student(records: Sequence[LocalisationRecord]) -> LocalisationRecord:
    """Return the first program in the order of preference that is of integers, fits a wearable and answers in time.

    Scores have no part in it. Where none does, the first that fits, and else the first at all: in float32 a core
    without FPU takes seventy times the instructions, so that a float program is second choice.
    """
    compiled = [r for r in records if r.ram_bytes is not None and not r.protocol.endswith("random starts")]
    fitting = [r for r in compiled if r.fits_wearable and r.delay_s is not None and r.delay_s <= LONGEST_DELAY_S]
    integer = [r for r in fitting if r.recipe != "float32"]
    order = delivery_order()
    return min(integer or fitting or compiled, key=lambda r: order.index((r.model, r.recipe, r.decoding)))


def deliver(record: LocalisationRecord, *, data: str, root: str | None, folder: Path) -> Delivered:
    """Train a student on all recordings of the first home and leave its firmware in `folder / "firmware" / core`.

    Raises FirmwareFault where a self-test fails, VerificationError where executions differ.
    """
    fold = all_recordings(data, root)
    contestant, own = CONTESTANTS[record.model], folder / "delivered"
    student: Student = contestant.fit(fold, seed=0, folder=own)  # type: ignore[assignment]  # what compiled compiles
    evidence = choose_evidence(record.model, contestant, fold, folder=own)[record.decoding]
    instructions = {}
    for target in TARGETS:
        compiled = student.compile(record.recipe, record.decoding, evidence, target=target)
        instructions[target] = compiled.costs(fold.split.train[:1]).instructions  # runs the self-test first
        compiled.save(folder / "firmware" / target)
    return Delivered(
        folder=str(folder / "firmware"),
        model=record.model,
        recipe=record.recipe,
        decoding=record.decoding,
        instructions=instructions,
    )
