"""The opening sentences say what the numbers say."""

from smidgen.report.document import Document
from smidgen.report.verdict import judge


def verdict(document):
    return judge(Document.from_mapping(document))


def test_all_equal_over_all_decisions(document):
    """The headline adds the decisions of all builds; the detail has the best int8 program and baseline."""
    told = verdict(document)
    assert told.proved
    assert told.headline == "Six programs, 0 mismatching bytes over 65,016 decisions."
    assert told.detail == (
        "The best int8 program, mamba, has macro-F1 0.811 as firmware and 0.812 in PyTorch, and takes 4.5 KB of RAM "
        "and 13.0 KB of flash. The best baseline, extra-trees-on-4-windows, has 0.791."
    )


def test_decisions_are_claimed_only_where_they_were_counted(document):
    """Without the builds nobody knows how many decisions were compared."""
    document["results"] = []
    assert verdict(document).headline == "Six programs, 0 mismatching bytes."


def test_a_mismatch_is_the_headline(document):
    """One unequal byte in one program and many in two are told with the programs' names."""
    document["pooled"][1]["mismatched_bytes"] = 1
    told = verdict(document)
    assert not told.proved
    assert told.headline == "Six programs, 1 mismatching byte: mamba int8 does not equal its reference."
    document["pooled"][5]["mismatched_bytes"] = 1_200
    assert (
        verdict(document).headline
        == "Six programs, 1,201 mismatching bytes: mamba int8, gru int8 do not equal their reference."
    )


def test_one_program_and_no_baseline(document):
    """The sentences stay grammatical and claim nothing on baselines."""
    document["pooled"] = document["pooled"][:1]
    document["results"] = document["results"][:9]
    document["baselines"] = []
    told = verdict(document)
    assert told.headline == "One program, 0 mismatching bytes over 10,836 decisions."
    assert told.detail.startswith("The best float32 program, mamba, has macro-F1 0.812 ")
    assert "baseline" not in told.detail
