"""The best of sums with constant scores is one operator however it is spelled, and stays other operators elsewhere."""

import torch
from small_models import Functions, assert_equal_everywhere, lowered, normal

from smidgen.models.max_plus import max_plus

INPUTS = (normal(32, 6, 4),)
SCORES = -torch.rand(5, 4, generator=torch.Generator().manual_seed(0)) * 3

FORMS = {
    "as ours": lambda m, x: max_plus(x, SCORES),
    "scores in front": lambda m, x: (SCORES + x[:, :, None, :]).amax(3),
    "the maximum's values": lambda m, x: (x.unsqueeze(2) + SCORES).max(-1).values,
    "of one row": lambda m, x: max_plus(x[:, 0], SCORES),
}


def test_the_best_sum_is_one_operator() -> None:
    """Equal to PyTorch within rounding, in every recipe; no table of sums is left."""
    assert_equal_everywhere(FORMS, INPUTS, {"float32": 130.0, "int8-pure": 35.0, "int16": 70.0})
    kinds = [op.kind for op in lowered(Functions(FORMS, {}), INPUTS).graph.ops]
    assert kinds.count("max_plus") == len(FORMS)
    assert "add" not in kinds


def test_other_maxima_stay_maxima() -> None:
    """Computed scores, sums that others read, axes that stay, other axes: nothing of the kind is fused."""
    others = {
        "computed scores": lambda m, x: (x.unsqueeze(2) + x.unsqueeze(1)).amax(-1),
        "along the new axis": lambda m, x: (x.unsqueeze(2) + SCORES).amax(2),
        "axis kept": lambda m, x: (x.unsqueeze(2) + SCORES).amax(-1, keepdim=True),
        "read twice": lambda m, x: (lambda sums: sums.amax(-1) + sums.sum(-1))(x.unsqueeze(2) + SCORES),
    }
    assert_equal_everywhere(others, INPUTS, {"float32": 120.0, "int8-pure": 25.0, "int16": 60.0})
    kinds = [op.kind for op in lowered(Functions(others, {}), INPUTS).graph.ops]
    assert "max_plus" not in kinds
