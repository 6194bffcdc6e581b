"""Recordings of people in homes, real and simulated, and what models are fed from them."""

from smidgen.data.decisions import Decisions, decide
from smidgen.data.frames import Frames, to_frames
from smidgen.data.recording import NOT_HEARD_DBM, UNLABELLED, Recording
from smidgen.data.splits import Split, leave_one_out, validation_split
from smidgen.data.windows import Windows, concatenate, make_windows

__all__ = [
    "NOT_HEARD_DBM",
    "UNLABELLED",
    "Decisions",
    "Frames",
    "Recording",
    "Split",
    "Windows",
    "concatenate",
    "decide",
    "leave_one_out",
    "make_windows",
    "to_frames",
    "validation_split",
]
