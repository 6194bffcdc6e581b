"""When an element along time is there: at which frames since reset, and so how many of them a recording has."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from smidgen.errors import GraphError


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """Ticks at the frames offset, offset + stride, offset + 2 stride, ... counted from 0 at reset."""

    stride: int = 1
    offset: int = 0

    def __post_init__(self) -> None:
        if self.stride < 1:
            raise GraphError(f"a clock's stride must be at least 1 frame, got {self.stride}")

    def ticks_at(self, frame: int) -> bool:
        """Return whether an element arrives with this frame."""
        return frame >= self.offset and (frame - self.offset) % self.stride == 0

    def count(self, frames: int) -> int:
        """Return how many elements the first `frames` frames give, those before frame 0 included."""
        return max(0, (frames - 1 - self.offset) // self.stride + 1)

    def within(self, other: "Clock") -> bool:
        """Return whether the other clock ticks at every tick of this one."""
        distance = self.offset - other.offset
        return self.stride % other.stride == 0 and distance >= 0 and distance % other.stride == 0

    def later(self, elements: int, stride: int = 1) -> "Clock":
        """Return the clock of every `stride`-th element, from `elements` elements after the first on."""
        return Clock(stride=self.stride * stride, offset=self.offset + self.stride * elements)

    def from_reset(self) -> "Clock":
        """Return the same ticks without those before frame 0."""
        return self if self.offset >= 0 else Clock(stride=self.stride, offset=self.offset % self.stride)

    def frames_for(self, count: int) -> int:
        """Return the most frames that give no more than `count` elements."""
        return self.offset + self.stride * count

    def __str__(self) -> str:
        every = "each frame" if self.stride == 1 else f"every {self.stride} frames"
        return every if self.offset == 0 else f"{every} from frame {self.offset} on"


EVERY_FRAME = Clock()


def counter_cycle(clocks: Iterable[Clock]) -> tuple[int, int]:
    """Return (end, first): to a frame counter that goes from `end` - 1 back to `first` all clocks look the same."""
    chosen = list(clocks)
    first = max((clock.offset for clock in chosen), default=0)
    return first + math.lcm(*(clock.stride for clock in chosen)), first
