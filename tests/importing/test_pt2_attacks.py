"""Files made to run code when they are loaded do run it in torch, and never in Smidgen without trust.

Each attack is a real archive whose payload makes a marker file. The same file is given to torch first, so that a test
cannot pass because its attack is a dud.
"""

import io
import json
import pickle
import re
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from pt2_files import (
    CONSTANTS,
    PROGRAM,
    SAMPLE_INPUTS,
    WEIGHTS,
    Edit,
    edited_json,
    exported_file,
    free_sizes,
    rewritten,
)
from small_models import normal

import smidgen
from smidgen.errors import ExportError, SmidgenError
from smidgen.importing import inspect_pt2, load_checked_pt2, load_pt2


class Payload:
    """Unpickling this makes the marker file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return (Path.touch, (self.marker,))


def saved_by_torch(value: object) -> bytes:
    """Return what torch.save writes."""
    buffer = io.BytesIO()
    torch.save(value, buffer)
    return buffer.getvalue()


def python_that_touches(marker: Path) -> str:
    """Return an expression that reaches Python's exec from the names that sympy's evaluator knows."""
    return f"""lambdify.__globals__['__builtins__']['exec']('open("{marker}", "w").close()')"""


def size_expression(marker: Path) -> dict[str, Edit]:
    """A size that sympy evaluates."""

    def change(document: Any) -> None:
        free_sizes(document)[0]["expr_str"] = python_that_touches(marker)

    return {PROGRAM: edited_json(change)}


def sample_input(marker: Path) -> dict[str, Edit]:
    """Example inputs that are no tensors: torch tries to read them as plain data, then unpickles them."""
    return {SAMPLE_INPUTS: lambda _: saved_by_torch((Payload(marker),))}


def pickled_weight(marker: Path) -> dict[str, Edit]:
    """A weight that is stored as a pickle."""

    def change(document: Any) -> None:
        entry = document["config"]["first.weight"]
        entry["use_pickle"] = True

    return {WEIGHTS: edited_json(change), "data/weights/weight_0": lambda _: saved_by_torch(Payload(marker))}


def pickled_constant(marker: Path) -> dict[str, Edit]:
    """A constant of the kind that torch unpickles directly."""
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": True, "tensor_meta": None}
    return {
        CONSTANTS: edited_json(lambda document: document["config"].update({"bias": entry})),
        "data/constants/opaque_obj_0": lambda _: pickle.dumps(Payload(marker)),
    }


def legacy_weights(marker: Path) -> dict[str, Edit]:
    """A member of an older format, which torch prefers and unpickles."""
    return {"data/weights/model.pt": lambda _: saved_by_torch({"first.weight": Payload(marker)})}


def imported_module(marker: Path) -> dict[str, Edit]:
    """A structure of inputs whose type lives in a module: torch imports it."""
    (marker.parent / "evil_module_of_the_test.py").write_text(f"open({str(marker)!r}, 'w').close()\nclass E: x = 1\n")
    context = '{\\"__enum__\\": true, \\"fqn\\": \\"evil_module_of_the_test:E\\", \\"name\\": \\"x\\"}'
    tree = f'[1, {{"type": "builtins.tuple", "context": "{context}", "children_spec": []}}]'

    def change(document: Any) -> None:
        document["graph_module"]["module_call_graph"][0]["signature"]["in_spec"] = tree

    return {PROGRAM: edited_json(change)}


def name_of_an_input(marker: Path) -> dict[str, Edit]:
    """A name that torch writes into Python source: the default of an argument runs when the function is defined."""
    name = f"x=open('{marker}', 'w').close()"
    return {PROGRAM: lambda data: data.replace(b'"x"', json.dumps(name).encode())}


ATTACKS: dict[str, tuple[Callable[[Path], dict[str, Edit]], str]] = {
    "size expression": (size_expression, r"'lambdify.__globals__.* is no arithmetic on sizes; torch would evaluate it"),
    "sample input": (
        sample_input,
        r"data/sample_inputs/model.pt: unpickling .*data.pkl calls __builtin__.getattr, pathlib.Path",
    ),
    "pickled weight": (pickled_weight, r"first.weight.use_pickle: the tensor is pickled, and unpickling can call any"),
    "pickled constant": (pickled_constant, "data/constants/opaque_obj_0 is a member that torch would unpickle"),
    "legacy weights": (legacy_weights, "data/weights/model.pt is a member that torch would unpickle"),
    "imported module": (imported_module, "in_spec: .* is no structure of tuples, lists and dicts; torch would import"),
    "name of an input": (name_of_an_input, "x=open.* is no name"),
}


@pytest.fixture(scope="module")
def harmless(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torch.export.save writes it."""
    return exported_file(tmp_path_factory.mktemp("harmless"))


@pytest.fixture(params=ATTACKS)
def attack(request: pytest.FixtureRequest, harmless: Path, tmp_path: Path) -> tuple[Path, Path, str]:
    """A malicious file, the marker that its payload makes, and what Smidgen must say of it."""
    make, message = ATTACKS[request.param]
    marker = tmp_path / "marker"
    path = tmp_path / harmless.name
    path.write_bytes(harmless.read_bytes())
    return rewritten(path, make(marker)), marker, message


def test_the_attack_is_real(attack: tuple[Path, Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """torch alone runs the payload: loading the file makes the marker."""
    path, marker, _ = attack
    monkeypatch.syspath_prepend(str(marker.parent))
    with warnings.catch_warnings(), suppress(Exception):  # what torch says of the file afterwards is not the point
        warnings.simplefilter("ignore")
        torch.export.load(path)
    sys.modules.pop("evil_module_of_the_test", None)
    assert marker.exists()


def test_without_trust_nothing_runs(attack: tuple[Path, Path, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused by the front door, by the loader and by the checking loader; inspected in full; no marker."""
    path, marker, message = attack
    monkeypatch.syspath_prepend(str(marker.parent))
    with pytest.raises(ExportError, match=rf"(?s){message}.*Pass trust=True \(--trust\) only for a file of your own"):
        smidgen.compile(path, normal(2, 6, 4), recipe="float32")
    with pytest.raises(ExportError, match=r"loading a \.pt2 file can run code that it contains"):
        load_pt2(path)
    with pytest.raises(SmidgenError, match=f"is refused: .*{message}.* Ask its author for the module"):
        load_checked_pt2(path)
    assert any(re.search(message, hazard) for hazard in inspect_pt2(path).hazards)
    assert not marker.exists()
