"""Operators that take one value from each line: along time, what they have so far."""

from collections.abc import Mapping

from smidgen.ir.ops.op_spec import integer
from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track, in_steps
from smidgen.passes.along_time.writer import Writer

_KINDS = ("mean", "sum", "max", "min", "argmax", "argmin", "second_moment")
#: What goes on from step to step where a reduction runs along time.
_RUNNING: Mapping[str, str] = {kind: f"running_{kind}" for kind in ("mean", "sum", "max", "min")}


def _track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    reduced = _reduced_axis(timed)
    if track.axis is None:
        return track
    if track.axis != reduced:
        return Track(axis=track.axis - (reduced < track.axis), clock=track.clock)
    if timed.op.kind not in _RUNNING:
        raise timed.refusal(
            "runs over all steps of the window; take it over features, or use a mean or an extreme over time"
        )
    if track.n_padding:
        raise timed.refusal(f"runs over {in_steps(track.n_padding)} of padding in front of the first; pad behind it")
    return Track(axis=None, clock=track.clock)


def _reduced_axis(timed: TimedOp) -> int:
    """Return the axis that is gone afterwards."""
    return integer(timed.op, "axis") if "axis" in timed.op.attrs else len(timed.x[0].shape) - 1


def _write(timed: TimedOp, writer: Writer) -> None:
    (track,) = timed.tracks
    assert track is not None
    if not writer.is_step or track.axis != _reduced_axis(timed):
        writer.add(timed)
        return
    x, attrs = timed.x[0], {key: value for key, value in timed.op.attrs.items() if key != "axis"}
    row = (1, timed.y.size)
    frame = writer.add_helper(timed, "frame", kind="reshape", inputs=[x.name], shape=row, attrs={"shape": row})
    kind = _RUNNING[timed.op.kind]
    so_far = writer.add_helper(timed, "running", kind=kind, inputs=[frame], shape=row, attrs=attrs, like=timed.y)
    writer.reshape(timed, so_far)


RULES: Rules = {kind: TimeRule(track=_track, write=_write) for kind in _KINDS}
