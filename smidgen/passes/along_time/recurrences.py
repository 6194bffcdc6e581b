"""Operators that carry a state along time: in a step they do the same, one element at a time."""

from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track, in_steps, joined_track

_KINDS = (
    "selective_scan", "gru", "lstm", "rnn", "running_mean", "running_sum", "running_max", "running_min",
    "linear_attention",
)  # fmt: skip
#: Kinds whose operands behind the first are the states before the first step.
_FROM_FIRST_STATES = ("gru", "lstm", "rnn")


def _track(timed: TimedOp) -> Track:
    if timed.op.attrs.get("reverse"):
        raise timed.refusal("runs from the last step to the first: it looks ahead")
    if timed.op.kind in _FROM_FIRST_STATES and any(track is not None for track in timed.tracks[1:]):
        raise timed.refusal("starts from a state that an input decides; start from a constant one")
    track = joined_track(timed)
    if track.axis != 0:
        raise timed.refusal("does not run along time; keep time the second axis, behind the batch")
    if track.n_padding:
        raise timed.refusal(f"runs through {in_steps(track.n_padding)} of padding in front of the first; pad behind it")
    return track


RULES: Rules = dict.fromkeys(_KINDS, TimeRule(track=_track))
