"""The keyword block as other benchmarks compile it: untrained, as its cost does not depend on weights."""

from dataclasses import replace

import torch
from torch import Tensor

import smidgen
from smidgen.compression import Recipe
from smidgen.firmware import Firmware
from smidgen.models import KeywordConfig, KeywordSpotter
from smidgen.targets import find_target

FRAMES = 100
#: A board that holds whatever there is to measure: the float window takes more than the smallest boards have.
BOARD = replace(find_target("cortex-m4"), flash_bytes=1 << 20, ram_bytes=1 << 20)


def compile_keyword_program(recipe: str) -> Firmware:
    """Compile the block twice and return the second, which is warm; other weights, so that no build is cached."""
    windows = torch.rand(64, FRAMES, KeywordConfig().d_input, generator=torch.Generator().manual_seed(0)) * 3.0
    for seed in range(2):
        torch.manual_seed(seed)
        firmware = compile_spotter(KeywordSpotter(KeywordConfig()), recipe, windows)
    return firmware


def compile_spotter(model: KeywordSpotter, recipe: str | Recipe, calibration: Tensor) -> Firmware:
    """Compile a spotter as it is deployed: features (b, T, F) in, logits out."""
    return smidgen.compile(
        model.eval(), calibration[:1], calibration=calibration, target=BOARD, recipe=recipe, name="keyword"
    )
