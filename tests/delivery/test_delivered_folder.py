"""Saving writes all or refuses and changes nothing: over an older delivery, beside a user's files, after a kill."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from deliveries import delivery_of, small_graph

import smidgen.delivery.folder as delivered_folder
from smidgen.delivery import Delivery, read_manifest, save_delivery
from smidgen.errors import DeliveryError

FIRST = delivery_of(small_graph("first"))
CHANGED = delivery_of(small_graph("first", seed=1))
OTHER = delivery_of(small_graph("other"))


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file of a folder by path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_holds(folder: Path, delivery: Delivery) -> None:
    """The folder holds this delivery, a manifest of it and nothing else."""
    files = delivery.files()
    assert contents(folder) == {**files, "manifest.json": delivery.manifest(files).to_json()}
    assert not any(path.is_dir() and not any(path.iterdir()) for path in folder.rglob("*"))


@pytest.mark.parametrize("second", [FIRST, CHANGED, OTHER], ids=["the same", "other weights", "another name"])
def test_a_delivery_replaces_an_older_one(second: Delivery, tmp_path: Path) -> None:
    """Changed files are replaced, files that are not made any more are gone, with the folders that they leave empty."""
    folder = save_delivery(FIRST, tmp_path / "build" / "rooms")
    assert_holds(folder, FIRST)
    save_delivery(second, folder)
    assert_holds(folder, second)


def test_what_others_put_beside_it_stays(tmp_path: Path) -> None:
    """Products of a build and a user's own files are not ours to touch, not even in a folder that empties."""
    folder = save_delivery(FIRST, tmp_path)
    mine = {folder / "build/first.o": b"object", folder / "examples/First/notes.txt": b"my notes"}
    for path, content in mine.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    save_delivery(OTHER, folder)
    assert {path: path.read_bytes() for path in mine} == mine
    assert set(contents(folder)) == {*OTHER.files(), "manifest.json", "build/first.o", "examples/First/notes.txt"}


def edit(folder: Path) -> str:
    """Change the sketch, as a user would."""
    sketch = folder / "examples/First/First.ino"
    sketch.write_text(sketch.read_text() + "// mine\n")
    return "First.ino was changed since it was delivered"


def put_file_in_the_way(folder: Path) -> str:
    """Add a file of one's own where the next delivery has one."""
    (folder / "src/other.c").write_text("int mine;\n")
    return "other.c was changed since it was delivered, or is not smidgen's"


def put_folder_in_the_way(folder: Path) -> str:
    """Add a folder where the next delivery has a file."""
    (folder / "src/other.c").mkdir()
    return "other.c was changed since it was delivered, or is not smidgen's"


def put_link_in_the_way(folder: Path) -> str:
    """Add a link to nowhere where the next delivery has a file."""
    (folder / "src/other.c").symlink_to("nowhere.c")
    return "other.c was changed since it was delivered, or is not smidgen's"


@pytest.mark.parametrize("obstruct", [edit, put_file_in_the_way, put_folder_in_the_way, put_link_in_the_way])
def test_a_users_work_is_never_lost(obstruct: Callable[[Path], str], tmp_path: Path) -> None:
    """A file of ours that was changed, or anything of others in the way, is refused by name with nothing changed."""
    folder = save_delivery(FIRST, tmp_path)
    message = obstruct(folder)
    before = contents(folder)
    with pytest.raises(DeliveryError, match=message):
        save_delivery(OTHER, folder)
    assert contents(folder) == before


def test_a_folder_of_other_files_is_refused(tmp_path: Path) -> None:
    """Also if they would not be overwritten: a delivery does not mix with a project."""
    for name in ("a.txt", "b.txt", "c.txt", "d.txt"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(DeliveryError, match=r"files that smidgen did not write \(a.txt, b.txt, c.txt and 1 more\)"):
        save_delivery(FIRST, tmp_path)
    assert len(contents(tmp_path)) == 4
    with pytest.raises(DeliveryError, match=r"a\.txt is a file; choose a new or an empty folder"):
        save_delivery(FIRST, tmp_path / "a.txt")
    with pytest.raises(DeliveryError, match=r"a\.txt is a file; choose a new or an empty folder"):
        save_delivery(FIRST, tmp_path / "a.txt" / "below")
    with pytest.raises(DeliveryError, match="a folder is a path, got None"):
        save_delivery(FIRST, None)  # type: ignore[arg-type]


def test_another_manifest_is_not_ours(tmp_path: Path) -> None:
    """Web pages have a manifest.json too."""
    (tmp_path / "manifest.json").write_text('{"name": "a web page"}')
    with pytest.raises(DeliveryError, match="is no manifest that this version of smidgen reads"):
        save_delivery(FIRST, tmp_path)
    assert set(contents(tmp_path)) == {"manifest.json"}


@pytest.mark.parametrize("path", ["../victim", "/etc/victim", "src/../../victim", "", "src\\..\\victim"])
def test_a_manifest_cannot_reach_outside(path: str, tmp_path: Path) -> None:
    """Files that a manifest lists may be removed; one that lists a file elsewhere is refused as a whole."""
    folder = save_delivery(FIRST, tmp_path / "folder")
    victim = tmp_path / "victim"
    victim.write_text("precious")
    document = json.loads((folder / "manifest.json").read_text())
    document["files"][path] = next(iter(document["files"].values()))
    (folder / "manifest.json").write_text(json.dumps(document))
    with pytest.raises(DeliveryError, match="is outside the folder"):
        save_delivery(OTHER, folder)
    assert victim.read_text() == "precious"


class KilledError(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("older", [None, FIRST], ids=["new", "over an older one"])
@pytest.mark.parametrize("writes", [0, 1, 2, 4, 9, 14, 18])
def test_a_killed_delivery_can_be_repeated(
    older: Delivery | None, writes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before any write, the folder takes the same delivery, or another one, and ends up whole."""
    folder = tmp_path / "rooms"
    if older is not None:
        save_delivery(older, folder)
    left = writes
    whole = delivered_folder.write_whole

    def write_some(path: Path, content: bytes) -> None:
        nonlocal left
        if left == 0:
            path.with_name(f".{path.name}.{os.getpid()}.partial").write_bytes(content[:10])
            raise KilledError
        left -= 1
        whole(path, content)

    monkeypatch.setattr(delivered_folder, "write_whole", write_some)
    with pytest.raises(KilledError):
        save_delivery(CHANGED, folder)
    monkeypatch.setattr(delivered_folder, "write_whole", whole)
    for again in (OTHER, CHANGED):
        save_delivery(again, folder)
        assert_holds(folder, again)


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    """The journal of a killed delivery decides what is ours; if it cannot be read, or points elsewhere, nothing is."""
    for journal in ("{", '{"../victim": []}', "[1]"):
        (tmp_path / ".smidgen-delivery.json").write_text(journal)
        with pytest.raises(DeliveryError, match="is damaged"):
            save_delivery(FIRST, tmp_path)


def test_the_manifest_comes_back(tmp_path: Path) -> None:
    """What is read is what was delivered, sizes and hashes included."""
    folder = save_delivery(FIRST, tmp_path)
    manifest = read_manifest(folder)
    assert manifest.to_json() == (folder / "manifest.json").read_bytes()
    assert {path: file.n_bytes for path, file in manifest.files.items()} == {
        path: len(content) for path, content in FIRST.files().items()
    }
    assert manifest.measurement.cycles_estimate == 1000


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"text"', b"\xff\xfe", b"{}", b'{"format": 2}', b"[" * 100_000], ids=str
)
def test_a_damaged_manifest_is_refused(content: bytes, tmp_path: Path) -> None:
    """Truncated, of another kind or of a later version: one message, no traceback."""
    folder = save_delivery(FIRST, tmp_path)
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(DeliveryError, match=r"manifest\.json is no manifest that this version of smidgen reads"):
        read_manifest(folder)


def test_a_folder_without_a_manifest_names_those_near(tmp_path: Path) -> None:
    """A run folder holds deliveries; the message proposes them."""
    with pytest.raises(DeliveryError, match="give a folder that `smidgen compile` wrote"):
        read_manifest(tmp_path)
    save_delivery(FIRST, tmp_path / "build" / "int8-cortex-m4")
    with pytest.raises(DeliveryError, match=r"did you mean .*build/int8-cortex-m4"):
        read_manifest(tmp_path)
