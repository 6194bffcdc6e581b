"""Inputs declared in a file are those of Python; what is wrong is named with its place."""

from pathlib import Path

import pytest

from smidgen.compression import Input
from smidgen.compression.input_file import read_inputs
from smidgen.errors import ConfigError


def read(folder: Path, text: str) -> object:
    """Read a file of this content."""
    (folder / "inputs.toml").write_text(text, encoding="utf-8")
    return read_inputs(folder / "inputs.toml")


def test_a_table_is_an_input(tmp_path: Path) -> None:
    """All fields of `Input`, or some; a whole number is a scale too."""
    a = '[a]\ndtype = "int8"\nscale = 2\nzero_point = -3\nunit = "°C"\naxes = ["time"]\ndescription = "inside"\n'
    assert read(tmp_path, f'{a}[b]\nunit = "g"\n') == {
        "a": Input(dtype="int8", scale=2.0, zero_point=-3, unit="°C", axes=("time",), description="inside"),
        "b": Input(unit="g"),
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[a", r"inputs\.toml does not declare inputs: "),
        ("a = 3", r"a: expected an object, found 3"),
        ("[a]\nscael = 1.0", r"a has no field 'scael'; did you mean 'scale'\?"),
        ('[a]\nscale = "1"', r"a\.scale: expected a finite number, found '1'"),
        ('[a]\ndtype = "int8"', r"a: an input is declared by type and scale together"),
        ('[a]\ndtype = "int9"\nscale = 1.0', r"does not declare inputs: .*int9"),
        ('[a]\ndtype = "int16"\nscale = 1.0\nzero_point = 3', r"int16 activations are symmetric"),
        ('[a]\ndtype = "int8"\nscale = -1.0', r"scale must be finite and positive, got -1\.0"),
        ('[a]\nunit = "a\\nb"', r"one line of printable text"),
    ],
)
def test_what_is_wrong_is_named(text: str, message: str, tmp_path: Path) -> None:
    """The file, the table, the field and what was found."""
    with pytest.raises(ConfigError, match=message):
        read(tmp_path, text)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """By name."""
    with pytest.raises(ConfigError, match=r"nowhere\.toml does not declare inputs: .*No such file"):
        read_inputs(tmp_path / "nowhere.toml")
