"""Graphs on disk: what comes back is what went in, and a damaged file is an error and no crash."""

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from drawing import graphs
from graph_maker import GraphMaker
from graphs import every_float_operator, every_integer_operator, samples
from hypothesis import given
from hypothesis import strategies as st

from smidgen.errors import GraphError
from smidgen.ir import Graph, Quantity, graph_sha256, graph_text, interpret, load_graph, save_graph

INTEGERS = every_integer_operator()


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph with every integer operator on disk."""
    folder = tmp_path_factory.mktemp("graph")
    save_graph(INTEGERS, folder)
    return folder


@pytest.fixture
def copy(stored: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    for file in stored.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def assert_round_trip(graph: Graph, folder: Path) -> None:
    """The loaded graph prints alike, computes the same bytes and is stored as the same bytes again."""
    save_graph(graph, folder / "first")
    loaded = load_graph(folder / "first")
    assert graph_text(graph) == graph_text(loaded)
    inputs = samples(graph, 4)
    before, after = interpret(graph, inputs), interpret(loaded, inputs)
    assert all(before[name].tobytes() == after[name].tobytes() for name in graph.tensors)
    save_graph(loaded, folder / "second")
    for name in ("graph.json", "graph.safetensors"):
        assert (folder / "first" / name).read_bytes() == (folder / "second" / name).read_bytes()


@pytest.mark.parametrize("graph", [INTEGERS, every_float_operator()], ids=["integer", "float32"])
def test_every_operator_survives(graph: Graph, tmp_path: Path) -> None:
    """Every kind of operator, with all its parameters and attributes."""
    assert_round_trip(graph, tmp_path)
    assert sorted(file.name for file in (tmp_path / "first").iterdir()) == ["graph.json", "graph.safetensors"]


@given(graph=graphs())
def test_random_graphs_survive(tmp_path_factory: pytest.TempPathFactory, graph: Graph) -> None:
    """Branches, views and several outputs too."""
    assert_round_trip(graph, tmp_path_factory.mktemp("random"))


def test_a_constant_of_no_axes_survives(tmp_path: Path) -> None:
    """One number for all stays one: a file must not give it an axis."""
    m = GraphMaker()
    assert_round_trip(m.graph(m.binary("mul", m.input("x", 3), m.constant("factor"))), tmp_path)


def test_what_a_port_is_survives(tmp_path: Path) -> None:
    """Unit, axes and description come back; wrong text for them is refused."""
    quantity = Quantity(unit="m/s²", axes=("time", "channel"), description="at the wrist")
    graph = replace(INTEGERS, tensors={**INTEGERS.tensors, "x": replace(INTEGERS["x"], quantity=quantity)})
    assert_round_trip(graph, tmp_path)
    assert load_graph(tmp_path / "first")["x"].quantity == quantity
    assert graph_sha256(graph) != graph_sha256(INTEGERS)
    path = tmp_path / "first" / "graph.json"
    for right, wrong, message in (
        ('"unit": "m/s\\u00b2"', '"unit": 3', "printable text, got 3"),
        ('   "axes": [\n     "time",', '   "axes": [', r"shape \(6, 4\), but 1 names of axes"),
    ):
        text = path.read_text()
        assert right in text
        path.write_text(text.replace(right, wrong))
        with pytest.raises(GraphError, match=message):
            load_graph(path.parent)
        path.write_text(text)


def test_the_hash_is_of_the_meaning() -> None:
    """Names of tensors inside and the order in which they are listed do not count; a name outside does."""
    inner = next(op.output for op in INTEGERS.ops if op.output not in INTEGERS.outputs)
    renamed = {name: "other" if name == inner else name for name in reversed(INTEGERS.tensors)}
    alike = replace(
        INTEGERS,
        tensors={new: replace(INTEGERS[old], name=new) for old, new in renamed.items()},
        ops=tuple(
            replace(op, inputs=tuple(renamed[name] for name in op.inputs), output=renamed[op.output])
            for op in INTEGERS.ops
        ),
    )
    assert graph_sha256(alike) == graph_sha256(INTEGERS)
    assert graph_sha256(replace(INTEGERS, name="other")) != graph_sha256(INTEGERS)


@pytest.mark.parametrize("name", ["graph.json", "graph.safetensors"])
def test_a_missing_file_is_an_error(name: str, copy: Path) -> None:
    """The folder and both files are named."""
    (copy / name).unlink()
    with pytest.raises(GraphError, match=r"holds no readable graph \(graph.json, graph.safetensors\)"):
        load_graph(copy)


@pytest.mark.parametrize("name", ["graph.json", "graph.safetensors"])
@given(part=st.floats(0.0, 0.999))
def test_a_truncated_file_is_an_error(name: str, stored: Path, part: float, tmp_path_factory: Any) -> None:
    """Cut anywhere, either file is refused."""
    folder = tmp_path_factory.mktemp("cut")
    for file in stored.iterdir():
        content = file.read_bytes()
        (folder / file.name).write_bytes(content[: int(part * len(content))] if file.name == name else content)
    with pytest.raises(GraphError):
        load_graph(folder)


def test_another_format_is_refused(copy: Path) -> None:
    """A graph of a later version says which version this is."""
    document = json.loads((copy / "graph.json").read_text())
    (copy / "graph.json").write_text(json.dumps({**document, "format": 3}))
    with pytest.raises(GraphError, match="graph format 3, this version reads 2"):
        load_graph(copy)


@pytest.mark.parametrize("content", [b"[]", b"null", b"{}", b"\xff\xfe", b"", b"[" * 100_000])
def test_another_document_is_refused(content: bytes, copy: Path) -> None:
    """JSON of another kind, other encodings and endless nesting are no graph."""
    (copy / "graph.json").write_bytes(content)
    with pytest.raises(GraphError, match="holds no readable graph"):
        load_graph(copy)


@given(seed=st.integers(0, 2**32 - 1))
def test_a_document_with_a_value_replaced_never_crashes(
    stored: Path, seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Any value of the document replaced by any other: a legal graph or a GraphError, and nothing else."""
    folder = tmp_path_factory.mktemp("replaced")
    (folder / "graph.safetensors").write_bytes((stored / "graph.safetensors").read_bytes())
    document = json.loads((stored / "graph.json").read_text())
    chance = random.Random(seed)
    holder: Any = document
    while True:
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        if not isinstance(holder[key], dict | list) or not holder[key] or chance.random() < 0.1:
            break
        holder = holder[key]
    holder[key] = chance.choice([None, -1, 0, 10**30, 0.5, float("nan"), "", "x", True, [], [-1], ["x"], {}, {"a": 1}])
    (folder / "graph.json").write_text(json.dumps(document))
    try:
        graph = load_graph(folder)
    except GraphError:
        return
    interpret(graph, samples(graph, 4))


def test_a_reader_never_meets_half_a_file(copy: Path) -> None:
    """Saving over a graph leaves no partial file behind."""
    save_graph(every_float_operator(), copy)
    assert sorted(file.name for file in copy.iterdir()) == ["graph.json", "graph.safetensors"]
    assert load_graph(copy).name == "floats"
