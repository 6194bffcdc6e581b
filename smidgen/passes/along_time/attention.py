"""Attention: a step looks back on as many steps as its window holds, in both forms the same."""

from smidgen.ir.ops.attention import span_of
from smidgen.passes.along_time.pointwise import write_aligned
from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track, in_steps, joined_track
from smidgen.passes.along_time.writer import Writer


def _track(timed: TimedOp) -> Track:
    span, bias = span_of(timed.op), timed.op.params.get("bias")
    if any(track is None for track in timed.tracks):
        raise timed.refusal("has constant queries, keys or values, which attend over the whole window")
    if not span.causal:
        ahead = f"the {in_steps(span.window - 1)} ahead of it" if span.window else "all others"
        raise timed.refusal(f"lets each step see {ahead}. Use is_causal=True, or a mask that hides what is yet to come")
    if span.offset:
        raise timed.refusal(f"has {span.offset} keys more in front than queries; give as many of both")
    if bias is not None and bias.ndim != 2:
        raise timed.refusal(
            "has a bias told pair by pair, which ends with the window. Let it depend on the distance alone, or leave "
            "it to the causal mask"
        )
    track = joined_track(timed)
    if track.axis != 0:
        raise timed.refusal("does not attend along time; keep time the axis of its steps")
    if track.n_padding:
        raise timed.refusal(f"attends to {in_steps(track.n_padding)} of padding in front of the first; pad behind it")
    return track


def _write(timed: TimedOp, writer: Writer) -> None:
    attrs = dict(timed.op.attrs)
    steps, span = timed.x[0].shape[0], span_of(timed.op)
    window = min(span.window, steps) if span.window else steps  # a window of its own ends what would grow for ever
    if not writer.is_step:
        writer.add(timed, attrs={**attrs, "window": window})
        return
    arithmetic = {key: value for key, value in attrs.items() if key not in ("causal", "window", "offset")}
    writer.add(timed, kind="cached_attention", attrs={"window": window, **arithmetic})


def _rotary_track(timed: TimedOp) -> Track:
    track = joined_track(timed)
    if track.axis == 2:
        raise timed.refusal("turns steps against each other, as time is the axis of its channels; transpose time away")
    if track.axis == 0 and timed.x[0].shape[0] == 1:
        raise timed.refusal("knows the position of 1 step alone; compile a window of as many as a recording may have")
    return track


RULES: Rules = {
    "attention": TimeRule(track=_track, write=_write),
    "rotary": TimeRule(track=_rotary_track, write=write_aligned),
}
