"""From results of jobs to rows of the leaderboard: decisions pooled over held-out parts, mean and spread over seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from smidgen.evaluation import macro_f1_without
from smidgen.localisation.contestants import CONTESTANTS, FLOAT
from smidgen.localisation.decodings import delay_of
from smidgen.localisation.job import PROTOCOLS, Program, StudyResult
from smidgen.pooling import Pool
from smidgen.records import LocalisationRecord
from smidgen.training.metrics import Scores

HELD_OUT = {
    "sphere": "leave one sequence out",
    "simulated": "last recording of each home held out",
    "own": "leave one recording out",
}
"""What is held out, by the benchmark's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One contestant under one recipe, decoding and protocol, with the results that it pools."""

    contestant: str
    recipe: str
    decoding: str
    protocol: str
    results: tuple[StudyResult, ...]  # of all held-out parts and seeds

    @property
    def key(self) -> str:
        """Name of its predictions within each result."""
        return f"{self.recipe}/{self.decoding}/{self.protocol}"

    @property
    def name(self) -> str:
        """What people call it."""
        decoding = "" if self.decoding == "off" else f", {self.decoding}"
        start = "" if self.protocol == "whole" else f", {self.protocol}"
        return f"{self.contestant} {self.recipe}{decoding}{start}"

    @property
    def seeds(self) -> list[int]:
        """The seeds, in order."""
        return sorted({result.job.seed for result in self.results})

    def of_seed(self, seed: int) -> list[StudyResult]:
        """Return the results of one seed, one a held-out part."""
        return [result for result in self.results if result.job.seed == seed]

    def programs(self) -> list[Program]:
        """Return what was compiled and measured for this row, one a result."""
        wanted = (self.recipe, self.decoding)
        return [p for result in self.results for p in result.programs if (p.recipe, p.decoding) == wanted]


def rows_of(results: Sequence[StudyResult]) -> Iterator[Row]:
    """Yield the rows in the order of the table of contestants: in Python first, then programs, then random starts."""
    for name in CONTESTANTS:
        own = tuple(result for result in results if result.job.contestant == name)
        for protocol in PROTOCOLS:
            for program in own[0].programs if own else ():
                row = Row(
                    contestant=name, recipe=program.recipe, decoding=program.decoding, protocol=protocol, results=own
                )
                if row.key in own[0].predictions:
                    yield row


def scores_of(row: Row, pool: Pool) -> list[Scores]:
    """Return the scores of each seed, all held-out parts pooled."""
    return [
        pool.score(
            [(result.home, result.truth) for result in row.of_seed(seed)],
            [(result.home, result.predictions[row.key]) for result in row.of_seed(seed)],
        )
        for seed in row.seeds
    ]


def record_of(row: Row, pool: Pool, *, data: str, command: str, versions: str) -> LocalisationRecord:
    """Return a row as it is stored."""
    contestant, programs, scores = CONTESTANTS[row.contestant], row.programs(), scores_of(row, pool)
    macro_f1 = [each.macro_f1 for each in scores]
    per_room = np.array([list(each.f1.values()) for each in scores])  # (seeds, R)
    delays = (contestant.looks_ahead_s, delay_of(row.decoding))
    known = [delay for delay in delays if delay is not None]
    return LocalisationRecord(
        data=data,
        protocol=HELD_OUT[data] + ("" if row.protocol == "whole" else f", {row.protocol}"),
        model=row.contestant,
        role=contestant.role,
        recipe=row.recipe,
        decoding=row.decoding,
        delay_s=sum(known) if len(known) == len(delays) else None,
        macro_f1=float(np.mean(macro_f1)),
        macro_f1_8=float(np.mean([macro_f1_without(each, pool.rare) for each in scores])),
        macro_f1_std=float(np.std(macro_f1, ddof=1)) if len(macro_f1) > 1 else 0.0,
        accuracy=float(np.mean([each.accuracy for each in scores])),
        per_room_f1={
            room: None if np.isnan(column).all() else float(np.nanmean(column))
            for room, column in zip(pool.rooms, per_room.T, strict=True)
        },
        seeds=len(row.seeds),
        parameters=max((p.parameters for p in programs if p.parameters is not None), default=None),
        ram_bytes=_most(programs, "ram_bytes"),
        flash_bytes=_most(programs, "flash_bytes"),
        instructions=_most(programs, "instructions"),
        mismatched_bytes=None if row.recipe == FLOAT else sum(p.mismatched_bytes or 0 for p in programs),
        command=command,
        versions=versions,
    )


def _most(programs: Sequence[Program], cost: str) -> int | None:
    return max((value for p in programs if (value := getattr(p, cost)) is not None), default=None)
