import zipfile

import pytest

from smidgen.data.archive import read_members, read_text_member
from smidgen.errors import DataError


def write(path, **members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.csv", content)
    return path


def test_members_come_in_order_of_names(tmp_path):
    """Only those with the ending; one is found by its name."""
    path = write(tmp_path / "a.zip", b="2\n", a="1\n")
    assert list(read_members(path, ending=".csv")) == [("a.csv", b"1\n"), ("b.csv", b"2\n")]
    assert list(read_members(path, ending=".wav")) == []
    assert read_text_member(path, "b.csv") == "2\n"


def test_what_is_no_archive_or_not_in_it_is_refused(tmp_path):
    """Missing, cut short, a member missing, bytes that are no text."""
    path = write(tmp_path / "a.zip", a=b"\xff" * 9)
    with pytest.raises(DataError, match=r"expected b\.csv in the archive, found none"):
        read_text_member(path, "b.csv")
    with pytest.raises(DataError, match=r"a\.csv: expected UTF-8 text, found byte 0xff"):
        read_text_member(path, "a.csv")
    with pytest.raises(DataError, match="expected a zip archive, found none"):
        list(read_members(tmp_path / "b.zip", ending=""))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\xff" * 9, b"\xfe" * 9))
    with pytest.raises(DataError, match="found a damaged one"):
        list(read_members(path, ending=""))
