"""Windows that slide along time: convolutions and poolings."""

import numpy as np

from smidgen.ir.graph import Tensor
from smidgen.ir.ops.op_spec import integers
from smidgen.ir.ops.sliding import window_of
from smidgen.numerics.fixed_point import integer_range
from smidgen.passes.along_time.layout import write_history
from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track, in_steps
from smidgen.passes.along_time.writer import Writer


def _spatial_axis(timed: TimedOp, track: Track) -> int | None:
    """Return which of (rows, columns) is time; None where each step is an image of its own."""
    rank = len(timed.x[0].shape)
    if track.axis is None or track.axis == rank - 1:
        what = "a summary of all steps" if track.axis is None else "features, with the steps as channels"
        raise timed.refusal(f"slides along {what}: it sees the whole window. Let it slide along time")
    return track.axis - max(rank - 3, 0) if track.axis >= rank - 3 else None


def _track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    axis = _spatial_axis(timed, track)
    if axis is None:
        return Track(axis=track.axis, clock=track.clock)
    window = window_of(timed.op)
    span, left, right = window.dilation[axis] * (window.size[axis] - 1), window.pad_before[axis], window.pad_after[axis]
    if window.input_dilation[axis] > 1:
        raise timed.refusal(
            f"makes {in_steps(window.input_dilation[axis])} of one, as it is transposed along time; a stream has one "
            "clock. Transpose along other axes alone"
        )
    if right:
        raise timed.refusal(
            f"looks {in_steps(right)} ahead, as it is padded behind the last step. Pad in front alone: "
            f"F.pad(x, ({span}, 0)) and padding=0, or padding={span} and cut off the last {span} steps"
        )
    if left > span:
        raise timed.refusal(
            f"is padded by {in_steps(left)} in front, more than the {span} that it reaches back; pad {span}"
        )
    if left and timed.op.attrs.get("count_padding") is False:
        raise timed.refusal("divides its first means by fewer steps; let padding count (count_include_pad=True)")
    if track.n_padding and (left or track.n_padding > span or track.padding is None):
        raise timed.refusal(
            f"reads {in_steps(track.n_padding)} of padding in front of the first; pad it once, by {span}"
        )
    return Track(axis=track.axis, clock=track.clock.later(span - left, stride=window.stride[axis]))


def _write(timed: TimedOp, writer: Writer) -> None:
    (track,) = timed.tracks
    assert track is not None
    axis = _spatial_axis(timed, track)
    if not writer.is_step or axis is None:
        writer.add(timed)
        return
    window, past = window_of(timed.op), timed.x[0].name
    if window.size[axis] > 1:
        padding = track.padding if track.n_padding else _padding(timed.op.kind, timed.x[0])
        past = write_history(
            timed, writer, track, taps=window.size[axis], dilation=window.dilation[axis], padding=padding
        )
    now = {"pad_before": 0, "stride": 1, "dilation": 1}
    placed = {
        key: tuple(value if i == axis else old for i, old in enumerate(integers(timed.op, key)))
        for key, value in now.items()
    }
    writer.add(timed, inputs=[past], attrs={**timed.op.attrs, **placed})


def _padding(kind: str, x: Tensor) -> float:
    """Return what padding reads as: 0, or for a maximum what no element is below."""
    if kind != "max_pool":
        return x.zero_point
    return float(np.finfo(np.float32).min) if x.is_float else integer_range(x.dtype)[0]


RULES: Rules = {kind: TimeRule(track=_track, write=_write) for kind in ("conv2d", "average_pool", "max_pool")}
