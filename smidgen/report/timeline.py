"""One recording as rows of coloured bands: the true rooms above, each program's rooms below, its errors marked.

Positions are percent of the time shown, so the page may draw them at any width.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from smidgen.report.document import UNLABELLED, Timeline
from smidgen.report.formatting import NOTHING, percent

_MAX_TICKS = 7
_TICK_STEPS_S = (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400)
_GAP = 1.5  # steps without a decision after which a band ends


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """A stretch of time in one room, or in error."""

    left: float
    width: float
    room: int
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """The bands of the truth or of one program; the truth has no errors."""

    name: str
    bands: tuple[Band, ...]
    errors: tuple[Band, ...]
    accuracy: str  # over the labelled steps; "" for the truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A mark on the time axis."""

    left: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineFigure:
    """What the page draws. `rooms` holds those that occur, with the index that decides their colour."""

    recording: str
    split: str
    rooms: tuple[tuple[int, str], ...]
    truth: Row
    predictions: tuple[Row, ...]
    ticks: tuple[Tick, ...]


def draw_timeline(timeline: Timeline) -> TimelineFigure:
    """Return the figure of one recording."""
    axis = _Axis(timeline.time_s)
    seen = set(timeline.truth).union(*timeline.predictions.values())
    truth = Row(name="truth", bands=_bands(axis, timeline.truth, timeline.rooms), errors=(), accuracy="")
    return TimelineFigure(
        recording=timeline.recording,
        split=timeline.split,
        rooms=tuple((room, name) for room, name in enumerate(timeline.rooms) if room in seen),
        truth=truth,
        predictions=tuple(_prediction_row(axis, name, steps, timeline) for name, steps in timeline.predictions.items()),
        ticks=axis.ticks(),
    )


class _Axis:
    """Times of the decisions, each of which holds for one step, laid out on 0 to 100 percent."""

    def __init__(self, time_s: Sequence[float]) -> None:
        gaps = [late - early for early, late in pairwise(time_s)]
        self._step_s = median(gaps) if gaps else 1.0
        self._time_s = time_s
        self._duration_s = time_s[-1] - time_s[0] + self._step_s

    def runs(self, values: Sequence[object]) -> Iterator[tuple[int, int]]:
        """Yield [first, last] of each stretch of equal values without a gap in time."""
        first = 0
        for index in range(1, len(values) + 1):
            if (
                index == len(values)
                or values[index] != values[first]
                or self._time_s[index] - self._time_s[index - 1] > _GAP * self._step_s
            ):
                yield first, index - 1
                first = index

    def span(self, first: int, last: int) -> tuple[float, float]:
        """Return start and end in seconds from the first decision."""
        end = self._time_s[last] + self._step_s
        if last + 1 < len(self._time_s):
            end = min(end, self._time_s[last + 1])
        return self._time_s[first] - self._time_s[0], end - self._time_s[0]

    def percent(self, seconds: float) -> float:
        return round(100 * seconds / self._duration_s, 3)

    def ticks(self) -> tuple[Tick, ...]:
        step_s = next((step for step in _TICK_STEPS_S if self._duration_s / step <= _MAX_TICKS), _TICK_STEPS_S[-1])
        marks = range(0, int(self._duration_s) + 1, step_s)
        return tuple(Tick(left=self.percent(mark), label=_clock(mark)) for mark in marks)


def _bands(axis: _Axis, steps: Sequence[int], rooms: Sequence[str]) -> tuple[Band, ...]:
    return tuple(
        _band(axis, first, last, room=steps[first], label=rooms[steps[first]])
        for first, last in axis.runs(steps)
        if steps[first] != UNLABELLED
    )


def _prediction_row(axis: _Axis, name: str, steps: Sequence[int], timeline: Timeline) -> Row:
    rooms, truth = timeline.rooms, timeline.truth
    pairs = list(zip(truth, steps, strict=True))
    errors = tuple(
        _band(axis, first, last, room=steps[first], label=f"{_name(rooms, steps[first])} for {rooms[truth[first]]}")
        for first, last in axis.runs(pairs)
        if truth[first] not in (UNLABELLED, steps[first])
    )
    labelled = sum(true != UNLABELLED for true in truth)
    right = sum(true == room for true, room in pairs if true != UNLABELLED)
    return Row(
        name=name,
        bands=_bands(axis, steps, rooms),
        errors=errors,
        accuracy=percent(right / labelled) if labelled else NOTHING,
    )


def _band(axis: _Axis, first: int, last: int, *, room: int, label: str) -> Band:
    start, end = axis.span(first, last)
    left = axis.percent(start)
    return Band(
        left=left,
        width=round(axis.percent(end) - left, 3),
        room=room,
        label=f"{label}, {_clock(start)} to {_clock(end)}",
    )


def _name(rooms: Sequence[str], room: int) -> str:
    return "no answer" if room == UNLABELLED else rooms[room]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
