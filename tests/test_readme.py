"""README.md quotes records and runs: no number in it differs from its record, and its example does what it shows."""

import importlib
import json
import re
from pathlib import Path

import pytest
import typer

from smidgen.cli import app
from smidgen.errors import DataError
from smidgen.report import load_records
from smidgen.verification.toolchain import STRICT_FLAGS
from smidgen.verification.zig import build

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def readme():
    """The tool behind `make readme`; benchmarks/ is no installed package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        yield importlib.import_module("benchmarks.readme")


@pytest.fixture(scope="module")
def example(readme, tmp_path_factory):
    """What the README's example printed, and the folder in which it ran."""
    folder = tmp_path_factory.mktemp("example")
    return readme.run_example(README, folder), folder


def part(page, name):
    """The text that stands between the markers of a part."""
    return re.search(rf"begin {name} -->\n(.*?)\n<!-- end {name} -->", page, re.DOTALL)[1]


# ---- the page --------------------------------------------------------------------------------------------------------


def test_what_is_quoted_is_what_there_is(readme):
    """Made anew from results/ and the code, each page is as it stands; if one is not, run `make readme`."""
    for page in readme.PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        tested_alone = {name: lambda name=name, text=text: part(text, name) for name in ("output", "modules")}
        assert readme.filled(text, {**readme.parts_of(text), **tested_alone}) == text, page


@pytest.mark.slow
def test_the_table_of_modules_is_true(readme):
    """Each module of torch.nn on the page is tried again; where one fares otherwise by now, run `make readme`."""
    page = (ROOT / "docs/operators.md").read_text(encoding="utf-8")
    assert readme.module_table().splitlines() == part(page, "modules").splitlines()


NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


def words_and_numbers(text):
    """The text with # for every number, without table frames, which follow the widths of the numbers; the numbers."""
    plain = " ".join(re.sub("[\u2500-\u257f]", " ", text).split())
    return NUMBER.sub("#", plain), [float(number.replace(",", "")) for number in NUMBER.findall(plain)]


def assert_prints(page, printed):
    """The words are equal; the numbers within 2 %, as floats differ in the last bit between processors."""
    shown = part(page, "output").removeprefix("```text\n").removesuffix("\n```")
    (words, numbers), (found_words, found_numbers) = words_and_numbers(shown), words_and_numbers(printed)
    assert found_words == words
    assert found_numbers == pytest.approx(numbers, rel=0.02)


def test_the_example_prints_what_it_shows(example):
    """That of the README."""
    assert_prints(README, example[0])


def test_the_example_of_streaming_prints_what_it_shows(readme, tmp_path):
    """That of docs/streaming.md."""
    page = (ROOT / "docs/streaming.md").read_text(encoding="utf-8")
    assert_prints(page, readme.run_example(page, tmp_path))


def test_the_example_in_c_compiles_against_the_example_in_python(example):
    """docs/compiling.md uses the gestures' header as it is generated, without a warning."""
    page = (ROOT / "docs/compiling.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"^```c\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    header = (example[1] / "build/gestures/src/gestures.h").read_text(encoding="utf-8")
    build({"gestures.h": header, "main.c": code}, [["cc", *STRICT_FLAGS, "-c", "main.c", "-o", "main.o"]])


def test_the_verbs_of_the_table_are_those_of_the_command_line():
    """No verb is missing, none is promised."""
    verbs = set(typer.main.get_command(app).commands)
    assert set(re.findall(r"^\| `smidgen (\w+)", README, re.MULTILINE)) == verbs


def test_every_link_leads_somewhere():
    """Relative links of README.md and docs/ name files that exist."""
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    links = [(page, link) for page in pages for link in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8"))]
    assert links
    assert [str(link) for page, link in links if not (page.parent / link).exists()] == []


# ---- the tool --------------------------------------------------------------------------------------------------------


def test_only_what_stands_between_markers_changes(readme):
    """Old content goes, text around it stays, each part is made once."""
    page = "a\n<!-- made from x.json: begin one -->\nold\nolder\n<!-- end one -->\nb\n"
    written = readme.filled(page, {"one": lambda: "new"})
    assert written == "a\n<!-- made from x.json: begin one -->\nnew\n<!-- end one -->\nb\n"
    assert readme.filled(written, {"one": lambda: "new"}) == written


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<!-- made from x: begin two -->\n<!-- end two -->", "nothing makes the part 'two'; there are one"),
        ("<!-- made from x: begin one -->\n<!-- end noe -->", "1 parts begin and 0 end"),
        ("<!-- made from x: begin one -->\n", "1 parts begin and 0 end"),
    ],
)
def test_a_marker_that_is_wrong_is_refused(readme, page, message):
    """A page is not left with a part that nobody fills."""
    with pytest.raises(DataError, match=message):
        readme.filled(page, {"one": lambda: "new"})


@pytest.mark.parametrize(
    ("page", "message"), [("no code", "no block of Python"), ("```python\n1 / 0\n```", "ZeroDivisionError")]
)
def test_an_example_that_fails_is_refused(readme, tmp_path, page, message):
    """The reason is in the message."""
    with pytest.raises(DataError, match=message):
        readme.run_example(page, tmp_path)


@pytest.fixture
def stored(readme, tmp_path):
    """A copy of the tracked records."""
    path = tmp_path / "demo.json"
    path.write_bytes((ROOT / readme.DEMO_RECORDS).read_bytes())
    return path


def test_a_report_takes_the_place_of_the_one_on_the_same_data(readme, stored, tmp_path):
    """The others stay, the order too, and the command loses the paths of the machine on which it ran."""
    before = load_records(stored)
    command = f"smidgen demo --root {ROOT.parent}/data --out {ROOT}/runs/demo"
    report = tmp_path / "report.json"
    report.write_text(json.dumps({**before[0], "command": command, "title": "Measured again"}))
    readme.record([report], stored)
    again = {**before[0], "command": "smidgen demo --root ../data --out runs/demo", "title": "Measured again"}
    assert load_records(stored) == [again, *before[1:]]


def test_a_first_report_makes_the_file(readme, stored, tmp_path):
    """Nothing needs to be there before."""
    report, records = tmp_path / "report.json", tmp_path / "new.json"
    report.write_text(json.dumps(load_records(stored)[0]))
    readme.record([report], records)
    assert load_records(records) == load_records(stored)[:1]


@pytest.mark.parametrize("content", [None, '{"title": "cut o', '{"title": "no more"}'])
def test_a_report_that_cannot_be_read_changes_nothing(readme, stored, tmp_path, content):
    """Missing, truncated or of another kind: the records stay, the message names the file."""
    report = tmp_path / "report.json"
    if content is not None:
        report.write_text(content)
    before = stored.read_bytes()
    with pytest.raises(DataError, match=re.escape(str(report))):
        readme.record([report], stored)
    assert stored.read_bytes() == before
