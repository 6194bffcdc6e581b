"""The constants of a graph as C arrays: named after their op and role, equal arrays stored once."""

import hashlib
from typing import Any

from numpy.typing import NDArray

from smidgen.codegen.c_text import array_definition, identifier
from smidgen.codegen.stored_form import stored_form
from smidgen.ir.graph import Graph


class Constants:
    """C arrays of one graph in order of use."""

    def __init__(self, graph: Graph) -> None:
        self._prefix = graph.name
        self._names: dict[tuple[str, bytes], str] = {}
        self._of_params: dict[tuple[str, str], str] = {}
        self.arrays: dict[str, NDArray[Any]] = {}
        for home, op in graph.nested_ops():
            for name in op.inputs:
                data = home[name].data
                if data is not None:
                    self._add(name, data)
            for role, array in stored_form(home, op).items():
                self._of_params[op.name, role] = self._add(f"{op.name}_{role}", array)

    def _add(self, label: str, array: NDArray[Any]) -> str:
        key = (array.dtype.str, array.tobytes())
        if key not in self._names:
            name = f"{self._prefix}_{identifier(label)}"
            while name in self.arrays:
                name += "_"
            self._names[key] = name
            self.arrays[name] = array
        return self._names[key]

    def symbol(self, array: NDArray[Any]) -> str:
        """Return the C name of an array's contents."""
        return self._names[(array.dtype.str, array.tobytes())]

    def param(self, op: str, role: str) -> str:
        """Return the C name of an op's array, by its role in the form in which it is stored."""
        return self._of_params[op, role]

    @property
    def n_bytes(self) -> int:
        """Bytes of flash that the arrays take."""
        return sum(array.nbytes for array in self.arrays.values())

    @property
    def sha256(self) -> str:
        """Hash of all contents in order, hexadecimal."""
        digest = hashlib.sha256()
        for array in self.arrays.values():
            digest.update(array.tobytes())
        return digest.hexdigest()

    def header(self) -> str:
        """Return the definitions of all arrays."""
        return "\n".join(array_definition(name, array) for name, array in self.arrays.items())
