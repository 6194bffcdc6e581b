"""Operators that treat each element along time alone, and those that treat each row alone."""

from smidgen.ir.ops import OP_SPECS
from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track, joined_track
from smidgen.passes.along_time.writer import Writer

#: Kinds that mix the elements of their last axis.
_ALONG_ROWS = ("linear", "max_plus", "rms_norm", "layer_norm")
_WEIGHTS = ("softmax", "log_softmax")


def _element_track(timed: TimedOp) -> Track:
    return joined_track(timed)


def _row_track(timed: TimedOp) -> Track:
    return joined_track(timed, rows=True)


def _weights_track(timed: TimedOp) -> Track:
    track = timed.tracks[0]
    if track is not None and track.axis == len(timed.x[0].shape) - 1:
        raise timed.refusal(
            "weighs the steps of the whole window against each other: it looks ahead. Take it over features, or use "
            "F.scaled_dot_product_attention with is_causal=True"
        )
    return joined_track(timed)


def write_aligned(timed: TimedOp, writer: Writer) -> None:
    """Add the op with the rows of its constant operands that belong to the elements along time."""
    track = timed.result
    assert track is not None
    inputs = list(timed.op.inputs)
    for index, x in enumerate(timed.x):
        if x.data is not None and track.axis is not None:
            axis = track.axis - len(timed.y.shape) + len(x.shape)
            if axis >= 0 and x.shape[axis] > 1:
                inputs[index] = writer.constant_rows(timed, index, axis)
    writer.add(timed, inputs=inputs)


RULES: Rules = {
    kind: TimeRule(track=_row_track if kind in _ALONG_ROWS else _element_track, write=write_aligned)
    for kind, spec in OP_SPECS.items()
    if spec.time == "pointwise"
} | dict.fromkeys(_WEIGHTS, TimeRule(track=_weights_track, write=write_aligned))
