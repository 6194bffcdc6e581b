"""What goes into a model: batches of tensors, in the forms in which people hold them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from smidgen.errors import ConfigError

Batch = tuple[Tensor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Inputs of a module: `keywords` are the names under which it takes them, empty where it takes them by position."""

    values: Batch
    keywords: tuple[str, ...] = ()

    @classmethod
    def of(cls, inputs: Any) -> "Example":
        """Return a tensor, a sequence of tensors or tensors by name as an example."""
        return cls(values=as_batch(inputs), keywords=tuple(inputs) if isinstance(inputs, Mapping) else ())

    @property
    def args(self) -> Batch:
        """Positional arguments."""
        return () if self.keywords else self.values

    @property
    def kwargs(self) -> dict[str, Tensor]:
        """Arguments by name."""
        return dict(zip(self.keywords, self.values, strict=True)) if self.keywords else {}

    @property
    def first(self) -> "Example":
        """The first sample, in a batch of one."""
        return replace(self, values=tuple(x[:1] for x in self.values))

    @property
    def doubled(self) -> "Example":
        """A batch of at least two: torch takes a batch of one for a size that is always one."""
        return replace(self, values=tuple(torch.cat([x, x]) if x.shape[0] == 1 else x for x in self.values))

    def run(self, model: nn.Module) -> Any:
        """Return what a module gives for copies of the inputs."""
        copies = replace(self, values=tuple(x.clone() for x in self.values))
        return model(*copies.args, **copies.kwargs)

    def ordered(self, names: Sequence[str]) -> Batch:
        """Return the inputs in the order of these names, where they have names."""
        given = self.kwargs
        return tuple(given[name] for name in names) if set(given) == set(names) else self.values


def as_batch(inputs: Any, names: Sequence[str] = ()) -> Batch:
    """Return a tensor, a sequence of tensors, or tensors by name as a tuple of tensors.

    Args: names, the order of named tensors; by default their own. Raises ConfigError for anything else.
    """
    if isinstance(inputs, Mapping):
        if names and set(inputs) != set(names):
            raise ConfigError(f"the model takes inputs {', '.join(names)}, got {', '.join(map(str, inputs))}")
        inputs = tuple(inputs[name] for name in names or inputs)
    values = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs) if isinstance(inputs, Iterable) else ()
    if not values or not all(isinstance(value, Tensor) for value in values):
        raise ConfigError("inputs must be a tensor, a tuple of tensors, or tensors by name, batch first")
    return values


def batches(data: Any, names: Sequence[str] = (), *, size: int = 256) -> Iterator[Batch]:
    """Yield batches of at most `size` from a tensor, a tuple of tensors, tensors by name, or an iterable of such."""
    whole_tuple = isinstance(data, tuple) and all(isinstance(value, Tensor) for value in data)
    if isinstance(data, Tensor | Mapping) or whole_tuple:
        whole = as_batch(data, names)
        for start in range(0, whole[0].shape[0], size):
            yield tuple(value[start : start + size] for value in whole)
        return
    if not isinstance(data, Iterable):
        raise ConfigError(f"expected a tensor, a tuple of tensors or an iterable of such, got {type(data).__name__}")
    for part in data:
        yield as_batch(part, names)
