"""How tensors of a window go along time, as the operators of each kind pass it on."""

from dataclasses import dataclass

from smidgen.errors import StreamingError
from smidgen.ir.clock import Clock
from smidgen.ir.graph import Op, Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """Where a tensor has its elements along time, and when they arrive.

    `axis` is None for a summary of all elements so far (a mean over time, the last step), which each tick renews. A
    clock that begins before frame 0 stands for padding in front; `padding` is its value, None where that is not one
    value for all.
    """

    axis: int | None
    clock: Clock
    padding: float | None = None

    @property
    def n_padding(self) -> int:
        """Number of elements before frame 0."""
        return self.clock.count(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOp:
    """An op of a window with the tracks of its operands (None for constants) and, once known, of its result."""

    op: Op
    x: tuple[Tensor, ...]
    y: Tensor
    tracks: tuple[Track | None, ...]
    result: Track | None = None

    def refusal(self, why: str) -> StreamingError:
        """Return the error that names the op."""
        return StreamingError(f"{self.op.name} ({self.op.kind}) {why}")


def in_steps(count: int) -> str:
    """Return a number of steps in words."""
    return "1 step" if count == 1 else f"{count} steps"


def joined_track(timed: TimedOp, *, rows: bool = False) -> Track:
    """Return the track of the result of an op that takes its operands element by element along time.

    `rows`: it mixes the elements along the last axis, which then must not be time. Raises StreamingError where the
    operands do not go together.
    """
    known = [(x, track) for x, track in zip(timed.x, timed.tracks, strict=True) if track is not None]
    summaries = [x.name for x, track in known if track.axis is None]
    if summaries and len(summaries) < len(known):
        raise timed.refusal(
            f"needs {summaries[0]} at every step, which sums up all steps: it looks ahead. Use a running value, such "
            "as a cumulative mean, or use the summary beside other summaries alone"
        )
    if summaries:
        return Track(axis=None, clock=_joined_clock(timed, [track.clock for _, track in known]))
    (x, first), *others = known
    assert first.axis is not None
    from_end = first.axis - len(x.shape)
    if any(track.axis != from_end + len(other.shape) for other, track in others):
        raise timed.refusal("has operands with time along different axes; transpose one of them")
    if any(track.clock != first.clock for _, track in others):
        clocks = ", ".join(f"{other.name} {track.clock}" for other, track in known)
        raise timed.refusal(f"has operands that come at different frames ({clocks}); delay or pad the earlier one")
    if rows and from_end == -1:
        raise timed.refusal("mixes all steps, as time is the axis along which it works; transpose time in front")
    return Track(axis=from_end + len(timed.y.shape), clock=first.clock)


def _joined_clock(timed: TimedOp, clocks: list[Clock]) -> Clock:
    """Return the ticks at which every summary is new."""
    latest = max(clocks, key=lambda clock: clock.offset)
    if not all(latest.within(clock) and latest.stride == clock.stride for clock in clocks):
        raise timed.refusal(f"joins summaries that come at different rates ({', '.join(map(str, clocks))})")
    return latest
