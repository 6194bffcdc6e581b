"""What was asked of localisation on SPHERE, and what the records say: met, missed by how much, or not measured.

Scores are macro-F1 over the eight rooms without study, unless said otherwise; one point is 0.01. Each target is judged
by the one row that was named for it before the study: no target is met by the best of many rows.
Only the rival is the best of its kind, whatever its size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smidgen.report.formatting import percent, score
from smidgen.report.study import OFF, Entry, Study, starts_anywhere

KB = 1024
WITHIN = 0.015
"""How far the published configurations may lie below the best causal float model."""

_GAIN = 0.01 - 1e-9  # one point, but for rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One target: what was asked, what was found and in which entry; `met` is None where nothing was measured."""

    asked: str
    found: str
    by: str
    met: bool | None


def judge_targets(study: Study) -> tuple[Verdict, ...]:
    """Return the verdict on each target, from rows of SPHERE scored over whole recordings."""
    return tuple(judge(study) for judge in _TARGETS)


def _teacher(study: Study) -> Verdict:
    asked = "whole-recording teacher: macro-F1 at least 0.93, accuracy at least 97 %"
    row = study.nominee("teacher")
    if row is None:
        return _unmeasured(asked)
    met = row.macro_f1_8 >= 0.93 and row.accuracy >= 0.97
    return Verdict(asked=asked, found=f"{score(row.macro_f1_8)}, {percent(row.accuracy)}", by=row.name, met=met)


def _student(question: str, longest_delay_s: float, at_least: float) -> Callable[[Study], Verdict]:
    waits = "no delay" if longest_delay_s == 0 else f"at most {longest_delay_s:g} s of delay"

    def judge(study: Study) -> Verdict:
        asked = (
            f"integer streaming student, 8 KB of RAM, 32 KB of flash, 60,000 instructions a decision, {waits}: "
            f"macro-F1 at least {at_least:g}"
        )
        row = study.nominee(question)
        if row is None:
            return _unmeasured(asked)
        in_time = row.delay_s is not None and row.delay_s <= longest_delay_s
        fits = row.fits_wearable and row.recipe != "float32" and in_time
        found = score(row.macro_f1_8) if fits else f"{score(row.macro_f1_8)}, beyond a limit"
        return Verdict(asked=asked, found=found, by=row.name, met=fits and row.macro_f1_8 >= at_least)

    return judge


def _published(question: str, asked: str, ram_bytes: int) -> Callable[[Study], Verdict]:
    def judge(study: Study) -> Verdict:
        row, rival = study.nominee(question), _rival(study.entries)
        if row is None or row.ram_bytes is None or rival is None:
            return _unmeasured(asked)
        fits = row.ram_bytes <= ram_bytes and row.delay_s == 0
        found = f"{score(row.macro_f1_8)} against {score(rival.macro_f1_8)} of {rival.name}"
        met = fits and row.macro_f1_8 >= rival.macro_f1_8 - WITHIN
        return Verdict(asked=asked, found=found if fits else f"{found}, beyond a limit", by=row.name, met=met)

    return judge


def _rival(entries: Sequence[Entry]) -> Entry | None:
    """Return the best causal float model of any size, without decoding: the best of its kind, on the very same rows."""
    whole = [e for e in entries if not starts_anywhere(e) and e.ram_bytes is None and e.role != "ceiling"]
    return max(
        (e for e in whole if e.delay_s == 0 and e.decoding == OFF), key=lambda entry: entry.macro_f1_8, default=None
    )


def _agreement(study: Study) -> Verdict:
    asked = "int8 after quantisation-aware training: the room of its own float model in at least 99.3 % of decisions"
    row = study.nominee("quantisation-aware")
    if row is None or row.argmax_agreement is None:
        return _unmeasured(asked)
    return Verdict(asked=asked, found=percent(row.argmax_agreement), by=row.name, met=row.argmax_agreement >= 0.993)


def _distillation(study: Study) -> Verdict:
    asked = "distillation: at least 1 point over the same student alone"
    taught, alone = study.nominee("distilled"), study.nominee("student at once")
    if taught is None or alone is None or taught.model != f"{alone.model}-distilled":
        return _unmeasured(asked)
    found = " against ".join(f"{score(row.macro_f1_8)} (seeds: {row.seeds})" for row in (taught, alone))
    met = taught.seeds >= alone.seeds and taught.macro_f1_8 - alone.macro_f1_8 >= _GAIN
    return Verdict(asked=asked, found=found, by=taught.name, met=met)


def _unmeasured(asked: str) -> Verdict:
    return Verdict(asked=asked, found="not measured", by="", met=None)


_TARGETS: tuple[Callable[[Study], Verdict], ...] = (
    _teacher,
    _student("student at once", 0.0, 0.88),
    _student("student after 4 s", 4.0, 0.92),
    _published(
        "transformer",
        "quantised transformer within 64 KB of RAM: at most 1.5 points below the best causal float model",
        64 * KB,
    ),
    _published(
        "mamba", "float32 Mamba within 32 KB of RAM: at most 1.5 points below the best causal float model", 32 * KB
    ),
    _agreement,
    _distillation,
)
