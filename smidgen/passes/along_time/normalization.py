"""Norms over places: causal where time is not among them."""

from smidgen.ir.ops.op_spec import integer
from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track


def _track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    rank = len(timed.x[0].shape)
    if track.axis is not None and track.axis >= rank - 1 - integer(timed.op, "spatial"):
        raise timed.refusal(
            "normalises over all steps of the window; normalise each step (nn.LayerNorm), or by stored statistics "
            "(nn.BatchNorm1d)"
        )
    return Track(axis=track.axis, clock=track.clock)


RULES: Rules = {"group_norm": TimeRule(track=_track)}
