"""The texts in a `.pt2` archive that torch evaluates, and the narrow grammars in which they are harmless.

torch hands a size expression to sympy's `sympify`, which is Python's `eval`; it compiles the guards; it looks up the
types of nested inputs by name and imports their modules. Here they are parsed and compared with what torch writes.
"""

import ast
import json
import re
from typing import Any

#: Functions that torch writes into sizes. Powers and shifts are left out: a short one can take all memory.
_FUNCTIONS = frozenset({
    "Symbol", "Integer", "Float", "Rational", "Add", "Mul", "Min", "Max", "Mod", "Abs", "Eq", "Ne", "Lt", "Le", "Gt",
    "Ge", "And", "Or", "Not", "FloorDiv", "CleanDiv", "CeilDiv", "ModularIndexing", "PythonMod", "IntTrueDiv",
    "CeilToInt", "FloorToInt", "TruncToInt", "ToFloat", "Where",
})  # fmt: skip
_OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.USub, ast.UAdd)
_ASSUMPTIONS = frozenset({"positive", "integer", "nonnegative", "real"})
_SYMBOL = re.compile(r"(s|u|z|zf|zuf)\d{1,9}", re.ASCII)
_SIZE_CHARACTERS = re.compile(r"[A-Za-z0-9_ (),='.+*/%-]{1,2000}", re.ASCII)

_GUARD = re.compile(
    r"(L(\['[A-Za-z_][A-Za-z0-9_]{0,200}'\]|\[[0-9]{1,4}\])+\.(size|stride)\(\)\[[0-9]{1,2}\]|[0-9]{1,9}"
    r"|\s|==|!=|<=|>=|<|>|[-+*/%()]|\band\b|\bor\b){1,200}",
    re.ASCII,
)

_CONTAINERS = frozenset({"builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict", None})


def is_size(text: str) -> bool:
    """Tell whether a size expression only adds, multiplies, divides and compares symbols and numbers."""
    if not _SIZE_CHARACTERS.fullmatch(text):
        return False
    try:
        return _is_arithmetic(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_arithmetic(node: ast.expr) -> bool:
    match node:
        case ast.Constant(value=value):
            return type(value) in (int, float)
        case ast.Name(id=name):
            return _SYMBOL.fullmatch(name) is not None
        case ast.UnaryOp(op=op, operand=operand):
            return isinstance(op, _OPERATORS) and _is_arithmetic(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return isinstance(op, _OPERATORS) and _is_arithmetic(left) and _is_arithmetic(right)
        case ast.Call(func=ast.Name(id="Symbol"), args=[ast.Constant(value=str(name))], keywords=assumptions):
            return _SYMBOL.fullmatch(name) is not None and all(
                assumption.arg in _ASSUMPTIONS
                and isinstance(assumption.value, ast.Constant)
                and assumption.value.value in (True, False)
                for assumption in assumptions
            )
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
            return name in _FUNCTIONS - {"Symbol"} and all(_is_arithmetic(argument) for argument in arguments)
    return False


def is_guard(text: str) -> bool:
    """Tell whether a guard only compares sizes of inputs: "L['x'].size()[0] == L['y'].size()[0]"."""
    return _GUARD.fullmatch(text) is not None


def is_tree(text: str) -> bool:
    """Tell whether a stored structure of nested inputs or outputs is made of tuples, lists and dicts alone."""
    try:
        document = json.loads(text)
        return isinstance(document, list) and len(document) == 2 and document[0] == 1 and _is_container(document[1])
    except (ValueError, RecursionError):
        return False


def _is_container(spec: Any) -> bool:
    if not isinstance(spec, dict) or set(spec) != {"type", "context", "children_spec"}:
        return False
    kind, context, children = spec["type"], spec["context"], spec["children_spec"]
    if not (kind is None or isinstance(kind, str)) or kind not in _CONTAINERS or not isinstance(children, list):
        return False
    if context is not None:
        keys = json.loads(context) if isinstance(context, str) else context
        if not (keys is None or (isinstance(keys, list) and all(isinstance(key, str | int) for key in keys))):
            return False
    return all(_is_container(child) for child in children)
