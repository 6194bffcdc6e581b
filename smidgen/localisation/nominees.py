"""Which row answers each question that was asked of localisation: named before a study.

Many rows compete, and the largest of many held-out scores says too much. So each question has one row, chosen by
trainings without two sequences (docs/training.md, "What was chosen on SPHERE, and how"); its held-out score is the
answer, also where another row scores higher. It may still be slightly optimistic: every sequence took part in a choice
while it was left out of the training, and fold scores of earlier studies were known. Only rivals are the best of their
kind: that makes a comparison harder, never easier.
"""

from __future__ import annotations

from dataclasses import dataclass

from smidgen.localisation.contestants import CONTESTANTS, FLOAT, find_contestant
from smidgen.localisation.decodings import OFF, check_decoding


@dataclass(frozen=True, slots=True, kw_only=True)
class Nominee:
    """A row of the leaderboard, as its score over whole recordings."""

    question: str  # one of those that `report.targets` asks
    model: str  # a contestant
    recipe: str
    decoding: str = OFF

    def __post_init__(self) -> None:
        find_contestant(self.model)
        check_decoding(self.decoding)


NOMINEES = (
    Nominee(question="teacher", model="bidirectional-gru-and-trees", recipe=FLOAT),
    Nominee(question="student at once", model="gru-stream", recipe="int8"),
    Nominee(question="student after 4 s", model="gru-stream-4s", recipe="int8"),
    Nominee(question="transformer", model="transformer-window-ensemble", recipe="int8"),
    Nominee(question="mamba", model="mamba-stream-ensemble", recipe="float32"),
    Nominee(question="quantisation-aware", model="gru-stream-qat", recipe="int8"),
    Nominee(question="distilled", model="gru-stream-distilled", recipe="int8"),
)

DELIVERY = ("student after 4 s", "student at once")
"""The questions whose rows are delivered, the first that was run, compiled and fits.

By trainings without two sequences 4 s of delay are better than none."""


def delivery_order() -> tuple[tuple[str, str, str], ...]:
    """Return model, recipe and decoding of all programs: first the nominees of DELIVERY, then as the table has them."""
    by_question = {nominee.question: nominee for nominee in NOMINEES}
    first = [(each.model, each.recipe, each.decoding) for each in (by_question[question] for question in DELIVERY)]
    others = [(name, *program) for name, contestant in CONTESTANTS.items() for program in contestant.programs]
    return tuple(dict.fromkeys([*first, *others]))
