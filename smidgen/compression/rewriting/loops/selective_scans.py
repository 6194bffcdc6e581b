"""Loops that are a selective scan (Gu & Dao 2023, Algorithm 2) in other words become that operator.

    h[t] = exp(delta[t] A) h[t-1] + delta[t] B[t] u[t],    y[t] = sum over n of C[t] h[t]  +  D u[t]

Teaching versions compute exp(delta A) and delta B u for all steps in front of the loop, others within it; C meets the
states in the loop or behind it. Whatever the spelling, y has four ancestors (b, t, d or n) and a constant (d, n) of
which the scan gives the same values; that is found by computing it. Sizes: b batch, t time, d channels, n states.
"""

from collections.abc import Iterator, Mapping
from itertools import permutations, product
from typing import Any

import torch
from torch import Tensor, fx

from smidgen.compression.loop_node import LoopNode, is_loop
from smidgen.compression.rewriting.insertion import Insertion
from smidgen.compression.rewriting.loops.first_slice import Values
from smidgen.models.selective_scan import selective_scan_reference

aten = torch.ops.aten

_TOLERANCE = 1e-4
#: Nodes between a loop that emits states and y: C unsqueezed, multiplied, summed.
_STEPS_BEHIND = 4
_OPERANDS = 4  # u, delta, B, C


def fuse_selective_scans(graph: fx.Graph, constants: Mapping[str, Tensor], values: Values) -> bool:
    """Replace every loop that is a selective scan; return whether there was one."""
    fused = False
    for node in [node for node in graph.nodes if is_loop(node) and _may_be_scan(node)]:
        known = values()
        if any(_fuse(node, y, constants, known) for y in _candidates(node)):
            graph.eliminate_dead_code()
            fused = True
    return fused


def _may_be_scan(node: fx.Node) -> bool:
    """Return whether a loop carries one state (b, d, n), of which only what is emitted is read."""
    found = LoopNode.of(node)
    shapes = [state.meta["val"].dim() for state in found.state_placeholders]
    return shapes == [3] and not found.readers(0) and len(found.results) == 2


def _candidates(node: fx.Node) -> list[fx.Node]:
    """Return the nodes (b, t, d) that may be y: the last ones first, behind the product with the skip D."""
    reached, found = [node], []
    for _ in range(_STEPS_BEHIND + 2):  # the result is taken from the loop first, D u is added last
        reached = [user for other in reached for user in other.users if user.op == "call_function"]
        found += [user for user in reached if _width(user) is not None]
    return list(dict.fromkeys(reversed(found)))


def _fuse(node: fx.Node, y: fx.Node, constants: Mapping[str, Tensor], known: Mapping[fx.Node, Any]) -> bool:
    """Replace y if it is the result of a scan, and nothing else reads the loop."""
    d, n = LoopNode.of(node).state_placeholders[0].meta["val"].shape[1:]
    if _width(y) != d or not _leads_only_to(node, y):
        return False
    ancestors, fixed = _ancestors(y, constants)
    reverse = LoopNode.of(node).reverse
    rates = [other for other in fixed if constants[other.name].numel() == d * n]
    skips = [None, *(other for other in fixed if constants[other.name].numel() == d)]
    for operands, A, D in product(_assignments(ancestors, d, n), rates, skips):
        rate = constants[A.name].reshape(d, n)
        skip = torch.zeros(d) if D is None else constants[D.name].reshape(d)
        u, delta, B, C = (known[operand] for operand in operands)
        if bool((rate >= 0).any()) or bool((delta < 0).any()):
            continue
        expected = selective_scan_reference(u, delta, rate, B, C, skip, reverse)
        scale = float(known[y].abs().max())
        if torch.allclose(expected, known[y], rtol=_TOLERANCE, atol=_TOLERANCE * scale):
            _write(y, operands, rate, skip, reverse=reverse)
            return True
    return False


def _write(y: fx.Node, operands: tuple[fx.Node, ...], rate: Tensor, skip: Tensor, *, reverse: bool) -> None:
    insertion = Insertion(y.next, like=y)
    u, delta, B, C = operands
    A, D = (insertion.constant(f"{y.name}_{role}", value) for role, value in (("rate", rate), ("skip", skip)))
    scanned = insertion.call(torch.ops.smidgen.selective_scan.default, u, delta, A, B, C, D, reverse)
    y.replace_all_uses_with(scanned)


def _assignments(ancestors: list[fx.Node], d: int, n: int) -> Iterator[tuple[fx.Node, ...]]:
    """Yield ways in which nodes may be u, delta (b, t, d) and B, C (b, t, n)."""
    channels, states = ([node for node in ancestors if _width(node) == width] for width in (d, n))
    for pair, other in product(permutations(channels, 2), permutations(states, 2)):
        if len({*pair, *other}) == _OPERANDS:
            yield (*pair, *other)


def _ancestors(y: fx.Node, constants: Mapping[str, Tensor]) -> tuple[list[fx.Node], list[fx.Node]]:
    """Return the nodes (b, t, w) that y is computed from, past those with an axis of states, and the constants."""
    found: dict[fx.Node, None] = {}
    fixed: dict[fx.Node, None] = {}
    waiting = list(y.all_input_nodes)
    seen: set[fx.Node] = set()
    while waiting:
        node = waiting.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.name in constants:
            fixed[node] = None
        elif _width(node) is not None and not _is_loop_result(node):
            found[node] = None
            if node.target in (aten.mul.Tensor, aten.add.Tensor):  # delta u in front of its product with B; D u
                waiting += [parent for parent in node.all_input_nodes if _width(parent) or parent.name in constants]
        else:
            waiting += node.all_input_nodes
    return [node for node in y.graph.nodes if node in found], list(fixed)  # u before D u, which it is where D is 1


def _is_loop_result(node: fx.Node) -> bool:
    """Return whether a node is what a loop emitted."""
    return any(is_loop(parent) for parent in node.all_input_nodes)


def _leads_only_to(node: fx.Node, y: fx.Node) -> bool:
    """Return whether whatever reads a node does so for y alone."""
    return all(
        user is y or (user.op != "output" and bool(user.users) and _leads_only_to(user, y)) for user in node.users
    )


def _width(node: fx.Node) -> int | None:
    """Return w of a node (b, t, w) of real numbers, None for any other."""
    value = node.meta.get("val")
    if not isinstance(value, Tensor) or value.dim() != 3 or not value.is_floating_point():
        return None
    return value.shape[2] if isinstance(value.shape[1], int) and isinstance(value.shape[2], int) else None
