"""The page is whole, self-contained and well formed, says what the document says, and obeys nothing in it."""

import json
import re
from html.parser import HTMLParser

import pytest

from smidgen.errors import DataError
from smidgen.report import render_html, write_report

VOID = {"meta"}
SECTIONS = [
    "Programs and baselines",
    "One recording, room by room",
    "Confusion matrix of mamba int8",
    "RAM and flash",
    "Layer by layer",
    "How it was measured",
]


class Page(HTMLParser):
    """Elements with attributes and text, tables as rows of cells; a tag that closes another than the open raises."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.tables, self._open = [], [], []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[element['tag'] for element in self._open]}"

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "attrs": dict(attrs), "text": ""}
        self.elements.append(element)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        assert tag == self._open[-1]["tag"], f"</{tag}> closes <{self._open[-1]['tag']}>"
        element = self._open.pop()
        if tag in ("td", "th"):
            self.tables[-1][-1].append(" ".join(element["text"].split()))

    def handle_data(self, data):
        for element in self._open:
            element["text"] += data

    def all(self, tag):
        return [element for element in self.elements if element["tag"] == tag]

    def texts(self, tag):
        return [" ".join(element["text"].split()) for element in self.all(tag)]


@pytest.fixture
def page(document):
    return Page(render_html(document))


def test_sections_come_in_the_readers_order(page):
    """The verdict is the heading of the page; the sections follow from result to method."""
    assert page.texts("h1") == ["Six programs, 0 mismatching bytes over 65,016 decisions."]
    assert page.texts("h2") == SECTIONS


def test_program_and_baseline_rows_equal_the_document(document, page):
    """Each program's costs and scores, and each baseline's scores, stand in their cells, in the document's order."""
    leaderboard = page.tables[0][1:]
    for row, cells in zip(document["pooled"], leaderboard, strict=False):
        assert [
            f"{row['model']} {row['recipe']}",
            f"{row['macro_f1_float']:.3f}±{row['macro_f1_float_std']:.3f}",
            f"{row['macro_f1_integer']:.3f}±{row['macro_f1_integer_std']:.3f}",
        ] == cells[:3]
        assert [
            f"{row['macro_f1_without_rare']:.3f}",
            f"{100 * row['accuracy_integer']:.2f}",
            f"{100 * row['argmax_agreement']:.2f}",
        ] == cells[4:7]
        costs = ("mismatched_bytes", "ram_bytes", "flash_bytes", "instructions", "parameters")
        assert [f"{row[key]:,}" for key in costs] == cells[7:]
    for row, cells in zip(document["baselines"], leaderboard[-3:], strict=True):
        assert [row["name"], f"{row['macro_f1']:.3f}"] == cells[:2]
        assert [f"{row['macro_f1_without_rare']:.3f}", f"{100 * row['accuracy']:.2f}"] == cells[4:6]
    assert len(document["pooled"]) + 1 + len(document["baselines"]) == len(leaderboard)


def test_build_rows_equal_the_document(document, page):
    """One row for each split and seed, with its scores, costs and how much was compared."""
    builds = page.tables[1][1:]
    for row, cells in zip(document["results"], builds, strict=True):
        assert [
            f"{row['model']} {row['recipe']}",
            row["split"],
            str(row["seed"]),
            f"{row['macro_f1_float']:.3f}",
            f"{row['macro_f1_integer']:.3f}",
        ] == cells[:5]
        assert f"{row['logit_error']:.1e}" == cells[7]
        counts = ("mismatched_bytes", "n_windows", "n_emulated", "ram_bytes", "flash_bytes", "instructions")
        assert [f"{row[key]:,}" for key in counts] == cells[8:]


def test_layer_rows_equal_the_document(document, page):
    """One row for each layer of the int8 programs."""
    tables = page.tables[3:]
    measurements = [row for row in document["measurements"] if row["recipe"] == "int8"]
    for measurement, table in zip(measurements, tables, strict=True):
        for layer, cells in zip(measurement["layers"], table[1:-2], strict=True):
            assert [layer["name"], layer["op"]] == cells[:2]
            assert f"{layer['instructions']:,}" == cells[3]
            assert f"{layer['flash_bytes']:,}" == cells[6]
        assert f"{measurement['instructions']:,}" == table[-1][3]


def test_nothing_is_loaded_and_nothing_runs(document, page):
    """No script, no address, no image or style from elsewhere, and a policy that forbids them."""
    assert set() == {element["tag"] for element in page.elements} & {"script", "link", "img", "iframe", "object", "a"}
    assert not re.search(r"https?:|url\(|@import|\bon\w+=", render_html(document))
    policies = [element["attrs"].get("content") for element in page.all("meta")]
    assert "default-src 'none'; style-src 'unsafe-inline'" in policies


def test_figures_and_tables_can_be_read_without_seeing(page):
    """Each drawing has a name or is hidden as decoration; each table has headers of columns and of rows."""
    for svg in page.all("svg"):
        named = svg["attrs"].get("role") == "img" and svg["attrs"].get("aria-label")
        assert named or svg["attrs"].get("aria-hidden") == "true"
    scopes = [element["attrs"].get("scope") for element in page.all("th")]
    assert {"col", "row", "rowgroup"} == set(scopes)
    assert {"mamba int8: 77.13 % of the labelled steps right", "truth"} <= {
        svg["attrs"].get("aria-label") for svg in page.all("svg")
    }


def test_light_dark_and_phone_are_catered_for(document):
    """The style follows the reader's colour scheme and a narrow screen."""
    html = render_html(document)
    assert "@media (prefers-color-scheme: dark)" in html
    assert "@media (max-width: 640px)" in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html


def test_every_prediction_and_every_limit_is_drawn(document, page):
    """A row of bands for the truth and each program, with as many error marks as wrong stretches; a line a limit."""
    errors = [element for element in page.all("rect") if element["attrs"].get("class") == "error"]
    timeline = document["timeline"]
    stretches = 0
    for steps in timeline["predictions"].values():
        pairs = list(zip(timeline["truth"], steps, strict=True))
        stretches += sum(
            pair[0] not in (-1, pair[1]) and (index == 0 or pair != pairs[index - 1])
            for index, pair in enumerate(pairs)
        )
    assert stretches + 1 == len(errors)  # one more in the legend
    assert len(page.all("line")) == 6 * 2 + 6 * 1


def test_hostile_text_stays_text(document):
    """Markup in names, rooms, versions and the command is shown and never becomes an element or an attribute."""
    hostile = "\"><script>alert(1)</script><b onload='x' style=\""
    document["title"] = document["command"] = document["data"] = hostile
    document["versions"] = {hostile: hostile}
    document["rare_rooms"] = [hostile]
    document["baselines"][0]["name"] = document["results"][0]["split"] = hostile
    for part in ("pooled", "confusion", "measurements"):
        for row in document[part]:
            row["model"] = hostile if row["model"] == "mamba" else row["model"]
    for part in (*document["confusion"], document["timeline"]):
        part["rooms"] = [hostile + room for room in part["rooms"]]
    document["timeline"]["recording"] = document["timeline"]["split"] = hostile
    document["timeline"]["predictions"] = {hostile: document["timeline"]["truth"]}
    document["measurements"][1]["layers"][0]["name"] = document["measurements"][1]["target"] = hostile
    page = Page(render_html(document))
    assert page.all("script") == []
    assert page.all("b") == []
    assert all("onload" not in element["attrs"] for element in page.elements)
    assert hostile in page.all("title")[0]["text"]


@pytest.mark.parametrize(
    ("part", "heading"),
    [
        ("timeline", "One recording, room by room"),
        ("confusion", "Confusion matrix of mamba int8"),
        ("measurements", "RAM and flash"),
        ("measurements", "Layer by layer"),
    ],
)
def test_an_absent_part_takes_its_section_with_it(document, part, heading):
    """The other sections stay."""
    del document[part]
    without = {heading, "RAM and flash", "Layer by layer"} if part == "measurements" else {heading}
    assert [name for name in SECTIONS if name not in without] == Page(render_html(document)).texts("h2")


def test_the_smallest_document_makes_a_page(document):
    """Programs, command and versions are enough; nothing is said of what is not there."""
    small = {key: document[key] for key in ("title", "command", "versions", "data", "pooled")}
    page = Page(render_html(small))
    assert page.texts("h2") == ["Programs and baselines", "How it was measured"]
    assert "Baselines, in Python only" not in page.texts("th")
    assert page.all("details") == []


def test_a_mismatch_is_seen_at_the_top_and_in_its_cell(document):
    """The page does not call equal what is not."""
    document["pooled"][1]["mismatched_bytes"] = 12
    page = Page(render_html(document))
    assert page.texts("h1") == ["Six programs, 12 mismatching bytes: mamba int8 does not equal its reference."]
    assert "✗ not equal: do not ship" in page.texts("p")
    assert [element["text"] for element in page.all("td") if element["attrs"].get("class") == "bad-cell"] == ["12"]


def test_what_was_compared_is_told(document):
    """Host and emulated decisions are sums over the builds, and absent where there are none."""
    n_emulated = 6 * 3 * (1_204 + 2 * 100)
    told = (
        f"Compared were 65,016 decisions with C on the host, {n_emulated:,} of them also with C on the emulated core."
    )
    assert told in render_html(document)
    document["results"] = []
    assert "Compared were" not in render_html(document)


def test_simulated_homes_are_called_so(document):
    """Scores of simulated homes carry their caveat; real recordings do not."""
    caveat = "The homes are simulated"
    assert caveat not in render_html(document)
    document["data"] = "simulated"
    assert caveat in render_html(document)


def test_a_tenth_room_is_told_from_the_first(document):
    """Beyond nine rooms colours come round again with a stripe."""
    timeline = document["timeline"]
    assert 'class="stripe"' not in render_html(document)
    timeline["rooms"] = [*timeline["rooms"], "attic"]
    timeline["truth"][0] = 9
    assert render_html(document).count('class="stripe"') == 2  # legend and band


def test_equal_documents_give_equal_bytes(document):
    """No date, no random name; JSON in between changes nothing."""
    assert render_html(document) == render_html(json.loads(json.dumps(document)))


def test_write_report_writes_the_page_beside_the_document(document, tmp_path):
    """The file holds what render_html returns, and nothing else is left in the folder."""
    (tmp_path / "report.json").write_text(json.dumps(document), encoding="utf-8")
    path = write_report(tmp_path)
    assert tmp_path / "report.html" == path
    assert render_html(document) == path.read_text(encoding="utf-8")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["report.html", "report.json"]


def test_a_missing_document_is_named(tmp_path):
    """The message has the path and the command that would write it."""
    with pytest.raises(
        DataError, match=re.escape(f"no report document at {tmp_path / 'report.json'}; a run writes it")
    ):
        write_report(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"title": "cut o', "is not JSON: Unterminated string"),
        (b"\xff\xfe{}", "is not JSON: 'utf-8' codec can't decode"),
        (b"[1, 2]", "expected an object, found a list; it is not a report document"),
        (b"{}", "has no 'title'; it has nothing"),
    ],
)
def test_a_malformed_document_leaves_the_old_page(tmp_path, content, message):
    """Truncated, of another encoding or of another kind: the file and the fault are named, the page is not touched."""
    (tmp_path / "report.json").write_bytes(content)
    (tmp_path / "report.html").write_text("old", encoding="utf-8")
    with pytest.raises(DataError) as raised:
        write_report(tmp_path)
    assert message in str(raised.value)
    assert str(tmp_path / "report.json") in str(raised.value)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == "old"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["report.html", "report.json"]
