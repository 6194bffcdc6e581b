"""The verdicts on what was asked, from a study to the page."""

from made_studies import study

from benchmarks.asked_table import RECORD, asked_table, save_asked
from smidgen.report.study import Study


def test_the_page_says_of_each_target_whether_it_is_met(tmp_path):
    """In the order asked; a target without its row is not measured, and nothing stands in for it."""
    (tmp_path / RECORD).parent.mkdir()
    save_asked(Study.from_mapping(study()), tmp_path / RECORD)
    heading, _, teacher, at_once, after_4_s, *rest = asked_table(tmp_path).splitlines()
    assert heading == "| asked | found | in | |"
    assert teacher.endswith("| 0.935, 97.20 % | conformer float | met |")
    assert at_once.endswith("| 0.842 | gru-stream int8 | missed |")
    assert after_4_s.endswith("| not measured |  | not measured |")
    assert len(rest) == 4
