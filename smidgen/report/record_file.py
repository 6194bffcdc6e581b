"""The records behind published tables, as version control keeps them: a list of flat objects, one a line.

Each object is one row of a table under the names of `smidgen.records`, with what reproduces it beside: the command,
the versions and the data. Pictures (confusion, timeline, layers) stay in the run folder.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from smidgen.errors import DataError
from smidgen.report.document import BaselineResult, Build, Document, PooledResult
from smidgen.typed_json import from_json
from smidgen.whole_file import write_whole

_SEPARATOR = ", "
_INTERVAL = ("interval_low", "interval_high")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Where the rows of one table stand in a report document, and what they hold."""

    name: str
    entry: str
    kind: type[Any]

    @property
    def keys(self) -> tuple[str, ...]:
        """Names of one row; an interval takes two, so that the row stays flat."""
        names = (field.name for field in fields(self.kind))
        return tuple(key for name in names for key in (_INTERVAL if name == "interval" else (name,)))


_TABLES = (
    _Table(name="build", entry="results", kind=Build),
    _Table(name="pooled", entry="pooled", kind=PooledResult),
    _Table(name="baseline", entry="baselines", kind=BaselineResult),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """What every row of one document repeats. Lists are text: "study, hall", "torch 2.13.0, numpy 2.4.6"."""

    data: str
    title: str
    command: str
    rare_rooms: str
    versions: str


def save_records(documents: Sequence[Mapping[str, object]], path: Path) -> None:
    """Write the tables of report documents to `path`, whole or not at all.

    Raises:
        DataError: an entry is missing or does not fit, two documents are of one origin, or a name cannot stand in a
            list written as text.
    """
    read = [Document.from_mapping(mapping) for mapping in documents]
    origins = [_origin(document) for document in read]
    for number, origin in enumerate(origins):
        if origin in origins[:number]:
            raise DataError(f"'{origin.title}' by `{origin.command}` is given twice; store it once")
    rows = [row for document, origin in zip(read, origins, strict=True) for row in _rows(document, origin)]
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    write_whole(path, f"[\n{lines}\n]\n".encode())


def load_records(path: Path) -> list[dict[str, object]]:
    """Return the documents that `save_records` wrote: what `markdown_table` takes.

    Raises:
        DataError: the file is missing or no list of objects, or a row does not fit; the message names the row.
    """
    documents: dict[_Origin, dict[str, Any]] = {}
    for number, row in enumerate(_read_rows(path), start=1):
        where = f"{path}, row {number}"
        table = _table_of(row, where)
        origin = from_json(_Origin, row, where)
        if origin not in documents:
            documents[origin] = _empty_document(origin, where)
        documents[origin][table.entry].append(_record(table, row, where))
    for origin, document in documents.items():
        Document.from_mapping(document, source=f"{path}, '{origin.title}'")
    return list(documents.values())


# ---- writing ---------------------------------------------------------------------------------------------------------


def _origin(document: Document) -> _Origin:
    versions = tuple(f"{name} {version}" for name, version in document.versions.items())
    origin = _Origin(
        data=document.data,
        title=document.title,
        command=document.command,
        rare_rooms=_SEPARATOR.join(document.rare_rooms),
        versions=_SEPARATOR.join(versions),
    )
    read_back = (_list(origin.rare_rooms), _versions(origin.versions, "versions"))
    if read_back != (list(document.rare_rooms), dict(document.versions)):
        raise DataError(
            f"rare_rooms {list(document.rare_rooms)} and versions {dict(document.versions)} cannot be told apart again "
            f"once they are text: rename what is empty or holds {_SEPARATOR!r}"
        )
    return origin


def _rows(document: Document, origin: _Origin) -> Iterator[dict[str, object]]:
    for table in _TABLES:
        for index, record in enumerate(getattr(document, table.entry)):
            values = _flat(asdict(record))
            if values.setdefault("data", origin.data) != origin.data:
                raise DataError(
                    f"{table.entry}[{index}] is measured on '{values['data']}', its document on '{origin.data}'"
                )
            yield {"table": table.name, **values, **asdict(origin)}


def _flat(values: dict[str, Any]) -> dict[str, Any]:
    if "interval" in values:
        low_and_high = values.pop("interval") or (None, None)
        values |= dict(zip(_INTERVAL, low_and_high, strict=True))
    return values


# ---- reading ---------------------------------------------------------------------------------------------------------


def _read_rows(path: Path) -> list[Mapping[str, Any]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(
            f"no records at {path} ({error.strerror}); `python -m benchmarks.readme --record REPORT` stores those of a "
            "report.json"
        ) from error
    except ValueError as error:
        raise DataError(f"{path} is not JSON: {error}. Restore it, or store its report.json files again") from error
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        raise DataError(f"{path}: expected a list of objects, found something else; it holds no records")
    return rows


def _table_of(row: Mapping[str, Any], where: str) -> _Table:
    """Return the table of a row, whose keys are those of the table and of its origin, no more and no fewer."""
    name = row.get("table")
    table = next((table for table in _TABLES if table.name == name), None)
    if table is None:
        known = ", ".join(table.name for table in _TABLES)
        raise DataError(f"{where}: 'table' must be one of {known}, found {name!r}")
    expected = ("table", *table.keys, *(field.name for field in fields(_Origin)))
    for key in expected:
        if key not in row:
            raise DataError(f"{where}: a {table.name} row needs '{key}'")
    for key in row:
        if key not in expected:
            raise DataError(f"{where}: a {table.name} row has no '{key}'; it has {', '.join(dict.fromkeys(expected))}")
    return table


def _record(table: _Table, row: Mapping[str, Any], where: str) -> dict[str, Any]:
    values = {key: row[key] for key in table.keys if key not in _INTERVAL}
    if set(_INTERVAL) <= set(table.keys):
        low_and_high = [row[key] for key in _INTERVAL]
        values["interval"] = None if low_and_high == [None, None] else low_and_high
    from_json(table.kind, values, where)
    return values


def _empty_document(origin: _Origin, where: str) -> dict[str, Any]:
    return {
        "title": origin.title,
        "command": origin.command,
        "data": origin.data,
        "versions": _versions(origin.versions, where),
        "rare_rooms": _list(origin.rare_rooms),
        **{table.entry: [] for table in _TABLES},
    }


def _versions(text: str, where: str) -> dict[str, str]:
    pairs = [item.partition(" ") for item in _list(text)]
    if not all(version for _, _, version in pairs):
        raise DataError(f"{where}: versions must read 'name version, name version', found {text!r}")
    return {name: version for name, _, version in pairs}


def _list(text: str) -> list[str]:
    return text.split(_SEPARATOR) if text else []
