"""The C generator: data and calls from a graph, kernels from files. Free of torch."""

from smidgen.codegen.bundle import Identity, Layer, Port, Program
from smidgen.codegen.c_text import check_program_name
from smidgen.codegen.emit import emit, kernel_text

__all__ = ["Identity", "Layer", "Port", "Program", "check_program_name", "emit", "kernel_text"]
