"""No text of an archive goes unchecked, and no archive does more than load or be refused."""

import copy
import json
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pt2_files import CONSTANTS, PROGRAM, WEIGHTS, edited_json, exported_file, rewritten

from smidgen.errors import SmidgenError
from smidgen.importing import load_checked_pt2
from smidgen.importing.archive import PAYLOADS, Archive, read_archive
from smidgen.importing.hazards import find_hazards

#: Kept by torch as text, and printed by errors; `load_checked_pt2` keeps three of them.
METADATA = ("stack_trace", "nn_module_stack", "torch_fn")

Place = tuple[str | int, ...]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torch.export.save writes it."""
    return exported_file(tmp_path_factory.mktemp("fuzz"))


def places(value: Any, place: Place = ()) -> Iterator[Place]:
    """Yield the path of every value of a JSON document."""
    yield place
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*place, key))


def at(document: Any, place: Place) -> Any:
    """Return the value at a path."""
    for key in place:
        document = document[key]
    return document


def put(document: Any, place: Place, value: object) -> None:
    """Set the value at a path."""
    at(document, place[:-1])[place[-1]] = value


def documents(archive: Archive) -> dict[str, Any]:
    """Return the three JSON documents by the name of their field in the archive."""
    return {"program": archive.program, **{folder: archive.payloads[folder] for folder in PAYLOADS}}


def with_document(archive: Archive, name: str, document: Any) -> Archive:
    """Return the archive with one of its documents replaced."""
    if name == "program":
        return replace(archive, program=document)
    return replace(archive, payloads={**archive.payloads, name: document})


def test_every_text_is_checked(path: Path) -> None:
    """Python with a line break in place of any text but metadata, and as any key, is a hazard."""
    archive = read_archive(path)
    assert find_hazards(archive) == ()
    hostile = "x\n__import__('os')"
    tried = 0
    for name, document in documents(archive).items():
        for place in places(document):
            changed = copy.deepcopy(document)
            if isinstance(at(document, place), str) and place[-1] not in METADATA:
                put(changed, place, hostile)
            elif place and isinstance(place[-1], str):
                parent = at(changed, place[:-1])
                parent[hostile] = parent.pop(place[-1])
            else:
                continue
            tried += 1
            assert find_hazards(with_document(archive, name, changed)), (name, place)
    assert tried > 500


@cache
def stored(path: Path) -> dict[str, tuple[Any, tuple[Place, ...]]]:
    """Return the file's documents with all their paths."""
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].partition("/")[0]
        read = {name: json.loads(archive.read(f"{root}/{name}")) for name in (PROGRAM, WEIGHTS, CONSTANTS)}
    return {name: (document, tuple(places(document))[1:]) for name, document in read.items()}


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.text(),
    st.just([]), st.just({}), st.sampled_from(["s0", "x", "linear", "cpu", "aten", "torch.ops.aten.linear.default"]),
)  # fmt: skip


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_file_loads_or_is_refused(data: st.DataObject, path: Path, tmp_path: Path) -> None:
    """Any value in place of any other: an error of ours, or a program; never anything else."""
    name = data.draw(st.sampled_from([PROGRAM, PROGRAM, PROGRAM, WEIGHTS]))
    _, candidates = stored(path)[name]
    place, value = data.draw(st.sampled_from(candidates)), data.draw(VALUES)
    copied = tmp_path / path.name
    copied.write_bytes(path.read_bytes())
    edited = rewritten(copied, {name: edited_json(lambda document: put(document, place, value))})
    with suppress(SmidgenError):
        load_checked_pt2(edited)
