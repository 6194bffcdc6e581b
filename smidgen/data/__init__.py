"""Recordings of people in homes, real and simulated, of spoken digits, and what models are fed from them."""

from smidgen.data.calibration_walk import fingerprint_then_live
from smidgen.data.contents import recording_hash, split_hash
from smidgen.data.decisions import Decisions, decide
from smidgen.data.examples import Examples
from smidgen.data.frames import Frames, to_frames
from smidgen.data.log_mel import LogMelConfig, log_mel
from smidgen.data.observations import load_observations
from smidgen.data.recording import UNLABELLED, Recording
from smidgen.data.recording_file import load_recording, save_recording
from smidgen.data.sequences import Sequences, make_sequences
from smidgen.data.simulate import Home, simulate_home
from smidgen.data.sphere import load_sphere
from smidgen.data.splits import Split, leave_one_out, validation_split
from smidgen.data.spoken_digits import Utterance, load_spoken_digits, split_by_take
from smidgen.data.windows import Windows, concatenate, make_windows
from smidgen.rssi import NOT_HEARD_DBM

__all__ = [
    "NOT_HEARD_DBM",
    "UNLABELLED",
    "Decisions",
    "Examples",
    "Frames",
    "Home",
    "LogMelConfig",
    "Recording",
    "Sequences",
    "Split",
    "Utterance",
    "Windows",
    "concatenate",
    "decide",
    "fingerprint_then_live",
    "leave_one_out",
    "load_observations",
    "load_recording",
    "load_sphere",
    "load_spoken_digits",
    "log_mel",
    "make_sequences",
    "make_windows",
    "recording_hash",
    "save_recording",
    "simulate_home",
    "split_by_take",
    "split_hash",
    "to_frames",
    "validation_split",
]
