"""A delivery: everything that a compiled program hands to the person who builds the device, as files in memory."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import metadata

from smidgen.codegen import Identity, Port, Program
from smidgen.delivery.manifest import DeliveredFile, DeliveredPort, Manifest
from smidgen.delivery.packaging import packaging_files
from smidgen.errors import ConfigError
from smidgen.ir import Graph, graph_files
from smidgen.records import Measurement
from smidgen.targets import Target

#: What decides the bytes of a delivery. The torch-free half delivers without torch.
_MAKERS = ("smidgen", "torch", "numpy", "ziglang", "unicorn")


def _installed_versions() -> dict[str, str]:
    versions = {}
    for name in _MAKERS:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return versions


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One program with its proofs: the graph that it was made from, and what was measured."""

    program: Program
    graph: Graph
    target: Target
    recipe: str
    measurement: Measurement
    parameters: int  # trained values of the model
    versions: Mapping[str, str] = field(default_factory=_installed_versions)  # of what made it

    @property
    def identity(self) -> Identity:
        """What tells the program from all others; raises ConfigError for one that was written by hand."""
        if self.program.identity is None:
            raise ConfigError(f"program {self.program.name} has no identity; only generated programs can be delivered")
        return self.program.identity

    def files(self) -> dict[str, bytes]:
        """Return the contents by path: C in `src/`, the graph in `graph/`, and a manifest for every build system."""
        texts = {f"src/{name}": text for name, text in self.program.files.items()}
        contents = {
            path: text.encode() for path, text in {**texts, **packaging_files(self.program, self.identity)}.items()
        }
        return contents | {f"graph/{name}": content for name, content in graph_files(self.graph).items()}

    def manifest(self, files: Mapping[str, bytes]) -> Manifest:
        """Return the manifest of `files`."""
        return Manifest(
            name=self.program.name,
            recipe=self.recipe,
            target=self.target.name,
            entry=self.program.entry,
            model_sha256=self.identity.model_sha256,
            weights_sha256=self.identity.weights_sha256,
            known_answer_crc32=f"0x{self.identity.known_answer_crc32:08X}",
            has_float_outputs=any(port.dtype == "float32" for port in self.program.outputs),
            parameters=self.parameters,
            inputs=tuple(self._port(port) for port in self.program.inputs),
            outputs=tuple(self._port(port) for port in self.program.outputs),
            measurement=self.measurement,
            versions=self.versions,
            files={path: DeliveredFile.of(content) for path, content in files.items()},
        )

    def _port(self, port: Port) -> DeliveredPort:
        tensor = self.graph[port.name]
        return DeliveredPort(
            name=port.name,
            dtype=port.dtype,
            shape=port.shape,
            scale=tensor.qparams.scale if tensor.qparams else None,
            zero_point=tensor.qparams.zero_point if tensor.qparams else None,
            unit=tensor.quantity.unit,
            axes=tensor.quantity.axes,
            description=tensor.quantity.description,
        )
