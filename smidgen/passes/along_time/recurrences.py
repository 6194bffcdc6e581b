"""Operators that carry a state along time: in a step they do the same, one element at a time."""

from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track, in_steps, joined_track

_KINDS = ("selective_scan", "gru", "running_mean")


def _track(timed: TimedOp) -> Track:
    track = joined_track(timed)
    if track.axis != 0:
        raise timed.refusal("does not run along time; keep time the second axis, behind the batch")
    if track.n_padding:
        raise timed.refusal(f"runs through {in_steps(track.n_padding)} of padding in front of the first; pad behind it")
    return track


RULES: Rules = dict.fromkeys(_KINDS, TimeRule(track=_track))
