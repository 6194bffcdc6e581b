"""Follow a program layer by layer on this machine: the compiler makes every function tell when it is entered."""

import ctypes
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

from smidgen.verification.batch import AnyArray, as_bytes, check_batch, check_traced, empty_outputs, result_bytes
from smidgen.verification.host import HostModel
from smidgen.verification.symbols import SymbolTable
from smidgen.verification.toolchain import build_tracing_library

_WATCHER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class TracedHostModel(HostModel):
    """A program in this process of which the results of single layers can be seen."""

    def trace(self, inputs: Sequence[AnyArray]) -> dict[str, bytes]:
        """Return the bytes of every layer's result, by tensor, right after the layer has run on the last sample.

        Args: inputs as for `run`; where no state is kept, the last sample is enough. Errors as for `run`; DataError
        where there is no sample, or the last gives no output.
        """
        n, arrays = check_batch(self.program, inputs)
        check_traced(self.program, n)
        outputs = empty_outputs(self.program, 1)
        seen = [as_bytes(output, port)[0] for output, port in zip(outputs, self.program.outputs, strict=True)]
        traced = [layer for layer in self.program.layers if layer.result is not None]
        symbols = SymbolTable(Path(self._library._name))
        shift = self._address_of("host_init") - symbols["host_init"].address
        # A layer's result is whole when the next layer begins, or at the end.
        finished = {
            part.address + shift: before for before, after in pairwise(traced) for part in symbols.parts(after.function)
        }
        results: dict[str, bytes] = {}

        def entered(function: int) -> None:
            if function in finished:
                results.update(result_bytes(finished[function], self.program, self._context, seen))

        self._init()
        self._call_batch([array[:-1] for array in arrays])
        watcher = _WATCHER(entered)
        self._library.host_watch(watcher)
        try:
            self._call_batch([array[-1:] for array in arrays], earlier_calls=n - 1, outputs=outputs)
        finally:
            self._library.host_watch(None)
        for layer in traced[-1:]:
            results.update(result_bytes(layer, self.program, self._context, seen))
        return results

    def _build(self, folder: Path | None) -> Path:
        return build_tracing_library(self.program, folder)

    def _address_of(self, function: str) -> int:
        address = ctypes.cast(getattr(self._library, function), ctypes.c_void_p).value
        assert address is not None
        return address
