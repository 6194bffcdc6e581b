"""What a kind of operator does along time: the track of its result, and the op in a graph of another length."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from smidgen.passes.along_time.track import TimedOp, Track
from smidgen.passes.along_time.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRule:
    """`track` gives the track of the result, or raises StreamingError with what the op looks at that is yet to come.

    `write` adds the op to a graph of another length or to that of a step; by default as it is.
    """

    track: Callable[[TimedOp], Track]
    write: Callable[[TimedOp, Writer], None] = lambda timed, writer: writer.add(timed)


Rules = Mapping[str, TimeRule]
