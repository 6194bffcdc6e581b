"""A graph on disk: `graph.json` for the structure, `graph.safetensors` for the arrays. Loading runs no code."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smidgen.errors import GraphError
from smidgen.ir.graph import Graph, Op, Tensor
from smidgen.ir.spec import check_graph
from smidgen.numerics.quantization import QParams
from smidgen.whole_file import write_whole

FORMAT_VERSION = 1


def save_graph(graph: Graph, folder: str | Path) -> None:
    """Write the graph into `folder`, each file whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for tensor in graph.tensors.values():
        if tensor.data is not None:
            arrays[f"tensor/{tensor.name}"] = np.ascontiguousarray(tensor.data)
    for op in graph.ops:
        for role, array in op.params.items():
            arrays[f"op/{op.name}/{role}"] = np.ascontiguousarray(array)
    document = {
        "format": FORMAT_VERSION,
        "name": graph.name,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "tensors": [_tensor_document(tensor) for tensor in graph.tensors.values()],
        "ops": [
            {"name": op.name, "kind": op.kind, "inputs": op.inputs, "output": op.output, "attrs": dict(op.attrs),
             "params": sorted(op.params)}
            for op in graph.ops
        ],
    }  # fmt: skip
    write_whole(folder / "graph.safetensors", save(arrays))
    write_whole(folder / "graph.json", (json.dumps(document, indent=1) + "\n").encode())


def load_graph(folder: str | Path) -> Graph:
    """Read a graph that `save_graph` wrote; raise GraphError for anything else."""
    folder = Path(folder)
    try:
        document = json.loads((folder / "graph.json").read_text())
        arrays = load_file(folder / "graph.safetensors")
        if document["format"] != FORMAT_VERSION:
            raise GraphError(f"{folder}: graph format {document['format']}, this version reads {FORMAT_VERSION}")
        tensors = [_read_tensor(entry, arrays) for entry in document["tensors"]]
        graph = Graph(
            name=document["name"],
            inputs=tuple(document["inputs"]),
            outputs=tuple(document["outputs"]),
            tensors={tensor.name: tensor for tensor in tensors},
            ops=tuple(_read_op(entry, arrays) for entry in document["ops"]),
        )
        check_graph(graph)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GraphError(f"{folder} holds no readable graph (graph.json, graph.safetensors): {error!r}") from error
    return graph


def _tensor_document(tensor: Tensor) -> dict[str, Any]:
    document: dict[str, Any] = {"name": tensor.name, "shape": tensor.shape, "dtype": tensor.dtype}
    if tensor.qparams is not None:
        document["scale"], document["zero_point"] = tensor.qparams.scale, tensor.qparams.zero_point
    if tensor.data is not None:
        document["constant"] = True
    return document


def _read_tensor(entry: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> Tensor:
    qparams = None
    if "scale" in entry:
        qparams = QParams(dtype=entry["dtype"], scale=entry["scale"], zero_point=entry["zero_point"])
    data = arrays[f"tensor/{entry['name']}"] if entry.get("constant") else None
    return Tensor(name=entry["name"], shape=tuple(entry["shape"]), dtype=entry["dtype"], qparams=qparams, data=data)


def _read_op(entry: dict[str, Any], arrays: dict[str, np.ndarray[Any, Any]]) -> Op:
    attrs = {key: tuple(value) if isinstance(value, list) else value for key, value in entry["attrs"].items()}
    return Op(
        name=entry["name"],
        kind=entry["kind"],
        inputs=tuple(entry["inputs"]),
        output=entry["output"],
        params={role: arrays[f"op/{entry['name']}/{role}"] for role in entry["params"]},
        attrs=attrs,
    )
