"""What each kind of operator does along time, by family as `ir.ops`; a kind without a rule cannot be streamed."""

from smidgen.passes.along_time import (
    attention,
    embedding,
    layout,
    loop,
    matmul,
    normalization,
    pointwise,
    recurrences,
    reductions,
    sliding,
)
from smidgen.passes.along_time.rule import Rules, TimeRule
from smidgen.passes.along_time.track import TimedOp, Track
from smidgen.passes.along_time.writer import Writer

__all__ = ["TIME_RULES", "TimeRule", "TimedOp", "Track", "Writer"]

TIME_RULES: Rules = {
    **pointwise.RULES,
    **layout.RULES,
    **sliding.RULES,
    **attention.RULES,
    **recurrences.RULES,
    **loop.RULES,
    **reductions.RULES,
    **normalization.RULES,
    **matmul.RULES,
    **embedding.RULES,
}
