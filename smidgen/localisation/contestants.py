"""The table of all that competes: a new model, decoder or recipe is one entry here.

A contestant is fitted on a fold and then answers what is held out. Teachers may look at whole recordings and run in
Python only; students compile, and each of their programs is proven and measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from smidgen.errors import ConfigError, nearest
from smidgen.localisation.answers import Answerer
from smidgen.localisation.baseline import fit_baseline
from smidgen.localisation.decodings import EVERY_DECODING, OFF, ON_A_DEVICE, check_decoding
from smidgen.localisation.distilled import fit_distilled
from smidgen.localisation.fold import Fold
from smidgen.localisation.jointly import Jointly
from smidgen.localisation.mdcsa_teacher import fit_mdcsa
from smidgen.localisation.stream_student import fit_quantized, fit_stream
from smidgen.localisation.teacher import fit_teacher
from smidgen.localisation.window_student import fit_window
from smidgen.training.recording_presets import RecordingPreset, find_recording_preset

Role = Literal["baseline", "teacher", "student"]

FLOAT = "float"
"""The recipe of what runs in Python, in the arithmetic in which it was trained."""


class Fit(Protocol):
    """How a contestant learns a fold; the fold's folder keeps what a killed run continues from, by network and seed."""

    def __call__(self, fold: Fold, *, seed: int, folder: Path) -> Answerer: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """One way to find rooms."""

    role: Role
    fit: Fit
    remembers: bool = False  # carries a state from the start of a recording: scored from random starts too
    looks_ahead_s: float | None = 0.0  # beyond the decision; None: to the end of the recording
    programs: tuple[tuple[str, str], ...] = ()  # recipe and decoding of each that is compiled
    decodings: tuple[str, ...] = EVERY_DECODING  # in Python, over its float answers
    least_recordings: int = 1  # to train on
    most_seeds: int | None = None  # 1 where another seed makes no other model, or costs too much; None: all
    budget_s: float  # of processor time that one fold and seed of SPHERE take: for the plan, no limit

    def __post_init__(self) -> None:
        for name in (*self.decodings, *(decoding for _, decoding in self.programs)):
            check_decoding(name)


def _baseline(name: str, fold: Fold, *, seed: int, folder: Path) -> Answerer:
    return fit_baseline(fold, name, seed=seed, folder=folder)


def _window(name: str, preset: RecordingPreset, fold: Fold, *, seed: int, folder: Path) -> Answerer:
    return fit_window(fold, preset, seed=seed, folder=folder / name)


def _stream(name: str, preset: RecordingPreset, fold: Fold, *, seed: int, folder: Path) -> Answerer:
    return fit_stream(fold, preset, seed=seed, folder=folder / name)


def _quantized_stream(name: str, preset: RecordingPreset, fold: Fold, *, seed: int, folder: Path) -> Answerer:
    trained = fit_stream(fold, preset, seed=seed, folder=folder / name)
    return fit_quantized(trained, seed=seed, folder=folder / f"{name}-quantized" / f"seed-{seed}")


def _distilled_stream(name: str, preset: RecordingPreset, fold: Fold, *, seed: int, folder: Path) -> Answerer:
    one_member = replace(_WHOLE, members=1)
    teachers = folder.parent / "teachers"
    return fit_distilled(fold, preset, one_member, seed=seed, folder=folder / name, teachers=teachers)


def _teacher(name: str, preset: RecordingPreset, fold: Fold, *, seed: int, folder: Path) -> Answerer:
    return fit_teacher(fold, preset, seed=seed, folder=folder / name)


def _mdcsa(name: str, faithful: bool, fold: Fold, *, seed: int, folder: Path) -> Answerer:
    return fit_mdcsa(fold, faithful=faithful, seed=seed, folder=folder / name)


def _teacher_and_trees(
    name: str, preset: RecordingPreset, trees: str, fold: Fold, *, seed: int, folder: Path
) -> Answerer:
    networks = fit_teacher(fold, preset, seed=seed, folder=folder / name)
    return Jointly([networks, fit_baseline(fold, trees, seed=seed, folder=folder)], weights=(2.0, 1.0))


_PLAIN = (("int8", OFF), ("float32", OFF))
_DECODED = (*_PLAIN, ("int8", "adjacency, lag 4 s"), ("int8", "learned, lag 0 s"), ("int8", "learned, lag 4 s"))
_AT_ONCE, _AFTER_4S, _MAMBAS, _WINDOWS, _WHOLE = (
    find_recording_preset("sphere", role) for role in ("student", "student-4s", "mamba", "window", "teacher")
)
_MAMBA, _WINDOW = (replace(ensemble, members=1) for ensemble in (_MAMBAS, _WINDOWS))
"""Trained in the folders of the ensembles. The seeds of one network are the members of the first ensemble, so that this
one costs no training of its own, and others would cost three."""


def _stream_student(
    fit: Fit,
    preset: RecordingPreset,
    *,
    budget_s: float,
    programs: tuple[tuple[str, str], ...] = _PLAIN,
    decodes: bool = False,
) -> Contestant:
    return Contestant(
        role="student",
        fit=fit,
        remembers=True,
        looks_ahead_s=preset.delay_s,
        programs=programs,
        decodings=ON_A_DEVICE if decodes else (OFF,),
        budget_s=budget_s,
    )


def _window_student(fit: Fit, *, budget_s: float) -> Contestant:
    return Contestant(role="student", fit=fit, programs=_PLAIN, decodings=(OFF,), budget_s=budget_s)


CONTESTANTS: Mapping[str, Contestant] = {
    "gru-stream": _stream_student(
        partial(_stream, "gru", _AT_ONCE), _AT_ONCE, budget_s=65, programs=_DECODED, decodes=True
    ),
    "gru-stream-qat": _stream_student(
        partial(_quantized_stream, "gru", _AT_ONCE), _AT_ONCE, budget_s=5, programs=(("int8", OFF),)
    ),
    "gru-stream-4s": _stream_student(partial(_stream, "gru-4s", _AFTER_4S), _AFTER_4S, budget_s=30),
    "gru-stream-distilled": replace(
        _stream_student(
            partial(_distilled_stream, "gru-distilled", _AT_ONCE), _AT_ONCE, budget_s=50, programs=(("int8", OFF),)
        ),
        least_recordings=2,
        most_seeds=1,
    ),
    "gru-stream-4s-distilled": replace(
        _stream_student(
            partial(_distilled_stream, "gru-4s-distilled", _AFTER_4S), _AFTER_4S, budget_s=30, programs=(("int8", OFF),)
        ),
        least_recordings=2,
        most_seeds=1,
    ),
    "mamba-stream": _stream_student(partial(_stream, "mamba-of-100-s", _MAMBA), _MAMBA, budget_s=35),
    "mamba-stream-ensemble": replace(
        _stream_student(partial(_stream, "mamba-of-100-s", _MAMBAS), _MAMBAS, budget_s=85), most_seeds=1
    ),
    "bidirectional-gru-ensemble": Contestant(
        role="teacher",
        fit=partial(_teacher, "bidirectional-gru", _WHOLE),
        looks_ahead_s=None,
        decodings=(OFF,),
        budget_s=70,
    ),
    "bidirectional-gru-and-trees": Contestant(
        role="teacher",
        fit=partial(_teacher_and_trees, "bidirectional-gru", _WHOLE, "extra-trees-on-2-minutes"),
        looks_ahead_s=None,
        decodings=(OFF,),
        budget_s=15,
    ),
    "transformer-window": _window_student(partial(_window, "transformer-after-convolution", _WINDOW), budget_s=40),
    "transformer-window-ensemble": replace(
        _window_student(partial(_window, "transformer-after-convolution", _WINDOWS), budget_s=85), most_seeds=1
    ),
    "k-nearest-neighbours": Contestant(
        role="baseline", fit=partial(_baseline, "k-nearest-neighbours"), most_seeds=1, budget_s=3
    ),
    "random-forest": Contestant(role="baseline", fit=partial(_baseline, "random-forest"), budget_s=12),
    "extra-trees-on-4-windows": Contestant(
        role="baseline", fit=partial(_baseline, "extra-trees-on-4-windows"), budget_s=12
    ),
    "extra-trees-on-5-windows-2-ahead": Contestant(
        role="baseline", fit=partial(_baseline, "extra-trees-on-5-windows-2-ahead"), looks_ahead_s=4.0, budget_s=15
    ),
    "extra-trees-on-a-minute": Contestant(
        role="baseline", fit=partial(_baseline, "extra-trees-on-a-minute"), budget_s=6
    ),
    "extra-trees-on-a-minute-2-ahead": Contestant(
        role="baseline", fit=partial(_baseline, "extra-trees-on-a-minute-2-ahead"), looks_ahead_s=4.0, budget_s=7
    ),
    "extra-trees-on-2-minutes": Contestant(
        role="baseline", fit=partial(_baseline, "extra-trees-on-2-minutes"), looks_ahead_s=60.0, budget_s=8
    ),
    **{
        name: Contestant(
            role="teacher",
            fit=partial(_mdcsa, name, faithful),
            decodings=(OFF,),
            least_recordings=2,
            most_seeds=1,
            budget_s=95,
        )
        for name, faithful in (("mdcsa-crf", False), ("mdcsa-crf-faithful", True))
    },
}


def find_contestant(name: str) -> Contestant:
    """Return a contestant; raises ConfigError for an unknown name, with the nearest there is."""
    if name not in CONTESTANTS:
        raise ConfigError(f"nobody called {name!r} competes; {nearest(name, CONTESTANTS)}")
    return CONTESTANTS[name]
