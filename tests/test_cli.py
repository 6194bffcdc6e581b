import pytest
from command_line import smidgen


@pytest.mark.parametrize(("words", "near"), [(("dta", "list"), "data"), (("data", "chek", "x"), "check")])
def test_a_mistyped_verb_is_answered_with_the_nearest(words, near):
    """The status is 2, nothing is on stdout, and the message proposes the verb that was meant."""
    outcome = smidgen(*words)
    assert (outcome.status, outcome.stdout) == (2, "")
    assert f"Did you mean '{near}'?" in outcome.stderr


def test_what_smidgen_refuses_is_one_message_on_stderr(tmp_path):
    """A data error gives status 1 and one line: no traceback, nothing on stdout, brackets not taken for markup."""
    path = tmp_path / "[red]nowhere"
    outcome = smidgen("data", "check", path)
    assert (outcome.status, outcome.stdout) == (1, "")
    assert outcome.stderr == f"{path}: expected a recording or a folder of recordings, found nothing. Check the path.\n"


def test_without_a_verb_the_verbs_are_listed():
    """`smidgen` alone explains itself."""
    outcome = smidgen()
    assert outcome.status == 2
    assert "List data sets, simulate recordings" in outcome.stdout + outcome.stderr
