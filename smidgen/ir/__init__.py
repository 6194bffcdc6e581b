"""The integer graph: what a model means after compression, with its bit-exact reference interpreter. Free of torch."""

from smidgen.ir.graph import Graph, Op, Tensor
from smidgen.ir.interpret import interpret
from smidgen.ir.io import load_graph, save_graph
from smidgen.ir.spec import check_graph
from smidgen.ir.text import graph_text

__all__ = ["Graph", "Op", "Tensor", "check_graph", "graph_text", "interpret", "load_graph", "save_graph"]
