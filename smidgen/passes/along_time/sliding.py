"""Windows that slide along time: convolutions."""

from smidgen.ir.ops.op_spec import integer
from smidgen.passes.along_time.layout import write_history
from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track
from smidgen.passes.along_time.writer import Writer


def _conv1d_track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    if track.axis != 0:
        what = "a summary of all steps" if track.axis is None else "features, with the steps as channels"
        raise timed.refusal(f"slides along {what}: it sees the whole window. Let it slide along time")
    taps, dilation = timed.op.params["weight"].shape[2], integer(timed.op, "dilation")
    span, left, right = dilation * (taps - 1), integer(timed.op, "pad_left"), integer(timed.op, "pad_right")
    if right:
        raise timed.refusal(
            f"looks {right} steps ahead, as it is padded behind the last step. Pad in front alone: "
            f"F.pad(x, ({span}, 0)) and padding=0, or padding={span} and cut off the last {span} steps"
        )
    if left > span:
        raise timed.refusal(
            f"is padded by {left} steps in front, more than the {span} that it reaches back; pad {span}"
        )
    if track.n_padding and (left or track.n_padding > span or track.padding is None):
        raise timed.refusal(f"reads {track.n_padding} steps of padding in front of the first; pad it once, by {span}")
    return Track(axis=0, clock=track.clock.later(span - left, stride=integer(timed.op, "stride")))


def _write_conv1d(timed: TimedOp, writer: Writer) -> None:
    taps = timed.op.params["weight"].shape[2]
    (track,) = timed.tracks
    assert track is not None
    if not writer.is_step:
        writer.add(timed)
        return
    past = timed.x[0].name
    if taps > 1:
        padding = track.padding if track.n_padding else timed.x[0].zero_point
        dilation = integer(timed.op, "dilation")
        past = write_history(timed, writer, track, taps=taps, dilation=dilation, padding=padding)
    writer.add(timed, inputs=[past], attrs={**timed.op.attrs, "pad_left": 0, "stride": 1, "dilation": 1})


RULES: Rules = {"conv1d": TimeRule(track=_conv1d_track, write=_write_conv1d)}
