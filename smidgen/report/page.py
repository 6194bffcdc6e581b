"""The report page: one self-contained HTML file, no script, nothing loaded from anywhere."""

import json
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from smidgen.errors import DataError
from smidgen.report import formatting
from smidgen.report.confusion import draw_confusions
from smidgen.report.document import Document
from smidgen.report.layer_table import draw_layer_tables
from smidgen.report.leaderboard import columns
from smidgen.report.memory_bars import draw_flash, draw_ram
from smidgen.report.timeline import draw_timeline
from smidgen.report.verdict import judge
from smidgen.whole_file import write_whole

DOCUMENT_FILE = "report.json"
PAGE_FILE = "report.html"


def write_report(run_folder: Path) -> Path:
    """Draw `report.json` of a run folder as `report.html` beside it, and return the page's path.

    The page appears whole or not at all; one that was there stays until then.

    Raises:
        DataError: the document is missing, is not JSON, or an entry in it does not fit.
    """
    source = run_folder / DOCUMENT_FILE
    document = Document.from_mapping(read_document(source, written_by="smidgen demo"), source=str(source))
    page = run_folder / PAGE_FILE
    write_whole(page, _render(document).encode())
    return page


def render_html(mapping: Mapping[str, object]) -> str:
    """Return the page of a report document. Equal documents give equal bytes.

    Raises:
        DataError: an entry of the document is missing or does not fit; the message names it.
    """
    return _render(Document.from_mapping(mapping))


def read_document(path: Path, *, written_by: str) -> Mapping[str, object]:
    """Return the JSON object in a file; DataError, naming the command that writes it, where there is none."""
    if not path.is_file():
        raise DataError(f"no report document at {path}; a run writes it when it ends: `{written_by}`")
    try:
        mapping = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not JSON: {error}. Run the command that wrote it again") from error
    if not isinstance(mapping, dict):
        raise DataError(f"{path}: expected an object, found a {type(mapping).__name__}; it is not a report document")
    return mapping


def template(name: str) -> Template:
    """Return a template of this package: escaping, and strict about what it is not given."""
    environment = Environment(
        loader=PackageLoader("smidgen", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    names = ("score", "hundredths", "percent", "relative", "count")
    environment.filters |= {name: getattr(formatting, name) for name in names}
    return environment.get_template(name)


def _render(document: Document) -> str:
    return template(PAGE_FILE).render(
        document=document,
        verdict=judge(document),
        columns=columns(document),
        timeline=None if document.timeline is None else draw_timeline(document.timeline),
        confusions=draw_confusions(document),
        memory=(draw_ram(document), draw_flash(document)) if document.measurements else (),
        layer_tables=draw_layer_tables(document),
        compared=sum(build.n_windows for build in document.results),
        emulated=sum(build.n_emulated for build in document.results),
        splits=tuple(dict.fromkeys(build.split for build in document.results)),
        seeds=tuple(dict.fromkeys(build.seed for build in document.results)),
        targets=tuple(dict.fromkeys(measurement.target for measurement in document.measurements)),
    )
