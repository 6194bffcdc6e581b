"""The C generator: data and calls from a graph, kernels from files. Free of torch."""

from smidgen.codegen.bundle import Identity, Layer, Port, Program
from smidgen.codegen.c_text import check_program_name
from smidgen.codegen.emit import emit, kernel_text
from smidgen.codegen.optimization import OPTIMIZATIONS, Optimization, find_optimization

__all__ = [
    "OPTIMIZATIONS", "Identity", "Layer", "Optimization", "Port", "Program", "check_program_name", "emit",
    "find_optimization", "kernel_text",
]  # fmt: skip
