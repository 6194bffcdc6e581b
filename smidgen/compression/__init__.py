"""From a float program to the numbers that stand for it: import, calibration, recipes, codecs, fake quantisation."""

from smidgen.compression.calibration import Calibration, calibrate
from smidgen.compression.fake_quantization import fake_quantize
from smidgen.compression.plan import Input, Plan, make_plan
from smidgen.compression.program import FloatProgram, import_model
from smidgen.compression.recipe import RECIPES, Recipe, Rule, find_recipe

__all__ = [
    "RECIPES", "Calibration", "FloatProgram", "Input", "Plan", "Recipe", "Rule", "calibrate", "fake_quantize",
    "find_recipe", "import_model", "make_plan",
]  # fmt: skip
