"""An imported checkpoint is a model like any other: it compiles, and all executions agree."""

import numpy as np
import torch
from mamba_reference import FAMILIES, random_model
from small_models import normal, sqnr_db

import smidgen
from smidgen.importing import load_mamba


def test_an_imported_checkpoint_compiles() -> None:
    """mamba.py's stack of blocks over features in int8: 0 mismatching bytes, 25 dB against the float model."""
    state = random_model(
        np.random.default_rng(0), FAMILIES["mamba.py without head"], n_layers=1,
        d_model=8, d_inner=16, d_state=4, d_conv=4, rank=1,
    )  # fmt: skip
    model = load_mamba(state)
    firmware = smidgen.compile(model, normal(1, 12, 8), calibration=normal(64, 12, 8), name="imported")
    windows = normal(16, 12, 8, seed=1)
    report = firmware.check(windows, emulate=2)
    assert report.mismatched_bytes == 0
    with torch.no_grad():
        exact = model(windows).double().numpy()
    assert sqnr_db(firmware.run(windows).double().numpy(), exact) >= 25.0
