"""A compiled model that takes one frame at a time: its program, what it costs, and the proof that it is the window."""

from smidgen.streaming.firmware import HoppingFirmware, StreamingFirmware
from smidgen.streaming.recordings import check_time_axis, time_axes
from smidgen.streaming.report import StreamReport

__all__ = ["HoppingFirmware", "StreamReport", "StreamingFirmware", "check_time_axis", "time_axes"]
