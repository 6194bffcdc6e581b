"""Foreign models: small networks in the styles in which people publish them, none written with Smidgen in mind.

Each entry of `ZOO` builds a module and says what goes in; what it needs of the compiler is up to its author's taste.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.zoo import (
    convolutional,
    efficient_attention,
    mixers,
    recurrent,
    spectral,
    state_space,
    transformers,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Specimen:
    """One architecture: `build` makes the module, `shape` is its input without batch, `vocabulary` for token ids."""

    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    causal: bool  # along time, so that it has to stream
    vocabulary: int | None = None

    def model(self, seed: int = 0) -> nn.Module:
        """Return the module in evaluation mode, with every norm's statistics away from their defaults."""
        torch.manual_seed(seed)
        model = self.build().eval()
        with torch.no_grad():
            for module in model.modules():
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                    module.running_mean.uniform_(-0.3, 0.3)  # type: ignore[operator, union-attr]
                    module.running_var.uniform_(0.5, 1.5)  # type: ignore[operator, union-attr]
        return model

    def inputs(self, n: int, seed: int = 1) -> Tensor:
        """Return n random inputs: token ids, or smooth unit-variance signals."""
        generator = torch.Generator().manual_seed(seed)
        if self.vocabulary is not None:
            return torch.randint(self.vocabulary, (n, *self.shape), generator=generator)
        return torch.randn(n, *self.shape, generator=generator)


ZOO: Mapping[str, Specimen] = {
    family_name: Specimen(**entry)
    for family in (transformers, efficient_attention, recurrent, convolutional, state_space, spectral, mixers)
    for family_name, entry in family.SPECIMENS.items()
}
