"""Rows of a table: each step looks up its own."""

from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track


def _track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    return Track(axis=track.axis, clock=track.clock)


RULES: Rules = {"embedding": TimeRule(track=_track)}
