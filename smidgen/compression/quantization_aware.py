"""Quantisation-aware training: a trained model is tuned through the numbers that its firmware will compute with.

The loss looks at what the integers give: weights rounded as they are stored, activations as they are held, recurrences
run in integers with their states in the loop. Gradients pass straight through (Bengio et al. 2013). By default the
model learns from its own float answers, so that no label is needed (LLM-QAT, Liu et al. 2023, Section 3).
Shapes: n windows, R classes; logits (n, R), or (n, t, R) with an answer for each step.
"""

import copy
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils import _pytree as pytree
from torch.utils.data import TensorDataset
from torchmetrics import MeanMetric

from smidgen.compression.calibration import Calibration, calibrate
from smidgen.compression.fake_quantized_module import FakeQuantizedModule
from smidgen.compression.inputs import Batch, as_batch, batches
from smidgen.compression.plan import Input, make_plan
from smidgen.compression.program import FloatProgram, import_model
from smidgen.compression.recipe import Recipe, find_recipe
from smidgen.errors import ConfigError, DataError, ExportError
from smidgen.training.batches import ordered_batches, shuffled_batches
from smidgen.training.checkpoint import is_complete, load_weights, open_run, read_result, tensors_fingerprint
from smidgen.training.classifier_training import ClassifierTraining
from smidgen.training.config import OptimizationConfig
from smidgen.training.distillation import distillation_loss
from smidgen.training.run import fit

UNLABELLED = -1
"""Label of an answer that only the float model teaches."""

#: Largest difference between the tuned module and the program that was trained, of the largest logit.
_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationAwareConfig(OptimizationConfig):
    """How a trained model is tuned: shortly, at a rate below that of its training."""

    epochs: int = 4
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    float_weight: float = 1.0  # of the float model's answers, against 1 - float_weight for the labels
    temperature: float = 1.0  # at which the float model's answers are matched
    learn_ranges: bool = True  # of int8 activations; otherwise those of calibration stay

    def __post_init__(self) -> None:
        OptimizationConfig.__post_init__(self)
        if not 0.0 <= self.float_weight <= 1.0:
            raise ConfigError(f"quantisation-aware training: float_weight must lie in [0, 1], got {self.float_weight}")
        if not self.temperature > 0.0:
            raise ConfigError(f"quantisation-aware training: temperature must be positive, got {self.temperature}")


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationAwareResult:
    """A tuned model with the ranges that belong to it: `smidgen.compile(model, ..., calibration=calibration)`."""

    model: nn.Module  # a tuned copy, in evaluation mode
    calibration: Calibration  # for `compile` and `stream`, under the recipe of the training
    recipe: Recipe
    run_folder: Path
    resumed_at: int  # epochs that earlier calls had done already
    seconds: float  # of this call
    validation_agreement: float | None  # share of answers that the float model gave too; None without validation


def quantize_aware(
    model: nn.Module,
    windows: Any,
    *,
    run_folder: str | Path,
    recipe: str | Path | Recipe = "int8",
    labels: Tensor | None = None,
    validation: Any = None,
    inputs: Mapping[str, Input] | None = None,
    config: QuantizationAwareConfig | None = None,
    progress: bool = True,
) -> QuantizationAwareResult:
    """Tune a trained classifier for the integers of a recipe; leave a run that a repeated call continues or reads back.

    Args:
        model: a trained module whose first output are logits (n, R) or (n, t, R); it is left untouched.
        windows: of the training set: a tensor, a tuple of tensors, or an iterable of such, batch first; they set the
            ranges too. labels: the class of each answer, in the shape of the logits without R, UNLABELLED where
            unknown; needed where `float_weight` is below 1.
        validation: windows whose agreement with the float model is logged; they decide nothing.
        recipe, inputs: as `smidgen.compile` will be given them. run_folder: of this training.

    Raises: ConfigError for a float recipe, missing labels or logits of another shape; CheckpointError where the folder
    belongs to another run; ExportError where the module cannot be captured with its weights as parameters.
    """
    started, folder = time.monotonic(), Path(run_folder)
    config, chosen = config or QuantizationAwareConfig(), find_recipe(recipe)
    if chosen.is_float:
        raise ConfigError(f"recipe {chosen.name} quantises nothing, so there is nothing to train for; choose int8")
    examples = _joined(windows)
    program = import_model(model, tuple(x[:1] for x in examples))
    calibration = calibrate(program, examples)
    trained = FakeQuantizedModule(
        program, make_plan(program, calibration, chosen, inputs), learn_ranges=config.learn_ranges
    )
    parts = {"train": _dataset(program, examples, labels, config)}
    if validation is not None:
        parts["validation"] = _dataset(program, _joined(validation), None, replace(config, float_weight=1.0))
    open_run(folder, {
        "model": tensors_fingerprint(trained.weights.state_dict().values()),
        "recipe": asdict(chosen),
        "inputs": {name: asdict(port) for name, port in (inputs or {}).items()},
        "training": asdict(config),
        "data": {part: tensors_fingerprint(dataset.tensors) for part, dataset in parts.items()},
    })  # fmt: skip
    resumed_at = config.epochs
    if not is_complete(folder):
        shuffled = shuffled_batches(parts["train"], batch_size=config.batch_size, seed=config.seed)
        scoring = ordered_batches(parts["validation"]) if "validation" in parts else None
        module = QuantizationAwareTraining(trained, config, n_steps=config.epochs * len(shuffled))
        resumed_at = fit(module, shuffled, scoring, folder, progress=progress)
    load_weights(trained, folder)
    tuned = copy.deepcopy(model).eval()
    trained.write_weights(tuned)
    _require_same(tuned, trained, tuple(x[:1] for x in examples))
    return QuantizationAwareResult(
        model=tuned,
        calibration=replace(calibration, learned=trained.learned),
        recipe=chosen,
        run_folder=folder,
        resumed_at=resumed_at,
        seconds=time.monotonic() - started,
        validation_agreement=read_result(folder).get("validation_agreement"),
    )


class QuantizationAwareTraining(ClassifierTraining):
    """Trains a fake-quantised module on batches of inputs, the float model's probabilities (b, ..., R), labels."""

    config: QuantizationAwareConfig

    def __init__(self, model: FakeQuantizedModule, config: QuantizationAwareConfig, *, n_steps: int) -> None:
        super().__init__(model, config, n_steps=n_steps)
        self.agreement = MeanMetric()

    def training_step(self, batch: Batch, batch_index: int) -> Tensor:
        *inputs, probabilities, label = batch
        logits = self.model(*inputs)[0]
        config = self.config
        loss = config.float_weight * distillation_loss(logits, probabilities, temperature=config.temperature)
        known = label.ne(UNLABELLED)
        if config.float_weight < 1.0 and known.any():
            told = F.cross_entropy(logits[known], label[known], label_smoothing=config.label_smoothing)
            loss = loss + (1.0 - config.float_weight) * told
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: Batch, batch_index: int) -> None:
        *inputs, probabilities, _ = batch
        self.agreement.update((self.model(*inputs)[0].argmax(-1) == probabilities.argmax(-1)).float())
        self.log("validation_agreement", self.agreement, prog_bar=True)


def _joined(windows: Any) -> Batch:
    """Return windows in any form as one batch."""
    columns = list(zip(*batches(windows), strict=True))
    if not columns:
        raise ConfigError("quantisation-aware training needs at least one window; pass windows of the training set")
    return as_batch(tuple(torch.cat(column) for column in columns))


def _dataset(
    program: FloatProgram, examples: Batch, labels: Tensor | None, config: QuantizationAwareConfig
) -> TensorDataset:
    """Return the inputs of each window, what the float program answers, and the labels."""
    program.check_inputs(examples)
    with torch.no_grad():
        probabilities = torch.cat([program.run(part)[0].softmax(-1) for part in batches(examples)])
    if probabilities.dim() < 2 or probabilities.shape[-1] < 2:
        raise ConfigError(
            f"quantisation-aware training matches logits over 2 classes or more, the first output of the model has "
            f"shape {tuple(probabilities.shape)}; return logits (batch, classes) or (batch, time, classes) first"
        )
    if labels is None:
        if config.float_weight < 1.0:
            raise ConfigError(
                f"float_weight {config.float_weight} leaves the rest to labels, and none are given; pass labels, or "
                "float_weight=1"
            )
        labels = torch.full(probabilities.shape[:-1], UNLABELLED)
    if labels.shape != probabilities.shape[:-1] or labels.max() >= probabilities.shape[-1] or labels.min() < UNLABELLED:
        raise DataError(
            f"labels must be {tuple(probabilities.shape[:-1])} integers from 0 to {probabilities.shape[-1] - 1}, or "
            f"{UNLABELLED}; got {tuple(labels.shape)}, {labels.min().item()} to {labels.max().item()}"
        )
    return TensorDataset(*examples, probabilities, labels.long())


def _require_same(model: nn.Module, trained: FakeQuantizedModule, example: Batch) -> None:
    """Raise ExportError unless the tuned module computes what the trained program does in float."""
    with torch.no_grad():
        expected = next(value for value in pytree.tree_leaves(model(*example)) if isinstance(value, Tensor))
        found = trained.float_outputs(*example)[0]
    if not torch.allclose(expected, found, rtol=0.0, atol=_TOLERANCE * max(1.0, float(expected.abs().max()))):
        raise ExportError(
            f"the exported graph of {type(model).__name__} holds copies of weights, which training cannot reach; tune "
            "a module whose layers use their parameters directly"
        )
