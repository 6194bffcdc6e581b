"""Loading a `.pt2` file: as it is, with trust; or its data alone, after every part of it was checked."""

import io
import json
import logging
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch.export import ExportedProgram
from torch.export.pt2_archive import PT2ArchiveWriter

from smidgen.compression.structure import POINTWISE
from smidgen.errors import ExportError, UnsupportedError
from smidgen.importing.archive import PAYLOADS, PROGRAM, SAMPLE_INPUTS, Archive, read_archive
from smidgen.importing.hazards import find_hazards
from smidgen.lowering import supported_operators

#: Operators without a rule that `run_decompositions` takes apart or away.
_TRACED_AWAY = frozenset({"batch_norm", "dropout", "lift_fresh_copy", "sym_size", "unflatten", "detach"})
#: Metadata of a node that errors and reports quote.
_KEPT_METADATA = ("stack_trace", "nn_module_stack", "torch_fn")
#: Where torch logs what it meets while loading.
_LOADERS = ("torch.export", "torch.export.pt2_archive._package", "torch._export.serde.serialize")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pt2Summary:
    """What a `.pt2` file holds, read without running anything of it. Printing gives one line for each kind.

    What does not print, such as codes that drive a terminal, is written as escapes.
    """

    path: Path
    torch_version: str
    inputs: Mapping[str, tuple[str, ...]]  # name -> sizes, as numbers or as the name of a free size
    operators: Mapping[str, int]  # torch's name -> how often
    tensors: int  # weights, buffers and constants
    tensor_bytes: int
    hazards: tuple[str, ...]  # what could run code when torch loads it; see `find_hazards`

    def __str__(self) -> str:
        inputs = (f"{name} ({', '.join(sizes)})" for name, sizes in self.inputs.items())
        operators = (f"{name} {count}" for name, count in self.operators.items())
        lines = [
            f"{self.path}: exported by torch {self.torch_version}",
            f"inputs: {', '.join(inputs)}",
            f"operators: {', '.join(operators)}",
            f"tensors: {self.tensors}, {self.tensor_bytes} B",
            *(f"HAZARD {hazard}" for hazard in self.hazards),
        ]
        return "\n".join(line if line.isprintable() else ascii(line) for line in lines)


def inspect_pt2(path: str | Path) -> Pt2Summary:
    """Return what a `.pt2` file holds: nothing in it is evaluated, unpickled, imported or called.

    Raises ExportError where it is missing, damaged, or of another format or version.
    """
    archive = read_archive(path)
    with _malformed_is_named(archive):
        graph = archive.program["graph_module"]["graph"]
        users = [
            spec["user_input"]["arg"]["as_tensor"]["name"]
            for spec in archive.program["graph_module"]["signature"]["input_specs"]
            if "as_tensor" in spec.get("user_input", {}).get("arg", {})
        ]
        inputs = {name: tuple(_size(size) for size in graph["tensor_values"][name]["sizes"]) for name in users}
        operators = Counter(_operator(node) for node in graph["nodes"])
        sizes = [
            len(data)
            for name, data in archive.members.items()
            if name.startswith(tuple(f"{folder}/" for folder in PAYLOADS)) and not name.endswith(".json")
        ]
        return Pt2Summary(
            path=archive.path,
            torch_version=str(archive.program.get("torch_version")),
            inputs=inputs,
            operators=dict(sorted(operators.items())),
            tensors=len(sizes),
            tensor_bytes=sum(sizes),
            hazards=find_hazards(archive),
        )


def load_pt2(path: str | Path, *, trust: bool = False) -> ExportedProgram:
    """Load a `.pt2` file as torch does, which can run code that it contains: refused without `trust`.

    Raises ExportError without trust, saying what was found in the file, and for a file that is missing, damaged or of
    another version. Nothing is ever tried in a second way.
    """
    summary = inspect_pt2(path)
    if not trust:
        raise ExportError(_refusal(summary))
    return _load(Path(path), Path(path))


def load_checked_pt2(path: str | Path) -> ExportedProgram:
    """Load the data of a `.pt2` file that needs no trust: every text and every member is checked first.

    torch reads a copy made of the checked parts alone: graph, names, source lines and raw tensors. Example inputs,
    which are a pickle, and guards, which are Python, stay behind.

    Raises ExportError naming each thing found that could run code, UnsupportedError for an operator that does not
    compile anyway.
    """
    archive = read_archive(path)
    hazards = find_hazards(archive)
    if hazards:
        raise ExportError(f"{path} is refused: {_listed(hazards)}. Ask its author for the module or its state_dict")
    with _malformed_is_named(archive):
        _require_known_operators(archive)
        copy = _checked_copy(archive)
    return _load(archive.path, copy)


def _refusal(summary: Pt2Summary) -> str:
    found = (
        f"In this one {_listed(summary.hazards)}. "
        if summary.hazards
        else "Nothing of the kinds that are known was found in this one. "
    )
    other = (
        "Ask for the module or its state_dict instead"
        if summary.hazards
        else "For any other, smidgen.importing.load_checked_pt2(path) takes the data alone, after checking all of it"
    )
    return (
        f"{summary.path}: loading a .pt2 file can run code that it contains. {found}"
        f"Pass trust=True (--trust) only for a file of your own. {other}"
    )


def _listed(hazards: tuple[str, ...]) -> str:
    more = f", and {len(hazards) - 2} more like these" if len(hazards) > 2 else ""
    return "; ".join(hazards[:2]) + more


def _load(path: Path, source: Path | io.BytesIO) -> ExportedProgram:
    logged: list[BaseException] = []
    try:
        with _torch_log_kept(logged), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.load(source)
    except Exception as error:  # torch raises many unrelated types for a program that it cannot build, or logs them
        raise ExportError(
            f"{path}: torch {torch.__version__} cannot load this program: {_first_cause((logged or [error])[0])}. "
            "Export it again with this version of torch; import what defines its custom operators first"
        ) from error


def _require_known_operators(archive: Archive) -> None:
    known = {_base_name(str(target)) for target in (*supported_operators(), *POINTWISE)}
    for node in archive.program["graph_module"]["graph"]["nodes"]:
        name = _operator(node)
        namespace, _, base = _base_name(name).rpartition(".")
        if namespace == "aten" and f"aten.{base}" not in known and base not in _TRACED_AWAY:
            raise UnsupportedError(f"{archive.path}: operator {name} has no lowering; see `smidgen ops`")


def _checked_copy(archive: Archive) -> io.BytesIO:
    """Return an archive of the checked documents and the raw tensors that they name."""
    program = json.loads(json.dumps(archive.program))
    program["guards_code"] = []
    program["graph_module"]["metadata"] = {}
    for node in program["graph_module"]["graph"]["nodes"]:
        node["metadata"] = {key: text for key, text in node["metadata"].items() if key in _KEPT_METADATA}
    copy = io.BytesIO()
    with PT2ArchiveWriter(copy) as writer:
        writer.write_string(PROGRAM, json.dumps(program))
        writer.write_bytes(SAMPLE_INPUTS, b"")
        for folder, payload in archive.payloads.items():
            writer.write_string(PAYLOADS[folder], json.dumps({"config": payload}))
            for name in sorted({entry["path_name"] for entry in payload.values()}):
                writer.write_bytes(f"{folder}/{name}", archive.members[f"{folder}/{name}"])
    copy.seek(0)
    return copy


def _operator(node: Mapping[str, Any]) -> str:
    return str(node["target"]).removeprefix("torch.ops.")


def _base_name(operator: str) -> str:
    """Return "aten.relu" for "aten.relu_.default"."""
    return operator.rpartition(".")[0].removesuffix("_")


def _size(size: Mapping[str, Any]) -> str:
    if "as_int" in size:
        return str(size["as_int"])
    return str(size["as_expr"]["expr_str"]).partition("'")[2].partition("'")[0] or "?"


@contextmanager
def _malformed_is_named(archive: Archive) -> Iterator[None]:
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ExportError(
            f"{archive.path}: {PROGRAM} is no program of torch.export ({error!r}); export the model again"
        ) from error


@contextmanager
def _torch_log_kept(logged: list[BaseException]) -> Iterator[None]:
    """Collect the errors that torch's loader logs, and print none of them: they become one message here."""

    def keep(record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[1]:
            logged.append(record.exc_info[1])
        return False

    loggers = [logging.getLogger(name) for name in _LOADERS]
    for logger in loggers:
        logger.addFilter(keep)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(keep)


def _first_cause(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    text = " ".join(str(error).split())
    return (text[:297] + "..." if len(text) > 300 else text.rstrip(".")) or type(error).__name__
