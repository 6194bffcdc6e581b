"""The C generator: data and calls from a graph, kernels from files. Free of torch."""

from smidgen.codegen.bundle import Identity, Layer, Port, Program
from smidgen.codegen.emit import emit, kernel_text

__all__ = ["Identity", "Layer", "Port", "Program", "emit", "kernel_text"]
