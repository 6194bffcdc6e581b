"""A program that could not be compiled or measured is refused at birth."""

from typing import Any

import pytest

from smidgen.codegen.bundle import Layer, Port, Program
from smidgen.errors import ConfigError

PORT = Port(name="x", dtype="int16", shape=(20, 12))
FIELDS: dict[str, Any] = {
    "name": "rooms",
    "files": {"rooms.h": "", "rooms.c": ""},
    "inputs": (PORT,),
    "outputs": (PORT,),
    "layers": (Layer(name="a", op="linear", function="rooms_op_000_a", macs=1),),
    "context_bytes": 0,
    "state_bytes": 0,
    "arena_bytes": 0,
}


def test_bytes_of_a_port_are_elements_times_their_size() -> None:
    """int16 of (20, 12) is 480 B; a scalar is one element."""
    assert PORT.n_bytes == 20 * 12 * 2
    assert Port(name="sum", dtype="float32", shape=()).n_bytes == 4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "my rooms"}, "'my rooms' is no C identifier"),
        ({"files": {"rooms.h": ""}}, r"rooms has no rooms\.c; it has rooms\.h"),
        ({"files": {**FIELDS["files"], "../x.h": ""}}, r"leave its folder: \.\./x\.h"),
        ({"layers": FIELDS["layers"] * 2}, "two layers with one C function"),
        ({"inputs": ()}, "at least one input and one output"),
    ],
    ids=["name", "no source", "path", "function twice", "no input"],
)
def test_a_program_that_cannot_work_is_refused(change: dict[str, Any], message: str) -> None:
    """Names, files, layers and ports are checked when the program is made."""
    assert Program(**FIELDS).ports == (PORT, PORT)
    with pytest.raises(ConfigError, match=message):
        Program(**{**FIELDS, **change})


def test_ports_and_layers_are_checked() -> None:
    """Element types, sizes, C names and counts that make no sense are refused by name."""
    with pytest.raises(ConfigError, match="port 'x' has dtype 'int64'; known: int8"):
        Port(name="x", dtype="int64", shape=(1,))
    with pytest.raises(ConfigError, match=r"port 'x' has shape \(3, 0\)"):
        Port(name="x", dtype="int8", shape=(3, 0))
    with pytest.raises(ConfigError, match="no C identifier"):
        Layer(name="a", op="linear", function="rooms.a", macs=0)
    with pytest.raises(ConfigError, match="-1 multiply-accumulates"):
        Layer(name="a", op="linear", function="rooms_a", macs=-1)
