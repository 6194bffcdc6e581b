"""The grammars take what torch writes and nothing that names, calls, indexes or grows."""

import pytest

from smidgen.importing.expressions import is_guard, is_size, is_tree

TUPLE = '[1, {"type": "builtins.tuple", "context": "null", "children_spec": [%s]}]'
LEAF = '{"type": null, "context": null, "children_spec": []}'


@pytest.mark.parametrize(
    "text",
    [
        "Symbol('s97', positive=True, integer=True)",
        "Mul(Integer(2), Symbol('s23', positive=True, integer=True))",
        "Mul(Integer(2), Min(Integer(2), Mul(Integer(4), Symbol('s23', positive=True, integer=True))))",
        "FloorDiv(Add(Symbol('u0', integer=True), Integer(-1)), Integer(2))",
        "2*s97 - (s0 // 3) % 5 + 1.5",
    ],
)
def test_sizes_as_torch_writes_them(text: str) -> None:
    """Sums, products and quotients of symbols and numbers."""
    assert is_size(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "__import__('os')", "lambdify.__globals__", "Symbol('x', positive=True)", "Symbol('s0', cls=exec)",
        "Symbol('s0', positive=open)", "Pow(Integer(9), Integer(9))", "9**9**9", "[1 for s0 in s1]", "s0[0]", "s0()",
        "(lambda: 1)()", "Add(*s0)", "Add(s0, key=1)", "'text'", "Symbol('s0').args", "s0 if s1 else s2", "True",
        "s0\n+ 1", "s0; s1", "ｓ0", "eval('1')", "Integer('1')", "1 << 99", "(" * 500 + "1" + ")" * 500,
    ],
)  # fmt: skip
def test_everything_else_is_no_size(text: str) -> None:
    """Names, attributes, strings, comprehensions, calls of anything else, powers, shifts, depth."""
    assert not is_size(text)


def test_guards_compare_sizes_of_inputs() -> None:
    """And nothing more."""
    assert is_guard("L['x'].size()[0] == L['ids'].size()[0]")
    assert is_guard("L['x'][0].size()[1] >= 2 and 3 * L['y'].stride()[0] < 4")
    for text in ("", "open('x')", "L['x'].numpy()", "L['x'].size().__class__", "L[exit()]", "L['x'].size()[0] = 1"):
        assert not is_guard(text)


def test_trees_are_tuples_lists_and_dicts() -> None:
    """A context may hold keys, never an object to import."""
    assert is_tree(TUPLE % LEAF)
    assert is_tree(TUPLE % '{"type": "builtins.dict", "context": "[\\"y\\"]", "children_spec": [%s]}' % LEAF)
    for text in (
        "", "[]", "[2, " + LEAF + "]", TUPLE % "3",
        TUPLE % '{"type": "collections.defaultdict", "context": "[]", "children_spec": []}',
        TUPLE % '{"type": "builtins.dict", "context": "{\\"__enum__\\": true}", "children_spec": []}',
        TUPLE % '{"type": null, "context": null}',
    ):  # fmt: skip
        assert not is_tree(text)
