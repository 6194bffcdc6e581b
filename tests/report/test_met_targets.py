"""Targets: met, missed, or not measured; never met by a program that does not fit or by random starts."""

from made_studies import entry, program, study

from smidgen.report.study import Study
from smidgen.report.targets import judge_targets


def met(*entries):
    return [verdict.met for verdict in judge_targets(Study.from_mapping(study(*entries)).entries)]


def test_nothing_measured_is_neither_met_nor_missed():
    """Baselines alone answer no target."""
    assert met(entry("extra-trees", "baseline", 0.99)) == [None] * 7


def test_the_teacher_needs_both_scores():
    """Macro-F1 0.93 and accuracy 97 %."""
    assert met(entry("conformer", "teacher", 0.931, accuracy=0.971))[0] is True
    assert met(entry("conformer", "teacher", 0.931, accuracy=0.969))[0] is False
    assert met(entry("conformer", "teacher", 0.929, accuracy=0.98))[0] is False


def test_a_student_must_fit_answer_in_time_and_be_of_integers():
    """Each limit alone takes a program of 0.95 out."""
    assert met(program("tcn-stream", 0.95))[1:3] == [True, True]
    assert met(program("tcn-stream", 0.95, delay_s=4.0))[1:3] == [None, True]
    for beyond in ({"delay_s": 6.0}, {"delay_s": None}, {"ram_bytes": 8193}, {"flash_bytes": 32769},
                   {"instructions": 60001}, {"recipe": "float32"},
                   {"protocol": "leave one sequence out, random starts"}):  # fmt: skip
        assert met(program("tcn-stream", 0.95, **beyond))[1:3] == [None, None]
    assert met(program("tcn-stream", 0.87))[1:3] == [False, False]


def test_published_configurations_are_held_against_the_best_causal_float_model():
    """1.5 points below it is met, 1.6 is not; what looks ahead or is decoded is no rival."""
    rivals = [entry("gru-stream", "student", 0.88), entry("conformer", "teacher", 0.95, delay_s=None)]
    assert met(program("transformer-window", 0.865), *rivals)[3] is True
    assert met(program("transformer-window", 0.864), *rivals)[3] is False
    assert met(program("mamba-stream", 0.865, recipe="float32"), *rivals)[4] is True
    assert met(program("mamba-stream", 0.865), *rivals)[4] is None


def test_agreement_is_that_of_trained_quantisation():
    """Of models trained with quantisation in the loop only."""
    assert met(program("gru-stream-qat", 0.9, argmax_agreement=0.9931))[5] is True
    assert met(program("gru-stream-qat", 0.9, argmax_agreement=0.9929))[5] is False
    assert met(program("gru-stream", 0.9, argmax_agreement=1.0))[5] is None


def test_distillation_must_gain_a_point_over_the_same_student():
    """0.01 is met, 0.009 is not; without the student alone there is nothing to compare."""
    assert met(program("gru-stream-distilled", 0.90), program("gru-stream", 0.89))[6] is True
    assert met(program("gru-stream-distilled", 0.899), program("gru-stream", 0.89))[6] is False
    assert met(program("gru-stream-distilled", 0.95))[6] is None
