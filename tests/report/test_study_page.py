"""The page of a study: drawn from its records alone, whole and self-contained, saying what they say."""

import json

import pytest
from made_studies import default_entries, program, study
from rich.console import Console
from test_page import Page

from smidgen.errors import DataError
from smidgen.report import localisation_markdown, render_study, study_table, write_study
from smidgen.report.study import Study


def test_sections_come_in_the_readers_order():
    """The verdict is the heading of the page; targets first, method last."""
    page = Page(render_study(study()))
    assert page.texts("h1") == [
        "gru-stream int8 finds rooms with macro-F1 0.842 in 1,800 B of RAM; 0 bytes differ in 1 program."
    ]
    assert page.texts("h2") == [
        "What was asked", "Leaderboard", "Size against macro-F1", "Room by room", "Where errors happen",
        "One recording, room by room", "Confusion matrices", "How it was measured",
    ]  # fmt: skip


def test_the_leaderboard_says_what_the_entries_say():
    """Score, spread and costs of the best program, and its score from random starts."""
    page = Page(render_study(study()))
    (row,) = (cells for cells in page.tables[1] if cells[:2] == ["gru-stream", "int8"])
    assert row == [
        "gru-stream", "int8", "off", "0 s", "0.842", "0.822±0.004", "95.00", "4,185", "1,800", "14,000", "40,000", "0",
        "0.831", "99.80",
    ]  # fmt: skip


def test_a_page_loads_and_runs_nothing():
    """No script, no address, and a policy that forbids both; only style within the page."""
    html = render_study(study())
    assert "<script" not in html
    assert "http" not in html.replace("http-equiv", "")
    assert "default-src 'none'" in html


def test_what_is_not_there_is_left_out():
    """Without programs, timeline, matrices and targets the other sections still stand."""
    entries = [e for e in default_entries() if e["ram_bytes"] is None]
    page = Page(render_study(study(*entries, data="own", confusion=[], timeline=None, delivered=None)))
    assert page.texts("h2") == ["Leaderboard", "Room by room", "Where errors happen", "How it was measured"]


def test_a_differing_byte_is_the_first_thing_said():
    """The proof fails in the heading's badge and in the cell."""
    html = render_study(study(program("gru-stream", 0.84, mismatched_bytes=3)))
    assert "not equal: do not ship" in html
    assert '<td class="bad-cell">3</td>' in html


def test_names_are_text_and_not_markup():
    """A model called like a tag stays text."""
    assert "<b>bold</b>" not in render_study(study(program("<b>bold</b>", 0.84)))


def test_equal_studies_give_equal_pages(tmp_path):
    """The page beside the document is the one drawn from it; without a document the verb is named."""
    with pytest.raises(DataError, match="`smidgen localise`"):
        write_study(tmp_path)
    (tmp_path / "localisation.json").write_text(json.dumps(study()))
    assert write_study(tmp_path).read_text() == render_study(study())


def test_the_terminal_table_fits_its_columns():
    """No line is longer than 118 characters, and nothing of a number is cut."""
    console = Console(width=118, color_system=None)
    with console.capture() as capture:
        console.print(study_table(study()))
    text = capture.get()
    assert max(map(len, text.splitlines())) <= 118
    assert "14,000" in text
    assert "…" not in text


def test_the_markdown_table_has_a_row_a_record():
    """In the order given, the rare room named in the heading, the score from random starts in the last column."""
    found = Study.from_mapping(study())
    rows = [found.chosen, *(entry for entry in found.entries if entry.role == "baseline")]
    lines = localisation_markdown(rows, found.entries, ["study"]).splitlines()
    assert "macro-F1 without study" in lines[0]
    assert len(lines) == 2 + len(rows)
    assert lines[2].endswith("| 0.831 |")
    assert lines[3].endswith("| – |")
