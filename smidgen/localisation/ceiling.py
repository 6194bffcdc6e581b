"""What no score goes reliably beyond: a second person's annotation of the same recordings, scored like a model."""

from __future__ import annotations

from dataclasses import asdict
from math import isnan
from typing import Any

from smidgen.data.sphere import second_annotations
from smidgen.evaluation import macro_f1_without
from smidgen.localisation.decodings import OFF
from smidgen.localisation.fold import HOP_S
from smidgen.pooling import Pool
from smidgen.records import LocalisationRecord
from smidgen.training.annotators import annotator_agreement

ANNOTATED = "annotation"
"""The recipe of a row that nobody computed."""


def ceiling_entry(root: str, pool: Pool, *, command: str, versions: str) -> dict[str, Any]:
    """Return the row of SPHERE's second annotator as a study's document holds it; raises as `load_sphere`."""
    pairs = second_annotations(root)
    scores = annotator_agreement(pairs, hop_s=HOP_S)
    record = LocalisationRecord(
        data="sphere",
        protocol=f"the {len(pairs)} sequences that two people annotated",
        model="second annotator",
        role="ceiling",
        recipe=ANNOTATED,
        decoding=OFF,
        delay_s=None,
        macro_f1=scores.macro_f1,
        macro_f1_8=macro_f1_without(scores, pool.rare),
        macro_f1_std=0.0,
        accuracy=scores.accuracy,
        per_room_f1={room: None if isnan(f1) else f1 for room, f1 in scores.f1.items()},
        seeds=1,
        parameters=None,
        ram_bytes=None,
        flash_bytes=None,
        instructions=None,
        mismatched_bytes=None,
        command=command,
        versions=versions,
    )
    return {"name": record.model, **asdict(record), "decisions": scores.decisions}
