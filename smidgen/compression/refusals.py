"""What torch.export could not capture, in the user's terms: where it stands, what it is, what to write instead."""

import copy
import linecache
import os
import re
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

import torch
from torch import fx, nn
from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode, free_unbacked_symbols
from torch.nn.utils.rnn import PackedSequence

from smidgen.compression.inputs import Example
from smidgen.compression.structure import TORCH_FOLDER, unsupported
from smidgen.errors import ExportError

_THIS_FOLDER = os.path.dirname(__file__) + os.sep
_INSTALLED = tuple(sysconfig.get_paths()[key] + os.sep for key in ("purelib", "platlib"))
_PYTHON = sysconfig.get_paths()["stdlib"] + os.sep

_SAME_FOR_ALL = "a firmware runs the same operators for every input"

_MAKES_A_NUMBER = (
    "it makes a Python number of a tensor's value; keep it a tensor (x * scale, not x * float(scale)), and take sizes "
    "from shapes"
)
_NUMBERS = frozenset({torch.ops.aten.item.default, torch.ops.aten._local_scalar_dense.default})

#: What the line that stopped the export looks like, and what is said of it.
_DEPENDS_ON_VALUES = (
    (
        r"^while\b",
        f"its loop ends by a tensor's values, but {_SAME_FOR_ALL}; loop a fixed number of times, for _ in range(n), "
        "and keep finished values with torch.where(done, old, new)",
    ),
    (
        r"^(if|elif)\b",
        f"it branches on a tensor's values, but {_SAME_FOR_ALL}; compute both branches and choose with "
        "torch.where(condition, a, b)",
    ),
    (r"^assert\b", "it asserts something of a tensor's values; check inputs before the model is called"),
    (r"\b(int|float|bool)\(|\.item\(|\.tolist\(|\brange\(", _MAKES_A_NUMBER),
    (
        r"\[[^\]]*:",
        f"it cuts a tensor at a place that depends on values, but {_SAME_FOR_ALL}; keep the whole tensor and set what "
        "does not count to zero with torch.where(mask, x, 0.0)",
    ),
)
_VALUES = f"what it does depends on a tensor's values, but {_SAME_FOR_ALL}; choose with torch.where(condition, a, b)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """The user's line that an error comes from, and the path of the module whose code it is."""

    module_path: str
    source_line: str = ""  # as structure.source_line has it; "" where no line is the user's
    code: str = ""
    is_packed: bool = False  # a sequence packed by pack_padded_sequence is at hand


def capture_error(error: Exception, model: nn.Module, example: Example) -> ExportError:
    """Return the ExportError that stands for what torch.export raised on a module for an example."""
    copied = copy.deepcopy(model).eval()
    failed = _own_failure(copied, example)
    place = _place(error.__traceback__, model) if failed is None else _place(failed.__traceback__, copied)
    name = type(model).__name__
    where = f" ({place.source_line})" if place.source_line else ""
    who = f"{name}.{place.module_path}" if place.module_path else name
    if failed is not None:
        shapes = ", ".join(str(tuple(x.shape)) for x in example.values)
        return ExportError(
            f"{who} fails on the example input of shape {shapes}: {_first_words(failed)}{where}. Give an example that "
            "the model takes, batch first, and write x.shape[0] or -1 where its code fixes the batch size"
        )
    return ExportError(f"{who} cannot be captured: {_reason(error, model, place)}{where}")


def refuse_value_dependent(nodes: Iterable[fx.Node]) -> None:
    """Raise UnsupportedError for the first node that turns values of an input into a number or a size."""
    for node in nodes:
        value = node.meta.get("val")
        if node.target in _NUMBERS:
            raise unsupported(node, _MAKES_A_NUMBER)
        if node.op == "call_function" and free_unbacked_symbols(value):
            raise unsupported(
                node,
                f"the size of its result depends on values, but {_SAME_FOR_ALL}; keep every element and set what does "
                "not count to zero, torch.where(mask, x, 0.0)",
            )


class Runner(fx.Interpreter):
    """Runs a graph as it is; what cannot be computed names its operator and the user's line."""

    def __init__(self, graph_module: fx.GraphModule, *, garbage_collect_values: bool = True) -> None:
        super().__init__(graph_module, garbage_collect_values)
        self.extra_traceback = False  # errors are told in our words alone

    def run_node(self, node: fx.Node) -> Any:
        try:
            return super().run_node(node)
        except Exception as error:  # whatever torch says of values and sizes other than those it was traced with
            raise unsupported(
                node, f"it cannot be computed for other inputs than the example: {_first_words(error)}"
            ) from error


def _first_words(error: Exception) -> str:
    """Return what an error of torch or of the user's code says, without the explanations below it."""
    text = " ".join(str(error).split("\n\n")[0].split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _reason(error: Exception, model: nn.Module, place: _Place) -> str:
    if isinstance(error, GuardOnDataDependentSymNode):
        return next((text for pattern, text in _DEPENDS_ON_VALUES if re.search(pattern, place.code)), _VALUES)
    if re.search(r"\bcond\(|\bwhile_loop\(", place.code):
        return f"it branches by an operator, but {_SAME_FOR_ALL}; compute both branches and choose with torch.where"
    quantised = [name for name, module in model.named_modules() if ".quantized." in f"{type(module).__module__}."]
    if quantised:
        return f"its layer {quantised[0]} was quantised by torch already; give the float model, Smidgen quantises it"
    if place.is_packed:
        return (
            "it packs sequences by their lengths; pad them to one length, and mask by torch.where what does not count"
        )
    if "numpy" in place.code or "numpy" in str(error):
        return "it leaves torch for numpy; write it with torch functions"
    return f"torch.export says {_first_words(error)}"


def _own_failure(model: nn.Module, example: Example) -> Exception | None:
    """Return the error of the module itself on the example, None where it computes."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            example.run(model)
    except Exception as error:  # whatever the user's code raises
        return error
    return None


def _place(traceback: TracebackType | None, model: nn.Module) -> _Place:
    """Return the innermost line of the user's code: outside torch and this package, of a library only if all are."""
    paths = {id(module): path for path, module in model.named_modules()}
    module_path = ""
    frames: list[tuple[FrameType, int]] = []
    while traceback is not None:
        frame, code = traceback.tb_frame, traceback.tb_frame.f_code
        receiver = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
        module_path = paths.get(id(receiver), module_path)
        of_python = code.co_filename.startswith(_PYTHON) and not code.co_filename.startswith(_INSTALLED)
        if not (of_python or code.co_filename.startswith((TORCH_FOLDER, _THIS_FOLDER))):
            frames.append((frame, traceback.tb_lineno))
        traceback = traceback.tb_next
    if not frames:
        return _Place(module_path=module_path)
    own = [place for place in frames if not place[0].f_code.co_filename.startswith(_INSTALLED)]
    frame, line = (own or frames)[-1]
    text = linecache.getline(frame.f_code.co_filename, line).strip()
    written = f'File "{frame.f_code.co_filename}", line {line}, in {frame.f_code.co_name} {text}'
    return _Place(
        module_path=module_path,
        source_line=written.strip(),
        code=text,
        is_packed=any(isinstance(value, PackedSequence) for value in frame.f_locals.values()),
    )
