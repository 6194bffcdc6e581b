"""Graphs of legal attributes that together let a sum leave its register."""

from dataclasses import replace

import numpy as np
from graph_maker import INT16, SYMMETRIC, GraphMaker
from graphs import replaced
from planted_faults import (
    GRU,
    Faults,
    unchecked,
    with_attr,
    with_param,
)

from smidgen.ir import Graph
from smidgen.numerics.window import Window

#: Attributes that each are legal, and together let a sum leave its register.
BOUNDS: Faults = {
    "add of int8": (lambda _: narrow_add(multiplier_a=2**24), r"add.0: its sum can reach \d+, it must stay"),
    "mean": (lambda _: long_mean(), "mean.1: a mean over 131072 elements could overflow, 65538 are most"),
    "average": (lambda _: long_pool(), r"average_pool.0: its sum can reach \d+, it must stay below 2\*\*31"),
    "product": (with_attr("matmul", "prescale", 0), r"matmul.*: a sum of products can reach \d+, it must stay below 2"),
    "logarithm": (
        with_attr("log_softmax", "logit_multiplier", 2**54 - 1),
        r"log_softmax.*: a logarithm can reach \d+, it must stay below 2\*\*63",
    ),
    "sum": (lambda _: long_sum(), r"sum.1: its sum can reach \d+, it must stay below 2\*\*31"),
    "power of a moment": (with_attr("second_moment", "fraction_bits", 16), r"the power of a row can reach \d+"),
    "power of a group": (with_attr("group_norm", "epsilon", 2**62 - 1), r"group_norm.*: the power of a row can reach"),
    "power of a row": (with_attr("layer_norm", "epsilon", 2**62 - 1), r"the power of a row can reach \d+"),
    "root of a row": (with_attr("layer_norm", "root_shift", 3), r"root_shift must be \d+ for int"),
    "bias of a row": (
        with_param("rms_norm", "bias", lambda bias: np.full_like(bias, 2**31 - 1)), r"a product with its bias can reach"
    ),
    "mean of a row": (with_attr("layer_norm", "mean_multiplier", 2**31 - 1), "says more than the mean of 4 features"),
    "score": (lambda _: wide_attention(score_prescale=0), r"a score can reach \d+, it must stay below 2\*\*30"),
    "state": (
        with_attr("linear_attention", "state_shift", -16), r"the state could overflow after \d+ steps, it runs for 6"
    ),
    "a decay that grows": (
        with_param("linear_attention", "decay", np.negative), "a decay must not be negative, found -"
    ),
    "a sum of a recurrence": (
        with_attr("linear_attention", "output_prescale", 0), r"a scaled sum can reach \d+, it must stay below 2\*\*63"
    ),
    "bias": (with_attr("attention", "bias_shift", 30), r"a score can reach \d+, it must stay below 2\*\*30"),
    "values": (lambda _: wide_attention(value_shift=0), r"a sum of values can reach \d+, it must stay below"),
    "places": (with_attr("attention", "output_shift", -16), "output_shift -16 asks for a shift by 64, 62 is most"),
    "gate sum": (
        lambda g: replaced(
            g, GRU, attrs={**GRU.attrs, "input_multiplier": 2**31 - 1, "shift": -30},
            params={**GRU.params, "bias": np.full(12, 2**30, np.int32), "multiplier": np.full(12, 2**31 - 1, np.int32)},
        ),
        r"a gate sum can reach \d+, it must stay below 2\*\*63",
    ),
    "states": (lambda _: scan_of_many_states(), r"the sum over states can reach 2147483652, it must stay below"),
}  # fmt: skip


def narrow_add(**attrs: int) -> Graph:
    """Return a sum of int8 with other attributes."""
    m = GraphMaker()
    return unchecked(m, m.binary("add", m.input("a", 4), m.input("b", 4)), **attrs)


def long_mean() -> Graph:
    """Return a mean over 2**17 elements of int16, as a file may hold it."""
    m = GraphMaker()
    x = m.input("x", 2**17, 1, qparams=INT16)
    short = m.graph(m.mean(m.slice(x, 0, 0, 8), 0, INT16))
    return replace(short, ops=(replace(short.ops[-1], inputs=(x,)),))


def long_sum() -> Graph:
    """Return a sum over 2**17 elements of int16, as a file may hold it."""
    m = GraphMaker()
    x = m.input("x", 2**17, 1, qparams=INT16)
    short = m.graph(m.sum(m.slice(x, 0, 0, 8), 0, INT16))
    return replace(short, ops=(replace(short.ops[-1], inputs=(x,)),))


def long_pool() -> Graph:
    """Return the mean of windows of 2**16 elements of int16, as a file may hold it."""
    m = GraphMaker()
    graph = m.graph(m.average_pool(m.input("x", 2**16, 1, qparams=INT16), Window(size=(8, 1), stride=(2**16, 1))))
    return replaced(graph, graph.ops[0], attrs={**graph.ops[0].attrs, "size": (2**16, 1)})


def wide_attention(**attrs: int) -> Graph:
    """Return attention of int16 with other attributes."""
    m = GraphMaker()
    q = m.input("q", 4, 1, 4, qparams=INT16)
    return unchecked(m, m.attention(q, q, q), **attrs)


def scan_of_many_states() -> Graph:
    """Return a scan of 8 states, each of which may reach what 2 may."""
    m = GraphMaker()
    u, delta = m.input("u", 3, 2, qparams=SYMMETRIC), m.input("delta", 3, 2, qparams=INT16)
    B = m.input("B", 3, 8, qparams=INT16)
    return unchecked(m, m.selective_scan(u, delta, B, B), state_bits=29)
