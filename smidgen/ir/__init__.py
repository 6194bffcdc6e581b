"""The integer graph: what a model means after compression, with its bit-exact reference interpreter. Free of torch."""

from smidgen.ir.clock import EVERY_FRAME, Clock
from smidgen.ir.graph import Graph, Op, Quantity, State, Tensor
from smidgen.ir.interpret import Stepper, interpret, interpret_frames
from smidgen.ir.io import graph_files, graph_sha256, load_graph, save_graph
from smidgen.ir.spec import check_graph
from smidgen.ir.text import graph_text

__all__ = [
    "EVERY_FRAME",
    "Clock",
    "Graph",
    "Op",
    "Quantity",
    "State",
    "Stepper",
    "Tensor",
    "check_graph",
    "graph_files",
    "graph_sha256",
    "graph_text",
    "interpret",
    "interpret_frames",
    "load_graph",
    "save_graph",
]
