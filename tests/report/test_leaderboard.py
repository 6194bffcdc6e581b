"""One definition of the columns gives the same numbers in a terminal, in markdown and on the page."""

from io import StringIO

import pytest
from rich.console import Console

from smidgen.errors import DataError
from smidgen.report import markdown_table, results_table
from smidgen.report.document import Document
from smidgen.report.leaderboard import columns

TERMINAL_COLUMNS = 118


def printed(document):
    text = StringIO()
    Console(file=text, width=TERMINAL_COLUMNS, color_system=None).print(results_table(document))
    return text.getvalue().splitlines()


def line_of(name, lines):
    (line,) = (line for line in lines if line.lstrip("| ").startswith(name))
    return line


def test_terminal_rows_hold_the_numbers_of_the_document(document):
    """Every number of a program stands on its one line, and so for a baseline."""
    lines = printed(document)
    assert line_of("mamba int8", lines).split() == [
        "mamba", "int8", "0.812±0.009", "0.811±0.010", "0.832", "87.76", "99.61",
        "0", "4,596", "13,288", "209,922", "8,313",
    ]  # fmt: skip
    assert ["random-forest", "0.778", "–", "0.804", "86.20", *"––––––"] == line_of("random-forest", lines).split()


def test_programs_come_before_baselines_in_the_order_of_the_document(document):
    """Rows are not sorted: the run decided their order."""
    names = [row["model"] + " " + row["recipe"] for row in document["pooled"]]
    names += [row["name"] for row in document["baselines"]]
    lines = printed(document)
    rows = [lines.index(line_of(name, lines)) for name in names]
    assert sorted(rows) == rows


def test_large_numbers_still_fit_the_terminal(document):
    """Megabyte models of a hundred million instructions wrap no cell: one line a row."""
    before = len(printed(document))
    for row in document["pooled"]:
        row.update(ram_bytes=65_536, flash_bytes=131_072, instructions=9_999_999, parameters=99_999)
    lines = printed(document)
    assert before == len(lines)
    assert max(map(len, lines)) <= TERMINAL_COLUMNS


def test_rich_markup_in_names_is_text(document):
    """A bracket in a name is printed, not obeyed."""
    document["pooled"][0]["model"] = "[red]m[/]"
    document["baselines"][0]["name"] = "[/nothing]"
    assert line_of("[red]m[/] float32", printed(document))
    assert line_of("[/nothing]", printed(document))


def test_markdown_has_a_cell_for_every_column_and_names_its_origin(document):
    """All rows have the width of the header; the interval, the command and the versions are there."""
    lines = markdown_table(document).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert {len(columns(Document.from_mapping(document))) + 1} == {line.count("|") for line in table}
    assert 2 + len(document["pooled"]) + len(document["baselines"]) == len(table)
    assert "| −0.001 [−0.004, +0.001] |" in line_of("transformer int8", table)
    assert lines[-1] == (
        "Measured by `smidgen demo --data sphere --root ../shared/data` with smidgen 0.1.0, python 3.11.2, "
        "torch 2.13.0, ziglang 0.15.1."
    )


def test_a_pipe_in_a_name_does_not_open_a_cell(document):
    """Markdown escapes what would part the row."""
    document["pooled"][0]["model"] = "a|b"
    assert "| a\\|b float32 |" in markdown_table(document)


def headings(document):
    return [column.heading for column in columns(Document.from_mapping(document))]


def test_columns_that_nothing_fills_are_left_out(document):
    """No rare room, no score without it; no interval, no difference."""
    assert {"without study", "firmware − float [95 % interval]"} <= set(headings(document))
    document["rare_rooms"] = []
    for row in document["pooled"]:
        row["interval"] = None
    assert headings(document) == [
        "program", "macro-F1, float", "macro-F1, firmware", "accuracy, %", "argmax agreement, %",
        "mismatched bytes", "RAM, B", "flash, B", "instructions", "parameters",
    ]  # fmt: skip


def test_many_rare_rooms_are_not_all_named_in_the_heading(document):
    """Two fit, more do not."""
    document["rare_rooms"] = ["study", "toilet"]
    assert "without study, toilet" in headings(document)
    document["rare_rooms"] = ["study", "toilet", "hall"]
    assert "without rare rooms" in headings(document)


def test_a_program_without_an_interval_leaves_its_cell_empty(document):
    """Where others have one, the column stays."""
    document["pooled"][0]["interval"] = None
    assert "| 0.812±0.010 | – | 0.833 |" in line_of("mamba float32", markdown_table(document).splitlines())


@pytest.mark.parametrize("render", [results_table, markdown_table])
def test_something_else_is_refused(render):
    """A mapping that is no report document raises the project's error."""
    with pytest.raises(DataError, match="report document has no 'title'; it has rows"):
        render({"rows": []})
