"""C source as text: identifiers and literals that read back exactly."""

import re
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import ConfigError

C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "int32": "int32_t", "float32": "float"}
BITS = {"int8": 8, "int16": 16, "int32": 32, "float32": 32}
SUFFIXES = {"int8": "s8", "int16": "s16", "int32": "s32", "float32": "f32"}  # of types that may alias, in memory.h

_WORDS_OF_C = """
auto break case char const continue default do double else enum extern float for goto if inline int long register
restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
"""
_WORDS_OF_CPP = """
bool catch class delete explicit export friend mutable namespace new operator private protected public template this
throw try typename using virtual
"""
_NAMES_IN_USE = "answer arena constant crc ctx frame i state status t"  # by the generated functions
#: Ports of the bodies of loops, which are variables of the generated functions.
_BODY_PORT = r"(frame|state|whole|next|emitted)_\d+"

#: What a parameter of the generated functions cannot be called.
RESERVED = frozenset(f"{_WORDS_OF_C} {_WORDS_OF_CPP} {_NAMES_IN_USE}".split())


#: Headers of the C library and files of the test harness: a program of that name would stand in their place.
_TAKEN_FILES = frozenset({
    "assert", "ctype", "errno", "float", "limits", "locale", "math", "setjmp", "signal", "stdarg", "stddef", "stdint",
    "stdio", "stdlib", "string", "time", "block_counter", "context_bytes", "harness", "host", "host_main",
    "host_trace", "image", "program", "qemu_main",
})  # fmt: skip


def arena_view(dtype: str, memory: str, offset: int) -> str:
    """Return the typed address of a byte of `memory`, an expression for an array of bytes."""
    return f"arena_{SUFFIXES[dtype]}({memory}, {offset}U)"


def is_parameter_name(name: str) -> bool:
    """True if `name` can be a parameter of the generated functions."""
    legal = re.fullmatch(r"[A-Za-z]\w*", name, flags=re.ASCII) is not None
    free = name not in RESERVED and name not in _kernel_functions() and not re.fullmatch(_BODY_PORT, name)
    return legal and free


def check_program_name(name: str) -> None:
    """Raise ConfigError unless `name` can prefix C symbols and name the program's files."""
    legal = isinstance(name, str) and re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None
    if not legal or name in RESERVED | _TAKEN_FILES:
        raise ConfigError(
            f"the name {name!r} becomes C symbols and file names: use lower-case letters, digits and _, and no word of "
            "the language or header of its library"
        )


@cache
def _kernel_functions() -> frozenset[str]:
    """Return the functions that the kernel files define: a parameter of the same name would hide one."""
    texts = (file.read_text() for file in (resources.files("smidgen.codegen") / "kernels").iterdir())
    return frozenset(name for text in texts for name in re.findall(r"(\w+)\([^()]*\)\n\{", text))


def identifier(name: str) -> str:
    """Return `name` as a C identifier: other characters become "_"."""
    cleaned = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    return cleaned if cleaned and not cleaned[0].isdigit() else f"_{cleaned}"


def commentable(name: str) -> str:
    """Return `name` without what would end or nest a C comment: a ModuleDict's key may hold anything."""
    return re.sub(r"[^\w.@-]", "_", name, flags=re.ASCII)


def comment_text(text: str) -> str:
    """Return a line of text without what would end or nest a C comment."""
    return re.sub(r"(?<=\*)(?=/)|(?<=/)(?=\*)", " ", text)


def unsigned(value: int) -> str:
    """Return an unsigned literal."""
    return f"{int(value)}U"


def signed(value: int) -> str:
    """Return a signed 32-bit literal that stands as an operand."""
    value = int(value)
    if value == -(2**31):
        return "INT32_MIN"
    return f"({value})" if value < 0 else str(value)


def signed64(value: int) -> str:
    """Return a signed 64-bit literal that stands as an operand."""
    return f"INT64_C({int(value)})"


def floating(value: float) -> str:
    """Return the shortest float literal that reads back to the same float32."""
    text = str(np.float32(value))
    if "inf" in text or "nan" in text:
        raise ValueError(f"{value} has no C literal")
    return f"{text}f" if any(mark in text for mark in ".e") else f"{text}.0f"


def bit_pattern(value: float, dtype: str) -> int:
    """Return a number as the integer with the same bytes in memory."""
    return int(np.float32(value).view(np.int32)) if dtype == "float32" else int(value)


def array_definition(name: str, array: NDArray[Any], *, storage: str = "static ") -> str:
    """Return `static const T name[n] = {...};` in lines of at most 120 characters; `storage` "" for other files."""
    flat = array.reshape(-1)
    if flat.dtype == np.float32:
        words = [floating(value) for value in flat]
    else:
        words = ["INT32_MIN" if value == -(2**31) else str(int(value)) for value in flat]
    lines, line = [], "   "
    for word in words:
        if len(line) + len(word) + 2 > 118:
            lines.append(line)
            line = "   "
        line += f" {word},"
    lines.append(line)
    body = "\n".join(lines)
    return f"{storage}const {C_TYPES[str(array.dtype)]} {name}[{flat.size}] = {{\n{body}\n}};\n"
