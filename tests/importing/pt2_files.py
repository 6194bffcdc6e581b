"""Real `.pt2` files for the tests of import, and the same files with parts replaced."""

import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from small_models import Chain, normal

PROGRAM = "models/model.json"
SAMPLE_INPUTS = "data/sample_inputs/model.pt"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"

Edit = Callable[[bytes], bytes]


def exported_file(folder: Path, model: torch.nn.Module | None = None, name: str = "model.pt2") -> Path:
    """Export a module (the chain of everything, (b, 6, 4)) at a free batch and save it as a person would."""
    path = folder / name
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dynamic = ({0: torch.export.Dim.DYNAMIC},)
        exported = torch.export.export((model or Chain()).eval(), (normal(2, 6, 4),), dynamic_shapes=dynamic)
        torch.export.save(exported, path)
    return path


def rewritten(path: Path, edits: Mapping[str, Edit], *, compress: bool = False) -> Path:
    """Write a file beside `path` with members replaced; one that is not there is added, from b""; None removes."""
    target = path.with_name(f"edited-{path.name}")
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].partition("/")[0]
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    for name, edit in edits.items():
        members[name] = edit(members.get(name, b""))
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(f"{root}/{name}", data)
    return target


def edited_json(change: Callable[[Any], object]) -> Edit:
    """Return the edit that changes a JSON document in place."""

    def edit(data: bytes) -> bytes:
        document = json.loads(data)
        change(document)
        return json.dumps(document).encode()

    return edit


def free_sizes(document: Any) -> list[dict[str, str]]:
    """Return every size of a program that is an expression."""
    graph = document["graph_module"]["graph"]
    sizes = [size for meta in graph["tensor_values"].values() for size in meta["sizes"]]
    return [size["as_expr"] for size in sizes if "as_expr" in size]
