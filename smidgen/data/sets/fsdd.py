"""Spoken digits as examples: log-mel frames of each utterance, under the protocols of other sequence benchmarks.

The recordings and their checks are those of `smidgen.data.spoken_digits`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from smidgen.data.examples import Examples
from smidgen.data.log_mel import LogMelConfig, log_mel
from smidgen.data.protocols import LeaveOneOut, Transfer
from smidgen.data.spoken_digits import DIGITS, FOLDER, TEST_TAKES, load_spoken_digits

PROTOCOLS = {
    "published": Transfer(by="side", train=("training",), test=("testing",)),
    "leave-one-speaker-out": LeaveOneOut(by="speaker"),
}
"""`published` tests takes 0 to 4 of every speaker and digit, so it shares the speakers; the other does not."""


def load_fsdd(root: Path | str, config: LogMelConfig | None = None) -> Examples:
    """Return the 3,000 utterances as log-mel frames (T, F), by digit, speaker and take; each is its own group.

    Args: root, the folder that holds `fsdd`, or that folder itself; config, of the features (None: a second, 40 bands).
    Raises DataError for what `load_spoken_digits` refuses.
    """
    config = config or LogMelConfig()
    utterances = load_spoken_digits(root)
    takes = np.array([utterance.take for utterance in utterances])
    return Examples(
        name=FOLDER,
        unit="log10 of amplitude over the floor",
        features=tuple(f"band {band + 1}" for band in range(config.n_bands)),
        values=[log_mel(utterance.samples, config) for utterance in utterances],
        classes=tuple(str(digit) for digit in DIGITS),
        label=np.array([utterance.digit for utterance in utterances], dtype=np.int16),
        group=np.array([utterance.name for utterance in utterances]),
        tags={
            "speaker": np.array([utterance.subject for utterance in utterances]),
            "side": np.where(np.isin(takes, list(TEST_TAKES)), "testing", "training"),
        },
        counts={"utterances": len(utterances)},
    )
