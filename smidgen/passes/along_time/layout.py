"""Operators that move elements: they carry the axis of time along, cut it, or refuse to mix it with others."""

import math

import numpy as np

from smidgen.ir.ops.op_spec import integer, integers
from smidgen.passes.along_time.pointwise import write_aligned
from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track, in_steps, joined_track
from smidgen.passes.along_time.writer import Writer

# ---- transpose and reshape -------------------------------------------------------------------------------------------


def _transpose_track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    axis = None if track.axis is None else integers(timed.op, "permutation").index(track.axis)
    return Track(axis=axis, clock=track.clock, padding=track.padding)


def _reshape_track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    if track.axis is None:
        return track
    before, length = timed.x[0].shape[: track.axis], timed.x[0].shape[track.axis]
    for axis, size in enumerate(timed.y.shape):
        if size == length and math.prod(timed.y.shape[:axis]) == math.prod(before):
            return Track(axis=axis, clock=track.clock, padding=track.padding)
    raise timed.refusal(
        f"puts the {length} steps of {timed.x[0].shape} into one axis with other things, {timed.y.shape}: what reads "
        "it sees the whole window. Keep time an axis of its own, or take the last step or a mean over time"
    )


def _write_reshape(timed: TimedOp, writer: Writer) -> None:
    writer.reshape(timed)


# ---- slice -----------------------------------------------------------------------------------------------------------


def _slice_track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    if track.axis is None or integer(timed.op, "axis") != track.axis:
        return track
    if _is_last_step(timed):
        return Track(axis=None, clock=track.clock)
    skipped, dropped = _cut(timed)
    kept = timed.y.shape[track.axis]
    if kept <= skipped + dropped:
        raise timed.refusal(
            f"keeps {kept} of {timed.x[0].shape[track.axis]} steps: which ones it would keep of a longer recording is "
            "unknown. Take the last step, or cut off less than is kept"
        )
    if dropped and track.n_padding and track.padding is None:
        raise timed.refusal(
            f"holds steps back behind what stands in front of the first, {in_steps(track.n_padding)} that are not "
            "of one value; put one value in front"
        )
    return Track(axis=track.axis, clock=track.clock.later(skipped + dropped), padding=track.padding)


def _write_slice(timed: TimedOp, writer: Writer) -> None:
    (track,) = timed.tracks
    assert track is not None
    axis = integer(timed.op, "axis")
    if track.axis is None or axis != track.axis:
        writer.add(timed)
        return
    length, is_last = writer.length(track), _is_last_step(timed)
    skipped, dropped = (0, 0) if is_last else _cut(timed)
    if not writer.is_step:
        start = length - 1 if is_last else skipped
        writer.add(timed, attrs={"axis": axis, "start": start, "stop": length - dropped})
    elif dropped == 0:
        writer.reshape(timed)
    else:
        _write_delay(timed, writer, track, dropped)


def _write_delay(timed: TimedOp, writer: Writer, track: Track, elements: int) -> None:
    """Add the op that gives the element that came `elements` before the present one."""
    assert track.axis is not None
    past = write_history(timed, writer, track, taps=2, dilation=elements)
    writer.add(timed, kind="slice", inputs=[past], attrs={"axis": track.axis, "start": 0, "stop": 1})


def _is_last_step(timed: TimedOp) -> bool:
    return (
        integer(timed.op, "stop") - 1 == integer(timed.op, "start") == timed.x[0].shape[integer(timed.op, "axis")] - 1
    )


def _cut(timed: TimedOp) -> tuple[int, int]:
    """Return how many elements along time a slice leaves out in front and behind."""
    length = timed.x[0].shape[integer(timed.op, "axis")]
    return integer(timed.op, "start"), length - integer(timed.op, "stop")


def write_history(
    timed: TimedOp, writer: Writer, track: Track, *, taps: int, dilation: int, padding: float | None = None
) -> str:
    """Add, to a step, the present element of the first operand behind those before it; return its name.

    Args: padding, what stands before frame 0, by default the track's own.
    """
    axis, x = track.axis, timed.x[0]
    assert axis is not None
    initial = padding if padding is not None else track.padding or 0
    shape = tuple(taps if i == axis else size for i, size in enumerate(writer.shape_of(x.name)))
    return writer.add_helper(
        timed, "history", kind="history", inputs=[x.name], shape=shape, clock=track.clock,
        attrs={
            "axis": axis, "taps": taps, "dilation": dilation,
            "initial": float(initial) if x.is_float else int(initial),
        },
    )  # fmt: skip


# ---- every n-th element, elements by index, padding -----------------------------------------------------------------


def _strided_track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    if track.axis is None or integer(timed.op, "axis") != track.axis:
        return track
    start, step, count = (integer(timed.op, key) for key in ("start", "step", "count"))
    if step < 1:
        raise timed.refusal("reverses time, or repeats one step of the window; use the steps as they come")
    if start + step * count < timed.x[0].shape[track.axis]:
        raise timed.refusal("leaves out steps at the end: which ones it would keep of a longer recording is unknown")
    return Track(axis=track.axis, clock=track.clock.later(start, stride=step), padding=track.padding)


def _write_strided(timed: TimedOp, writer: Writer) -> None:
    track = timed.result
    assert track is not None
    if track.axis is None or integer(timed.op, "axis") != track.axis:
        writer.add(timed)
    elif writer.is_step:
        writer.reshape(timed)
    else:
        writer.add(timed, attrs={**timed.op.attrs, "count": writer.length(track)})


def _take_track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    if track.axis is not None and integer(timed.op, "axis") == track.axis:
        raise timed.refusal("picks steps of the window by their number, or changes their order; use them as they come")
    return track


def _pad_track(timed: TimedOp) -> Track:
    (track,) = timed.tracks
    assert track is not None
    if track.axis is None or integer(timed.op, "axis") != track.axis:
        return Track(axis=track.axis, clock=track.clock)
    before, after, fill = integer(timed.op, "before"), integer(timed.op, "after"), timed.op.attrs["fill"]
    assert isinstance(fill, int | float)
    if after:
        raise timed.refusal(f"puts {in_steps(after)} behind the last: it looks ahead. Pad in front alone")
    same = not track.n_padding or track.padding == fill
    return Track(axis=track.axis, clock=track.clock.later(-before), padding=float(fill) if same else None)


def _write_pad(timed: TimedOp, writer: Writer) -> None:
    (track,) = timed.tracks
    assert track is not None
    if writer.is_step and track.axis is not None and integer(timed.op, "axis") == track.axis:
        writer.reshape(timed)
    else:
        writer.add(timed)


# ---- concat ----------------------------------------------------------------------------------------------------------


def _concat_track(timed: TimedOp) -> Track:
    *front, last = timed.tracks
    axis = integer(timed.op, "axis")
    if all(track is None or track.axis != axis for track in timed.tracks):
        return joined_track(timed)
    if last is not None and not front:
        return Track(axis=axis, clock=last.clock, padding=last.padding)
    if last is None or last.axis != axis or any(track is not None for track in front):
        raise timed.refusal(
            "joins steps to the end of others: it looks ahead. Only constants may stand in front of the first step"
        )
    values = np.concatenate([x.data.reshape(-1) for x in timed.x[:-1] if x.data is not None])
    same = bool(np.all(values == values[0])) and (not last.n_padding or last.padding == values[0])
    elements = sum(x.shape[axis] for x in timed.x[:-1])
    return Track(axis=axis, clock=last.clock.later(-elements), padding=float(values[0]) if same else None)


def _write_concat(timed: TimedOp, writer: Writer) -> None:
    last = timed.tracks[-1]
    if last is None or last.axis != integer(timed.op, "axis"):
        write_aligned(timed, writer)
    elif writer.is_step:
        writer.reshape(timed, timed.x[-1].name)
    else:
        writer.add(timed)


RULES: Rules = {
    "transpose": TimeRule(track=_transpose_track),
    "reshape": TimeRule(track=_reshape_track, write=_write_reshape),
    "slice": TimeRule(track=_slice_track, write=_write_slice),
    "strided_slice": TimeRule(track=_strided_track, write=_write_strided),
    "take": TimeRule(track=_take_track),
    "pad": TimeRule(track=_pad_track, write=_write_pad),
    "concat": TimeRule(track=_concat_track, write=_write_concat),
}
