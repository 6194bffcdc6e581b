"""How much a decoder believes a classifier, chosen on the training side of a fold.

One training recording is held out from an inner training of the same contestant, and decoded under every candidate; the
outer held-out recording has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from smidgen.data import decide, validation_split
from smidgen.decoding import EvidenceConfig
from smidgen.localisation.decodings import OFF, decode
from smidgen.localisation.fold import HOP_S, Fold
from smidgen.localisation.hearing import all_of
from smidgen.training.decoded_folds import CANDIDATES
from smidgen.training.metrics import score

if TYPE_CHECKING:
    from smidgen.localisation.contestants import Contestant

UNCHOSEN = EvidenceConfig(alpha=0.5)
"""Where there is nothing to choose: without decoding, or with a single recording to train on."""


def choose_evidence(contestant: Contestant, fold: Fold, *, seed: int, folder: Path) -> Mapping[str, EvidenceConfig]:
    """Return the evidence of each of a contestant's decodings by macro-F1, the first of the best.

    Args: seed, of the inner training, and which recording it leaves out.
    """
    chosen = dict.fromkeys((OFF, *contestant.decodings), UNCHOSEN)
    decoded = [name for name in chosen if name != OFF]
    if not decoded or len(fold.split.train) < 2:
        return chosen
    inner = replace(fold, split=validation_split(fold.split.train, seed=seed))
    model = contestant.fit(inner, seed=seed, folder=folder)
    (recording,) = inner.split.test
    asked = decide(recording, hop_s=HOP_S)
    probabilities = model.probabilities(recording, all_of(recording))
    for name in decoded:
        found = []
        for candidate in CANDIDATES:
            rooms = decode(probabilities, name, inner, model.prior, candidate)[asked.index]
            found.append(score(asked.label, rooms, rooms=recording.rooms).macro_f1)
        chosen[name] = CANDIDATES[int(np.argmax(found))]
    return chosen
