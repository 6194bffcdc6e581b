"""How much a decoder believes a classifier, chosen on the training side of a fold.

One training recording is held out from an inner training of the same contestant, and decoded under every candidate; the
outer held-out recording has no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from smidgen.data import decide, validation_split
from smidgen.decoding import EvidenceConfig
from smidgen.jobs import Finished, alone_in, read_finished, write_finished
from smidgen.localisation.decodings import OFF, answer
from smidgen.localisation.fold import HOP_S, Fold
from smidgen.localisation.hearing import all_of
from smidgen.training.decoded_folds import CANDIDATES, best_candidate, common_rooms

if TYPE_CHECKING:
    from smidgen.localisation.contestants import Contestant

_SEED = 0
"""Of the inner training, and of which recording it leaves out."""

UNCHOSEN = EvidenceConfig(alpha=0.5)
"""Where there is nothing to choose: without decoding, or with a single recording to train on."""


def choose_evidence(name: str, contestant: Contestant, fold: Fold, *, folder: Path) -> Mapping[str, EvidenceConfig]:
    """Return the evidence of each of a contestant's decodings, by the rule of `training.decoded_folds`.

    Args: folder, of the fold, where what was chosen is kept for other seeds.
    """
    decoded = [decoding for decoding in contestant.decodings if decoding != OFF]
    if not decoded or len(fold.split.train) < 2:
        return dict.fromkeys((OFF, *contestant.decodings), UNCHOSEN)
    own = folder / "inner" / name
    job = {"contestant": name, "data": fold.data, "held_out": fold.split.name, "recordings": fold.contents}
    with alone_in(own):
        finished = read_finished(own, job)
        if finished is None:
            chosen = _choose(contestant, decoded, fold, folder / "inner")
            finished = Finished(document={"evidence": {key: asdict(each) for key, each in chosen.items()}}, arrays={})
            write_finished(own, job, finished)
    kept = {key: EvidenceConfig(**each) for key, each in finished.document["evidence"].items()}
    return {OFF: UNCHOSEN, **kept}


def _choose(contestant: Contestant, decodings: Sequence[str], fold: Fold, folder: Path) -> dict[str, EvidenceConfig]:
    inner = replace(fold, split=validation_split(fold.split.train, seed=_SEED))
    model = contestant.fit(inner, seed=_SEED, folder=folder)
    (recording,) = inner.split.test
    asked = decide(recording, hop_s=HOP_S)
    common, chosen = common_rooms(fold.decisions, fold.rooms), {}
    for name in decodings:
        tried = (answer(model, recording, all_of(recording), name, inner, each)[asked.index] for each in CANDIDATES)
        chosen[name] = best_candidate(asked.label, tried, rooms=fold.rooms, common=common)
    return chosen
