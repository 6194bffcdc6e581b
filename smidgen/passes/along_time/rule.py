"""What a kind of operator does along time: the track of its result, and the op in a graph of another length."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from smidgen.passes.along_time.track import TimedOp, Track
from smidgen.passes.along_time.writer import Writer


def last_states(timed: TimedOp) -> Sequence[Track]:
    """Return the tracks of results that sum up all elements so far."""
    assert timed.result is not None
    return [Track(axis=None, clock=timed.result.clock)] * len(timed.op.more)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRule:
    """`track` gives the track of the result, or raises StreamingError with what the op looks at that is yet to come.

    `write` adds the op to a graph of another length or to that of a step; by default as it is. `more` gives, once the
    track of the first result is known, those of further ones, by default of last states.
    """

    track: Callable[[TimedOp], Track]
    write: Callable[[TimedOp, Writer], None] = lambda timed, writer: writer.add(timed)
    more: Callable[[TimedOp], Sequence[Track]] = last_states


Rules = Mapping[str, TimeRule]
