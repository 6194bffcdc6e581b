"""Products of two matrices: causal where each step has matrices, or a row, of its own."""

from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track, joined_track


def _track(timed: TimedOp) -> Track:
    known = [(x, track) for x, track in zip(timed.x, timed.tracks, strict=True) if track is not None]
    places = {None if track.axis is None else track.axis - len(x.shape) for x, track in known}
    own_row = places == {-2} and timed.tracks[0] is not None and len(known) == 1
    if all(place is None or place < -2 for place in places) or own_row:
        return joined_track(timed)
    raise timed.refusal(
        "multiplies steps with other steps, which are all known at the end of a window alone; use "
        "F.scaled_dot_product_attention with is_causal=True, or a recurrence"
    )


RULES: Rules = {"matmul": TimeRule(track=_track)}
