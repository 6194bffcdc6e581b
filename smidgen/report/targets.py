"""What was asked of localisation on SPHERE, and what the records say: met, missed by how much, or not measured.

Scores are macro-F1 over the eight rooms without study, unless said otherwise; one point is 0.01.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smidgen.report.formatting import percent, score
from smidgen.report.study import OFF, Entry, starts_anywhere

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


def judge_targets(entries: Sequence[Entry]) -> tuple[Verdict, ...]:
    """Return the verdict on each target, from entries of SPHERE scored over whole recordings."""
    scored = [entry for entry in entries if not starts_anywhere(entry)]
    return tuple(judge(scored) for judge in _TARGETS)


def _teacher(entries: Sequence[Entry]) -> Verdict:
    asked = "whole-recording teacher: macro-F1 at least 0.93, accuracy at least 97 %"
    best = _best([e for e in entries if e.role == "teacher"])
    if best is None:
        return _unmeasured(asked)
    met = best.macro_f1_8 >= 0.93 and best.accuracy >= 0.97
    return Verdict(asked=asked, found=f"{score(best.macro_f1_8)}, {percent(best.accuracy)}", by=best.name, met=met)


def _student(longest_delay_s: float, at_least: float) -> Callable[[Sequence[Entry]], Verdict]:
    waits = "no delay" if longest_delay_s == 0 else f"at most {longest_delay_s:g} s of delay"

    def judge(entries: Sequence[Entry]) -> Verdict:
        asked = (
            f"integer streaming student, 8 KB of RAM, 32 KB of flash, 60,000 instructions a decision, {waits}: "
            f"macro-F1 at least {at_least:g}"
        )
        integers = [e for e in entries if e.fits_wearable and e.recipe != "float32"]
        fitting = [e for e in integers if e.delay_s is not None and e.delay_s <= longest_delay_s]
        return _at_least(asked, _best(fitting), at_least)

    return judge


def _published(asked: str, ram_bytes: int, chosen: Callable[[Entry], bool]) -> Callable[[Sequence[Entry]], Verdict]:
    def judge(entries: Sequence[Entry]) -> Verdict:
        rival = _best([e for e in entries if e.ram_bytes is None and e.delay_s == 0 and e.decoding == OFF])
        fitting = [e for e in entries if e.ram_bytes is not None and e.ram_bytes <= ram_bytes and chosen(e)]
        best = _best([e for e in fitting if e.delay_s == 0])
        if best is None or rival is None:
            return _unmeasured(asked)
        found = f"{score(best.macro_f1_8)} against {score(rival.macro_f1_8)} of {rival.name}"
        return Verdict(asked=asked, found=found, by=best.name, met=best.macro_f1_8 >= rival.macro_f1_8 - WITHIN)

    return judge


def _agreement(entries: Sequence[Entry]) -> Verdict:
    asked = "int8 after quantisation-aware training: the room of its own float model in at least 99.3 % of decisions"
    trained = [e for e in entries if "-qat" in e.model and e.argmax_agreement is not None and e.decoding == OFF]
    if not trained:
        return _unmeasured(asked)
    best = max(trained, key=lambda e: e.argmax_agreement or 0.0)
    agreement = best.argmax_agreement or 0.0
    return Verdict(asked=asked, found=percent(agreement), by=best.name, met=agreement >= 0.993)


def _distillation(entries: Sequence[Entry]) -> Verdict:
    asked = "distillation: at least 1 point over the same student alone"
    alone = {e.model: e for e in entries if e.recipe == "int8" and e.decoding == OFF}
    pairs = [(e, alone[name]) for e in alone.values() if (name := e.model.removesuffix("-distilled")) in alone]
    gained = [(taught, student) for taught, student in pairs if taught is not student]
    if not gained:
        return _unmeasured(asked)
    taught, student = max(gained, key=lambda pair: pair[0].macro_f1_8 - pair[1].macro_f1_8)
    gain = taught.macro_f1_8 - student.macro_f1_8
    found = f"{score(taught.macro_f1_8)} against {score(student.macro_f1_8)}"
    return Verdict(asked=asked, found=found, by=taught.name, met=gain >= _GAIN)


def _best(entries: Sequence[Entry]) -> Entry | None:
    return max(entries, key=lambda entry: entry.macro_f1_8, default=None)


def _at_least(asked: str, best: Entry | None, limit: float) -> Verdict:
    if best is None:
        return _unmeasured(asked)
    return Verdict(asked=asked, found=score(best.macro_f1_8), by=best.name, met=best.macro_f1_8 >= limit)


def _unmeasured(asked: str) -> Verdict:
    return Verdict(asked=asked, found="not measured", by="", met=None)


_TARGETS: tuple[Callable[[Sequence[Entry]], Verdict], ...] = (
    _teacher,
    _student(0.0, 0.88),
    _student(4.0, 0.92),
    _published(
        "quantised transformer within 64 KB of RAM: at most 1.5 points below the best causal float model",
        64 * KB,
        lambda e: e.model.startswith("transformer") and e.recipe != "float32",
    ),
    _published(
        "float32 Mamba within 32 KB of RAM: at most 1.5 points below the best causal float model",
        32 * KB,
        lambda e: e.model.startswith("mamba") and e.recipe == "float32",
    ),
    _agreement,
    _distillation,
)
