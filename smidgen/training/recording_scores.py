"""What a trained classifier answers over whole recordings: from their start, and from random starts.

Recordings are scripted, and a state that is never reset can learn the script: report both for a stateful model.
Shapes: n recordings, T frames, d decisions, R rooms.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from smidgen.data import Sequences
from smidgen.errors import ConfigError
from smidgen.models import RoomClassifier
from smidgen.training.recording_batches import Crops


def recording_logits(model: RoomClassifier, sequences: Sequences, *, delay_frames: int = 0) -> NDArray[np.float32]:
    """Return the logits (d, R) of every decision, the state running from the first frame of its recording.

    Args: delay_frames, how long after the decision the model answers; behind the recording it hears nothing.
    """
    starts = [np.zeros(1, dtype=np.int64) for _ in sequences.names]
    return _answers(model, sequences, starts, sequences.rssi.shape[1], delay_frames)


def random_start_logits(
    model: RoomClassifier, sequences: Sequences, *, segment_s: float, seed: int, delay_frames: int = 0
) -> NDArray[np.float32]:
    """Return the logits (d, R) of every decision, the state starting anew every `segment_s` seconds.

    The first segment of a recording is cut short at a place drawn from the seed, so that starts fall anywhere.
    Raises: ConfigError for a segment shorter than a decision's interval.
    """
    length = round(segment_s / sequences.step_s)
    if length < sequences.frames_per_hop:
        raise ConfigError(
            f"segment_s must be at least the {sequences.hop_s} s between decisions, got {segment_s}. "
            "Some minutes are sensible: a wearable that lost its state."
        )
    draw = np.random.default_rng(seed)
    starts = [np.arange(draw.integers(length) - length, n, length) for n in sequences.n_frames]
    return _answers(model, sequences, starts, length, delay_frames)


def _answers(
    model: RoomClassifier,
    sequences: Sequences,
    starts: list[NDArray[np.int64]],
    length: int,
    delay: int,
) -> NDArray[np.float32]:
    """Run the model once from each start (of each recording) over `length` + `delay` frames; gather the decisions.

    A start before the recording is cut to its first frame: silence in front would be no silence to a state.
    """
    crops = Crops(sequences, length=length + delay, delay=delay)
    logits = np.full((sequences.n_decisions, model.config.n_rooms), np.nan, dtype=np.float32)
    for number, those in enumerate(starts):
        for start in those:
            first, end = max(start, 0), start + length
            rows = sequences.rows_of(sequences.names[number])
            rows = rows[(sequences.frame[rows] >= first) & (sequences.frame[rows] < end)]
            if not len(rows):
                continue
            rssi, motion, _, _ = crops[torch.tensor([[number, first]])]
            with torch.no_grad():
                answer = model(rssi.float(), motion)[0].numpy()
            logits[rows] = answer[sequences.frame[rows] - first + delay]
    return logits
