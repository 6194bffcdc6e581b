"""Loops: a step of the stream is a step of the loop, if the loop runs along time and forward."""

from collections.abc import Sequence

from smidgen.ir.ops.op_spec import integer, integers
from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track, in_steps


def _track(timed: TimedOp) -> Track:
    if timed.op.attrs["reverse"]:
        raise timed.refusal("runs from the last step to the first: it looks ahead")
    n_frames, n_firsts = integer(timed.op, "frames"), len(integers(timed.op, "firsts"))
    behind = list(zip(timed.x, timed.tracks, strict=True))[n_frames:]
    read = [x.name for x, track in behind[: len(behind) - n_firsts] if track is not None]
    if read:
        raise timed.refusal(f"reads {read[0]} whole at every step, which depends on steps that are yet to come")
    if any(track is not None for _, track in behind):
        raise timed.refusal("starts from a state that an input decides; start from a constant one")
    known = [(x, track) for x, track in zip(timed.x, timed.tracks, strict=True) if track is not None]
    if any(track.axis != 0 for _, track in known):
        raise timed.refusal("does not run along time; keep time the second axis, behind the batch")
    clocks = {track.clock for _, track in known}
    if len(clocks) > 1:
        found = ", ".join(f"{x.name} {track.clock}" for x, track in known)
        raise timed.refusal(f"has operands that come at different frames ({found}); delay or pad the earlier one")
    first = known[0][1]
    if first.n_padding:
        raise timed.refusal(f"runs through {in_steps(first.n_padding)} of padding in front of the first; pad behind it")
    return Track(axis=0 if _n_stacked(timed) else None, clock=first.clock)


def _more(timed: TimedOp) -> Sequence[Track]:
    assert timed.result is not None
    n_stacked = _n_stacked(timed)
    return [Track(axis=0 if i < n_stacked else None, clock=timed.result.clock) for i in range(1, len(timed.op.outputs))]


def _n_stacked(timed: TimedOp) -> int:
    """Return how many results hold what each step emitted; last states follow them."""
    return len(timed.op.outputs) - len(integers(timed.op, "lasts"))


RULES: Rules = {"loop": TimeRule(track=_track, more=_more)}
