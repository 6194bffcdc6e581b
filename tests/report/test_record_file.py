"""Tables survive the way into a tracked file and back; a file that does not fit is refused with the row and the key."""

import copy
import json
from dataclasses import replace

import pytest

from smidgen.errors import DataError
from smidgen.report import load_records, markdown_table, save_records
from smidgen.report.document import Document, Limits


@pytest.fixture
def path(tmp_path):
    return tmp_path / "demo.json"


def tables_of(document):
    """What of a document a record keeps."""
    read = Document.from_mapping(document)
    return replace(read, confusion=(), timeline=None, measurements=(), targets=Limits())


def elsewhere(document):
    """The same run on other data, without what may be absent."""
    other = copy.deepcopy(document)
    other |= {"title": "Simulated homes", "command": "smidgen demo", "data": "simulated", "rare_rooms": []}
    for row in other["results"]:
        row |= {"data": "simulated", "cycles_estimate": None}
    for row in other["pooled"]:
        row |= {"interval": None, "macro_f1_without_rare": None, "n_decisions": None}
    return other


def test_tables_read_back_equal(document, path):
    """Two documents arrive in their order, every number unchanged to the last bit, and print the same tables."""
    document["rare_rooms"] = ["study", "stairs"]
    documents = [document, elsewhere(document)]
    save_records(documents, path)
    loaded = load_records(path)
    assert [tables_of(each) for each in documents] == [Document.from_mapping(each) for each in loaded]
    assert [markdown_table(each) for each in documents] == [markdown_table(each) for each in loaded]


def test_saving_what_was_loaded_changes_no_byte(document, path):
    """A record can be stored again without a difference in version control."""
    save_records([document, elsewhere(document)], path)
    before = path.read_bytes()
    save_records(load_records(path), path)
    assert before == path.read_bytes()


def test_every_object_is_flat_on_its_own_line_and_says_how_it_was_made(document, path):
    """A changed number changes one line; each line alone has command, versions and data."""
    save_records([document], path)
    first, *lines, last = path.read_text().splitlines()
    rows = [json.loads(line.rstrip(",")) for line in lines]
    assert (first, last) == ("[", "]")
    assert len(document["results"]) + len(document["pooled"]) + len(document["baselines"]) == len(rows)
    assert dict.fromkeys(row["table"] for row in rows) == dict.fromkeys(["build", "pooled", "baseline"])
    assert not any(isinstance(value, dict | list) for row in rows for value in row.values())
    origin = {
        "data": "sphere",
        "title": document["title"],
        "command": "smidgen demo --data sphere --root ../shared/data",
        "rare_rooms": "study",
        "versions": "smidgen 0.1.0, python 3.11.2, torch 2.13.0, ziglang 0.15.1",
    }
    assert all(origin.items() <= row.items() for row in rows)


# ---- what cannot be written ------------------------------------------------------------------------------------------


def refuse_to_save(documents, path):
    """The message; the file that was there is as it was."""
    path.write_text("old")
    with pytest.raises(DataError) as raised:
        save_records(documents, path)
    assert path.read_text() == "old"
    return str(raised.value)


def test_a_document_that_does_not_fit_leaves_the_old_file(document, path):
    """A bad second document spoils neither the first nor what was stored before."""
    other = elsewhere(document)
    del other["pooled"][0]["ram_bytes"]
    assert "pooled[0] has no 'ram_bytes'" in refuse_to_save([document, other], path)


@pytest.mark.parametrize(
    "change", [{"rare_rooms": ["study, upstairs"]}, {"rare_rooms": [""]}, {"versions": {"my torch": "2.13.0"}}]
)
def test_names_that_text_cannot_part_are_refused(document, path, change):
    """What would read back as something else is not written."""
    assert "cannot be told apart again once they are text" in refuse_to_save([document | change], path)


def test_one_origin_twice_is_refused(document, path):
    """Rows of two runs by one command could not be told apart."""
    assert "is given twice; store it once" in refuse_to_save([document, copy.deepcopy(document)], path)


def test_a_build_on_other_data_is_refused(document, path):
    """A row cannot belong to two data sets."""
    document["results"][3]["data"] = "simulated"
    message = refuse_to_save([document], path)
    assert message == "results[3] is measured on 'simulated', its document on 'sphere'"


# ---- what cannot be read ---------------------------------------------------------------------------------------------


def refuse_to_load(path, content):
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    with pytest.raises(DataError) as raised:
        load_records(path)
    return str(raised.value).removeprefix(str(path))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'[{"table": "bui', " is not JSON: Unterminated string"),
        (b"\xff\xfe[]", " is not JSON: 'utf-8' codec can't decode"),
        ({"table": "build"}, ": expected a list of objects, found something else"),
        ([3], ": expected a list of objects, found something else"),
        ([{"table": "biuld"}], ", row 1: 'table' must be one of build, pooled, baseline, found 'biuld'"),
        ([{"table": "baseline", "name": "knn"}], ", row 1: a baseline row needs 'macro_f1'"),
    ],
)
def test_something_else_is_refused(path, content, message):
    """Each kind of damage is told with its place."""
    assert refuse_to_load(path, content).startswith(message)


def test_a_missing_file_is_answered_with_the_command_that_makes_it(path):
    """The message has the reason and the next step."""
    message = refuse_to_load(path, None)
    assert "(No such file or directory); `python -m benchmarks.readme --record REPORT` stores" in message


@pytest.mark.parametrize(
    ("table", "change", "message"),
    [
        ("pooled", {"ram_bytes": "4 KB"}, ".ram_bytes: expected a whole number, found '4 KB'"),
        ("pooled", {"interval_low": None}, ".interval[0]: expected a finite number, found None"),
        ("build", {"accuracy_integer": 87.2}, ": 'accuracy_integer' must be a fraction from 0 to 1, got 87.2"),
        ("baseline", {"versions": "torch"}, ": versions must read 'name version, name version', found 'torch'"),
        ("baseline", {"command": None}, ".command: expected text, found None"),
    ],
)
def test_a_row_that_does_not_fit_is_named(document, path, table, change, message):
    """The message has the number of the row and the entry."""
    save_records([document], path)
    rows = json.loads(path.read_text())
    number = next(index for index, row in enumerate(rows) if row["table"] == table)
    rows[number] |= change
    assert f", row {number + 1}{message}" == refuse_to_load(path, rows)


def test_a_lost_or_unknown_key_is_named(document, path):
    """A row without a number is not filled up, and what nobody reads is not carried along."""
    save_records([document], path)
    rows = json.loads(path.read_text())
    stack_bytes = rows[0].pop("stack_bytes")
    assert refuse_to_load(path, rows) == ", row 1: a build row needs 'stack_bytes'"
    rows[0] |= {"stack_bytes": stack_bytes, "stack": 3}
    assert refuse_to_load(path, rows).startswith(", row 1: a build row has no 'stack'; it has table, model, recipe, ")


def test_builds_without_their_pooled_row_are_refused(document, path):
    """No table could be drawn from them."""
    save_records([document], path)
    rows = [row for row in json.loads(path.read_text()) if row["table"] != "pooled"]
    assert "'pooled' is empty: there is no program to report on" in refuse_to_load(path, rows)
