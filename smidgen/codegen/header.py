"""The public header of a program: API, shapes, scales, memory and identity; and how its parameters are spelled."""

from collections.abc import Mapping
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.codegen.bundle import LEAST_ARENA_BYTES, PENDING_STATUS
from smidgen.codegen.c_text import C_TYPES, comment_text, commentable, floating, identifier, unsigned
from smidgen.codegen.frames import counts_frames
from smidgen.codegen.weights import Constants
from smidgen.ir.clock import EVERY_FRAME
from smidgen.ir.graph import Graph, Tensor
from smidgen.ir.io import graph_sha256
from smidgen.passes.memory_plan import MemoryPlan

_COUNTER_BYTES = 4


def header_file(graph: Graph, plan: MemoryPlan, constants: Constants, known: Mapping[str, NDArray[Any]]) -> str:
    """Return `<name>.h`: the API, sizes, scales and identity of the program; `known`, the known answer by symbol."""
    name, macro = graph.name, graph.name.upper()
    ports = (*graph.inputs, *graph.outputs)
    kept = f", and {state_bytes(graph, plan)} B state" if graph.is_step else ""
    lines = [
        f"/* {generated_by(graph, constants)}",
        *(f" * In:  {_port_comment(graph[tensor])}" for tensor in graph.inputs),
        *(f" * Out: {_port_comment(graph[tensor])}" for tensor in graph.outputs),
        f" * Flash {constants.n_bytes} B constants.   "
        f"RAM {plan.arena_bytes} B arena, peak at {commentable(plan.peak_op)}{kept}. */",
        f"#ifndef {macro}_H",
        f"#define {macro}_H",
        "",
        "#include <stdint.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        f'#define {macro}_VERSION "{_version()}"',
        f'#define {macro}_MODEL_SHA256 "{graph_sha256(graph)}"',
        f'#define {macro}_WEIGHTS_SHA256 "{constants.sha256}"',
        f"#define {macro}_ARENA_BYTES {unsigned(plan.arena_bytes)}",
        f"#define {macro}_STATE_BYTES {unsigned(state_bytes(graph, plan))}",
        *([] if graph.frame_limit is None else [f"#define {macro}_FRAME_LIMIT {unsigned(graph.frame_limit)}"]),
    ]
    for tensor in (graph[port] for port in ports):
        lines += _port_macros(f"{macro}_{identifier(tensor.name).upper()}", tensor)
    lines += [
        "",
        "/* What a call answers. */",
        f"typedef enum {name}_status {{",
        f"    {macro}_OK = 0,",
        f"    {macro}_ERROR_NULL = 1,      /* a pointer was null; nothing was done */",
        f"    {macro}_ERROR_WEIGHTS = 2,   /* self-test: the constants in flash are damaged */",
        *_status_of_answers(graph),
        f"}} {name}_status;",
        "",
        "/* All memory the model needs, owned by the caller. sizeof gives its bytes; the content is private. */",
        f"typedef struct {name}_context {{",
        *_memory_member("arena", max(plan.arena_bytes, LEAST_ARENA_BYTES)),
        *(_memory_member("state", plan.state_bytes) if plan.state_bytes else []),
        *(["    uint32_t frame;"] if counts_frames(graph) else []),
        f"}} {name}_context;",
        "",
        f"{name}_status {name}_init({name}_context *ctx);",
        f"{name}_status {name}_reset({name}_context *ctx);",
        *_entry_comment(graph),
        f"{name}_status {name}_{entry_point(graph)}({signature(graph)});",
        "/* Check the constants and one known answer on this very device. */",
        f"{name}_status {name}_selftest({name}_context *ctx);",
        "",
        "/* The self-test's input and the reference's answer to it. */",
        *(f"extern const {C_TYPES[str(array.dtype)]} {symbol}[{array.size}];" for symbol, array in known.items()),
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _memory_member(name: str, n_bytes: int) -> list[str]:
    return ["    union {", f"        uint8_t bytes[{n_bytes}];", "        uint32_t align;", f"    }} {name};"]


def _entry_comment(graph: Graph) -> list[str]:
    buffers = "Buffers belong to the caller and must not overlap. int16 inputs lie in -32767..32767. */"
    if not graph.is_step:
        return [f"/* Run one window. {buffers}"]
    comes = "" if graph.output_clock == EVERY_FRAME else f" An output comes {graph.output_clock}."
    return [
        f"/* Take the next frame.{comes} {graph.name}_reset begins again, as before the first frame; so does the",
        f" * self-test. {buffers}",
    ]


def _status_of_answers(graph: Graph) -> list[str]:
    """Return the statuses that depend on how the program is called, the last of the enum."""
    macro = graph.name.upper()
    wrong = "/* self-test: the known input gave another output */"
    if not graph.is_step:
        return [f"    {macro}_ERROR_ANSWER = 3     {wrong}"]
    return [
        f"    {macro}_ERROR_ANSWER = 3,    {wrong}",
        f"    {macro}_PENDING = {PENDING_STATUS},         /* the frame was taken; no output comes with it */",
        f"    {macro}_ERROR_FRAMES = 5     /* more frames than the model can take; reset to begin again */",
    ]


def generated_by(graph: Graph, constants: Constants) -> str:
    """Return the line that says where a file comes from."""
    return f"Generated by smidgen {_version()} from {graph.name} (weights sha256 {constants.sha256[:8]}). Do not edit."


def _version() -> str:
    return metadata.version("smidgen")


def context_bytes(graph: Graph, plan: MemoryPlan) -> int:
    """Return the bytes of the context: arena and state."""
    return max(plan.arena_bytes, LEAST_ARENA_BYTES) + state_bytes(graph, plan)


def state_bytes(graph: Graph, plan: MemoryPlan) -> int:
    """Return the bytes that go from frame to frame: the states, and the frame counter where there is one."""
    return plan.state_bytes + (_COUNTER_BYTES if counts_frames(graph) else 0)


def entry_point(graph: Graph) -> str:
    """Return what the function that runs the graph is called after the program's name."""
    return "step" if graph.is_step else "invoke"


def parameter(graph: Graph, region: str, *, is_written: bool) -> str:
    """Return the C parameter of a region: arena or state, or a port by name."""
    if region in ("arena", "state"):
        return f"uint8_t *{region}"
    const = "" if is_written else "const "
    return f"{const}{C_TYPES[graph[region].dtype]} *{region}"


def signature(graph: Graph) -> str:
    """Return the parameters of invoke or step."""
    ports = [
        *(parameter(graph, name, is_written=False) for name in graph.inputs),
        *(parameter(graph, name, is_written=True) for name in graph.outputs),
    ]
    return ", ".join([f"{graph.name}_context *ctx", *ports])


def _port_macros(prefix: str, tensor: Tensor) -> list[str]:
    lines = [f"#define {prefix}_SIZE {unsigned(tensor.size)}"]
    lines += [f"#define {prefix}_DIM{axis} {unsigned(size)}" for axis, size in enumerate(tensor.shape)]
    if tensor.qparams is not None:
        lines += [
            f"#define {prefix}_SCALE {_scale(tensor.qparams.scale)} /* {tensor.qparams.scale!r} */",
            f"#define {prefix}_ZERO_POINT ({tensor.qparams.zero_point})",
        ]
    return lines


def _scale(scale: float) -> str:
    """Return the nearest float32 as a literal, a double where none is near."""
    float32 = np.finfo(np.float32)
    return floating(scale) if float(float32.tiny) <= scale <= float(float32.max) else repr(scale)


def described(tensor: Tensor) -> str:
    """Return a tensor's type and shape in words."""
    return f"{tensor.dtype} ({', '.join(map(str, tensor.shape))})"


def _port_comment(tensor: Tensor) -> str:
    """Return what a port takes or gives, e.g. "rssi int8 (time=20, access point=12), scale 1 dBm: 127 = not heard".

    Integers without a scale are positions: of rows that are looked up, or of what a search found.
    """
    quantity = tensor.quantity
    sizes = [f"{axis}={size}" for axis, size in zip(quantity.axes, tensor.shape, strict=bool(quantity.axes))]
    shape = ", ".join(sizes or map(str, tensor.shape))
    scale = f", scale {tensor.qparams.scale:.6g}" if tensor.qparams else ""
    unit = f" {quantity.unit}" if tensor.qparams else f", {quantity.unit}"
    words = f"{unit if quantity.unit else ''}{': ' if quantity.description else ''}{quantity.description}"
    return comment_text(f"{tensor.name} {tensor.dtype} ({shape}){scale}{words}")
