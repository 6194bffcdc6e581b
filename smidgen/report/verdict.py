"""What a run came to, in the sentences that open the page."""

from dataclasses import dataclass

from smidgen.report.document import Document
from smidgen.report.formatting import count, kilobytes, number_word, score


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`headline` is about the proof, `detail` about the best program; `proved` is False after any mismatch."""

    headline: str
    detail: str
    proved: bool


def judge(document: Document) -> Verdict:
    """Return the verdict on all programs of a document."""
    mismatched = sum(result.mismatched_bytes for result in document.pooled)
    return Verdict(headline=_headline(document, mismatched), detail=_detail(document), proved=mismatched == 0)


def _headline(document: Document, mismatched: int) -> str:
    n = len(document.pooled)
    programs = f"{number_word(n)} {'program' if n == 1 else 'programs'}"
    unequal = [result.name for result in document.pooled if result.mismatched_bytes]
    if unequal:
        verb = "does not equal its" if len(unequal) == 1 else "do not equal their"
        noun = "byte" if mismatched == 1 else "bytes"
        return f"{programs}, {count(mismatched)} mismatching {noun}: {', '.join(unequal)} {verb} reference."
    compared = sum(build.n_windows for build in document.results)
    return f"{programs}, 0 mismatching bytes" + (f" over {count(compared)} decisions." if compared else ".")


def _detail(document: Document) -> str:
    best = document.best
    text = (
        f"The best {best.recipe} program, {best.model}, has macro-F1 {score(best.macro_f1_integer)} as firmware and "
        f"{score(best.macro_f1_float)} in PyTorch, and takes {kilobytes(best.ram_bytes)} of RAM and "
        f"{kilobytes(best.flash_bytes)} of flash."
    )
    if document.baselines:
        rival = max(document.baselines, key=lambda baseline: baseline.macro_f1)
        text += f" The best baseline, {rival.name}, has {score(rival.macro_f1)}."
    return text
