"""What in a `.pt2` archive could make `torch.export.load`, or running the loaded program, do more than compute.

Every text of the archive must stand where torch writes texts and have the form that torch writes there; every member
must be one that is read as plain bytes. What does not fit is named, with its place.
"""

import io
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

from smidgen.importing.archive import PAYLOADS, PROGRAM, SAMPLE_INPUTS, Archive
from smidgen.importing.expressions import is_guard, is_size, is_tree

_MEMBER = re.compile(
    r"models/model\.json|archive_format|archive_version|byteorder|\.data/version|\.data/serialization_id|extra/.*"
    r"|data/sample_inputs/model\.pt|data/(weights|constants)/model_(weights|constants)_config\.json"
    r"|data/(weights/weight|constants/tensor)_\d+",
    re.ASCII,
)
_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)?", re.ASCII)
_PATH = re.compile(r"[A-Za-z0-9_.]*", re.ASCII)
_OPERATOR = re.compile(
    r"torch\.ops\.(aten|smidgen)\.(?P<aten>\w+)\.\w+|torch\.ops\.higher_order\.scan"
    r"|_operator\.(getitem|add|sub|mul|truediv|floordiv|mod|neg|pos|eq|ne|lt|le|gt|ge|and_|or_)"
    r"|torch\.sym_(max|min|not|float|int|ite)|math\.(trunc|floor|ceil)",
    re.ASCII,
)
#: Operators of aten that read or write files.
_FILE_OPERATORS = frozenset({"from_file", "save"})

#: What torch.save writes for tensors, numbers and containers.
_PLAIN_GLOBALS = frozenset({
    "collections.OrderedDict", "torch.Tensor", "torch.Size", "torch.device", "torch._tensor._rebuild_from_type_v2",
    "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.nn.parameter.Parameter",
    *(f"torch.{kind}Storage" for kind in ("Float", "Double", "Half", "BFloat16", "Long", "Int", "Short", "Char",
                                          "Byte", "Bool")),
})  # fmt: skip


def find_hazards(archive: Archive) -> tuple[str, ...]:
    """Return each thing found that could run code, touch files or exhaust memory when torch loads the archive.

    None means: sizes are arithmetic, operators are tensor operators, names are names, tensors are raw bytes of their
    size. It is a claim about the ways known for torch 2.13, read from its loader.
    """
    found = [f"{name} is a member that torch would {_meaning(name)}" for name in archive.members if _is_foreign(name)]
    found += _document_hazards(archive.program, PROGRAM)
    for folder, payload in archive.payloads.items():
        found += _document_hazards(payload, PAYLOADS[folder])
        found += _payload_hazards(archive, folder, payload)
    found += _pickle_hazards(archive.members.get(SAMPLE_INPUTS, b""), SAMPLE_INPUTS)
    return tuple(found)


def _is_foreign(name: str) -> bool:
    return _MEMBER.fullmatch(name) is None


def _meaning(name: str) -> str:
    if name.startswith("data/aotinductor/"):
        return "run as machine code"
    if name.startswith(("data/weights/", "data/constants/")):
        return "unpickle, which can call any function"
    return "not write"


# ---- JSON ------------------------------------------------------------------------------------------------------------


def _document_hazards(document: Mapping[str, Any], where: str) -> list[str]:
    try:
        return list(_walk(document, "", where))
    except RecursionError:
        return [f"{where} is nested too deeply"]


def _walk(value: Any, key: str, where: str) -> Iterator[str]:
    """Yield what is wrong with the texts below `value`; `key` is the dictionary key that holds it."""
    if isinstance(value, Mapping):
        for inner, item in value.items():
            if not _PATH.fullmatch(inner):
                yield f"{where}: {_quoted(inner)} is no name"
            else:
                yield from _walk(item, inner, f"{where}: {inner}" if where.endswith(".json") else f"{where}.{inner}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, key, f"{where}[{index}]")
    elif isinstance(value, str):
        complaint, is_legal = _TEXTS.get(key, ("is no text that torch writes", lambda text: False))
        if not is_legal(value):
            yield f"{where}: {_quoted(value)} {complaint}"
    elif key == "use_pickle" and value is not False:
        yield f"{where}: the tensor is pickled, and unpickling can call any function"


def _is_operator(text: str) -> bool:
    match = _OPERATOR.fullmatch(text)
    return match is not None and match["aten"] not in _FILE_OPERATORS


def _is_printable(text: str) -> bool:
    return len(text) <= 64 and text.isprintable()


_Text = tuple[str, Callable[[str], bool]]

_IS_NAME: _Text = ("is no name of a value", lambda text: _NAME.fullmatch(text) is not None)
_IS_PATH: _Text = ("is no path of a module or parameter", lambda text: _PATH.fullmatch(text) is not None)
_IS_OPERATOR: _Text = ("is no tensor operator; torch would call it", _is_operator)
_IS_TREE: _Text = ("is no structure of tuples, lists and dicts; torch would import its module", is_tree)
_IS_ARGUMENT: _Text = ("is no argument of an operator", _is_printable)
_IS_METADATA: _Text = ("is no metadata", lambda text: True)

#: By key: what a text there has to be. A key that is not here holds no text.
_TEXTS: Mapping[str, _Text] = {
    "expr_str": ("is no arithmetic on sizes; torch would evaluate it as Python", is_size),
    "guards_code": ("is no comparison of sizes; torch would compile it as Python", is_guard),
    "target": _IS_OPERATOR, "as_operator": _IS_OPERATOR, "in_spec": _IS_TREE, "out_spec": _IS_TREE,
    "name": _IS_NAME, "as_name": _IS_NAME, "forward_arg_names": _IS_NAME, "field_names": _IS_NAME,
    "path_name": _IS_NAME, "user_input_name": _IS_NAME, "fqn": _IS_PATH, "parameter_name": _IS_PATH,
    "buffer_name": _IS_PATH, "tensor_constant_name": _IS_PATH, "as_string": _IS_ARGUMENT, "as_strings": _IS_ARGUMENT,
    "as_float": ("is no number", lambda text: text in ("NaN", "Infinity", "-Infinity")),
    "as_floats": ("is no number", lambda text: text in ("NaN", "Infinity", "-Infinity")),
    "type": _IS_NAME,  # of a device
    "verifiers": ("is no dialect of torch.export", lambda text: text in ("", "ATEN", "TRAINING")),
    "torch_version": ("is no version", _is_printable),
    **dict.fromkeys(("stack_trace", "nn_module_stack", "torch_fn", "custom", "from_node", "source_fn_stack"),
                    _IS_METADATA),
}  # fmt: skip


def _quoted(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")


# ---- bytes -----------------------------------------------------------------------------------------------------------


def _payload_hazards(archive: Archive, folder: str, payload: Mapping[str, Any]) -> Iterator[str]:
    """Yield the tensors whose shape says more than their bytes hold: torch would reserve what the file claims."""
    for name, entry in payload.items():
        try:
            sizes = [size["as_int"] for size in entry["tensor_meta"]["sizes"]]
            stored = len(archive.members[f"{folder}/{entry['path_name']}"])
            if not all(type(size) is int and size >= 0 for size in sizes) or (prod(sizes) > 0 and stored == 0):
                yield f"{PAYLOADS[folder]}: {name} claims sizes {sizes}, and {stored} B are stored"
        except (KeyError, TypeError):
            yield f"{PAYLOADS[folder]}: {name} has no size, or no bytes in {folder}"


def _pickle_hazards(data: bytes, where: str) -> list[str]:
    """Return what a file of torch.save would look up when it is unpickled, beyond tensors and containers."""
    if not data:
        return []
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as inner:
            names = [name.lower() for name in inner.namelist()]  # torch finds members in any case
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in inner.infolist()):
                return [f"{where} is compressed, which torch never writes"]
            if len(set(names)) < len(names):
                return [f"{where} has doubled members; which of them torch would unpickle is unknown"]
            pickles = [name for name in inner.namelist() if name.lower().endswith(".pkl")]
            used = {name: sorted(set(_globals(inner.read(name))) - _PLAIN_GLOBALS) for name in pickles}
    except (zipfile.BadZipFile, ValueError, OSError, RuntimeError, NotImplementedError) as error:
        return [f"{where} is no file of torch.save ({error}); torch would unpickle it whole"]
    return [f"{where}: unpickling {name} calls {', '.join(called)}" for name, called in used.items() if called]


def _globals(data: bytes) -> Iterator[str]:
    """Yield "module.name" of each global that a pickle looks up, without running it.

    Where the name is not in the opcode itself but somewhere on the stack, which torch never writes, yield the opcode's.
    """
    for opcode, argument, _ in pickletools.genops(data):
        if opcode.name in ("GLOBAL", "INST"):
            yield str(argument).replace(" ", ".")
        elif opcode.name in ("STACK_GLOBAL", "EXT1", "EXT2", "EXT4"):
            yield opcode.name
