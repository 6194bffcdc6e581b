"""A graph on disk: `graph.json` for the structure, `graph.safetensors` for the arrays. Loading runs no code."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from smidgen.errors import GraphError
from smidgen.ir.clock import Clock
from smidgen.ir.graph import Graph, Op, Quantity, Tensor
from smidgen.ir.spec import check_graph
from smidgen.numerics.quantization import QParams
from smidgen.whole_file import write_whole

FORMAT_VERSION = 2


def save_graph(graph: Graph, folder: str | Path) -> None:
    """Write the graph into `folder`, each file whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in graph_files(graph).items():
        write_whole(folder / name, content)


def graph_files(graph: Graph) -> Mapping[str, bytes]:
    """Return the contents of the graph's files by name: the same graph gives the same bytes."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    document = {"format": FORMAT_VERSION, **_graph_document(graph, "", arrays)}
    return {"graph.safetensors": save(arrays), "graph.json": (json.dumps(document, indent=1) + "\n").encode()}


def graph_sha256(graph: Graph) -> str:
    """Return the hash of all that the graph computes and what its ports and operators are called, hexadecimal.

    Tensors inside count by their place, not by their name, which depends on how the model was exported.
    """
    digest = hashlib.sha256()
    for content in graph_files(_numbered(graph)).values():
        digest.update(content)
    return digest.hexdigest()


def _numbered(graph: Graph) -> Graph:
    """Return the graph with its inner tensors named in order of use."""
    ports = (*graph.inputs, *graph.outputs)
    used = dict.fromkeys((*ports, *(name for op in graph.ops for name in (*op.inputs, *op.outputs))))
    names = {name: name if name in ports else f"%{place}" for place, name in enumerate(used)}
    return replace(
        graph,
        tensors={names[name]: replace(graph[name], name=names[name]) for name in names},
        ops=tuple(
            replace(
                op, inputs=tuple(names[name] for name in op.inputs), output=names[op.output],
                more=tuple(names[name] for name in op.more), body=None if op.body is None else _numbered(op.body),
            )
            for op in graph.ops
        ),
    )  # fmt: skip


def load_graph(folder: str | Path) -> Graph:
    """Read a graph that `save_graph` wrote; raise GraphError for anything else."""
    folder = Path(folder)
    try:
        document = json.loads((folder / "graph.json").read_text())
        arrays = load_file(folder / "graph.safetensors")
        if document["format"] != FORMAT_VERSION:
            raise GraphError(f"{folder}: graph format {document['format']}, this version reads {FORMAT_VERSION}")
        graph = _read_graph(document, "", arrays)
        check_graph(graph)
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise GraphError(f"{folder} holds no readable graph (graph.json, graph.safetensors): {error!r}") from error
    return graph


def _graph_document(graph: Graph, prefix: str, arrays: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    """Return the structure of a graph and add its arrays, under names that begin with `prefix`."""
    for tensor in graph.tensors.values():
        if tensor.data is not None:
            arrays[f"{prefix}tensor/{tensor.name}"] = np.asarray(tensor.data, order="C")
    for op in graph.ops:
        for role, array in op.params.items():
            arrays[f"{prefix}op/{op.name}/{role}"] = np.asarray(array, order="C")
    return {
        "name": graph.name,
        "is_step": graph.is_step,
        "frame_limit": graph.frame_limit,
        "inputs": graph.inputs,
        "outputs": graph.outputs,
        "tensors": [_tensor_document(tensor) for tensor in graph.tensors.values()],
        "ops": [_op_document(op, prefix, arrays) for op in graph.ops],
    }


def _op_document(op: Op, prefix: str, arrays: dict[str, np.ndarray[Any, Any]]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": op.name, "kind": op.kind, "inputs": op.inputs, "output": op.output, "attrs": dict(op.attrs),
        "params": sorted(op.params), "clock": asdict(op.clock),
    }  # fmt: skip
    if op.more:
        document["more"] = op.more
    if op.body is not None:
        document["body"] = _graph_document(op.body, f"{prefix}body/{op.name}/", arrays)
    return document


def _tensor_document(tensor: Tensor) -> dict[str, Any]:
    document: dict[str, Any] = {"name": tensor.name, "shape": tensor.shape, "dtype": tensor.dtype}
    if tensor.qparams is not None:
        document["scale"], document["zero_point"] = tensor.qparams.scale, tensor.qparams.zero_point
    if tensor.data is not None:
        document["constant"] = True
    if tensor.quantity != Quantity():
        document["quantity"] = asdict(tensor.quantity)
    return document


def _read_graph(document: dict[str, Any], prefix: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Graph:
    tensors = [_read_tensor(entry, prefix, arrays) for entry in document["tensors"]]
    return Graph(
        name=document["name"],
        inputs=tuple(document["inputs"]),
        outputs=tuple(document["outputs"]),
        tensors={tensor.name: tensor for tensor in tensors},
        ops=tuple(_read_op(entry, prefix, arrays) for entry in document["ops"]),
        is_step=document["is_step"],
        frame_limit=document["frame_limit"],
    )


def _read_tensor(entry: dict[str, Any], prefix: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Tensor:
    qparams = None
    if "scale" in entry:
        qparams = QParams(dtype=entry["dtype"], scale=entry["scale"], zero_point=entry["zero_point"])
    data = arrays[f"{prefix}tensor/{entry['name']}"] if entry.get("constant") else None
    return Tensor(
        name=entry["name"],
        shape=tuple(entry["shape"]),
        dtype=entry["dtype"],
        qparams=qparams,
        data=data,
        quantity=Quantity(**{**entry["quantity"], "axes": tuple(entry["quantity"]["axes"])})
        if "quantity" in entry
        else Quantity(),
    )


def _read_op(entry: dict[str, Any], prefix: str, arrays: dict[str, np.ndarray[Any, Any]]) -> Op:
    attrs = {key: tuple(value) if isinstance(value, list) else value for key, value in entry["attrs"].items()}
    return Op(
        name=entry["name"],
        kind=entry["kind"],
        inputs=tuple(entry["inputs"]),
        output=entry["output"],
        params={role: arrays[f"{prefix}op/{entry['name']}/{role}"] for role in entry["params"]},
        attrs=attrs,
        clock=Clock(**entry["clock"]),
        more=tuple(entry.get("more", ())),
        body=_read_graph(entry["body"], f"{prefix}body/{entry['name']}/", arrays) if "body" in entry else None,
    )
