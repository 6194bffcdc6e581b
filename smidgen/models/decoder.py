"""Temporal decoding behind a classifier, as a module: compiled with it, the device answers with the decoded room.

The best path through each room is found with sums and maxima alone (max-plus algebra), so that its integers err by
rounding and nothing else. `decoding.fixed_lag_max_product` is the same in float64.
Shapes: b batch, t decisions (frames, where a decision has several), R rooms.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from smidgen.decoding import EvidenceConfig, Transitions
from smidgen.errors import ConfigError
from smidgen.models.classifier import ClassifierConfig, RoomClassifier
from smidgen.models.max_plus import max_plus
from smidgen.models.pretrained import PretrainedModel

MOST_DELAY = 8
"""Decisions: beyond that a device needs another algorithm, which keeps paths instead of walking back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecoderConfig:
    """Sizes of a decoder; its numbers are weights."""

    n_rooms: int  # R
    delay: int = 0  # decisions that an answer comes late, to hear what follows
    hop: int = 1  # frames of logits a decision; it takes their mean

    def __post_init__(self) -> None:
        for name, least, most in (("n_rooms", 2, None), ("delay", 0, MOST_DELAY), ("hop", 1, None)):
            value = getattr(self, name)
            if value < least or (most is not None and value > most):
                raise ConfigError(
                    f"{name} must be at least {least}{f' and at most {most}' if most else ''}, got {value}"
                )


class RoomDecoder(PretrainedModel):
    """Room logits (b, hop t, R) to scores (b, t, R) of the best path through each room, `delay` decisions late.

    Row t speaks of decision t - delay; the first `delay` rows answer for nothing. Scores are in units of logits: the
    evidence's sharpness divides the transitions instead. They stay within what logits and transitions span, however
    long the stream is; the largest is the room.
    """

    config_class = DecoderConfig
    expected: Tensor
    transitions: Tensor

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        n = config.n_rooms
        self.register_buffer("expected", torch.zeros(n))  # (R,) score of each room before the first decision
        self.register_buffer("transitions", torch.zeros(n, n))  # (R, R) room before by room after, its prior taken out

    @classmethod
    def of(
        cls,
        transitions: Transitions,
        *,
        prior: NDArray[np.floating] | None = None,
        evidence: EvidenceConfig | None = None,
        delay: int = 0,
        hop: int = 1,
    ) -> Self:
        """Return the decoder of a chain: learned, of a house graph, or a CRF's (`Transitions.from_scores`).

        Args: prior (R,), share of each room in training, which evidence.alpha divides out; without it none is. Logits
        have no floor, so the evidence's has no part in it.
        Raises ConfigError for a prior of other rooms, and for what can never be: a device keeps scores finite.
        """
        evidence = evidence or EvidenceConfig(alpha=0.0)
        if not (transitions.matrix.all() and transitions.initial.all()):
            raise ConfigError(
                "a decoder on a device needs a weight above 0 for every transition and every first room: learn with "
                "smoothing, or give adjacency_only a share elsewhere"
            )
        if prior is not None and not (prior.shape == (transitions.n_rooms,) and (prior > 0).all()):
            raise ConfigError(f"the prior of {transitions.n_rooms} rooms must be above 0 for each, got {prior}")
        unexpected = np.zeros(transitions.n_rooms) if prior is None else -evidence.alpha * np.log(prior)
        decoder = cls(DecoderConfig(n_rooms=transitions.n_rooms, delay=delay, hop=hop))
        decoder.expected.copy_(torch.from_numpy(transitions.log_initial / evidence.sharpness + unexpected))
        decoder.transitions.copy_(torch.from_numpy(transitions.log_matrix / evidence.sharpness + unexpected))
        return decoder.eval()

    def forward(self, logits: Tensor) -> Tensor:
        if self.config.hop > 1:
            logits = F.avg_pool1d(logits.transpose(1, 2), self.config.hop).transpose(1, 2)
        delay = self.config.delay
        filtered = self._filter(logits)
        return filtered if delay == 0 else _late(filtered, delay) + self._onward(logits)

    def _filter(self, evidence: Tensor) -> Tensor:
        """Return the score (b, t, R) of the best path that ends in each room, the best of each decision 0."""
        expected = self.expected.expand(evidence.shape[0], -1)
        into = self.transitions.t()  # room after by room before
        scores = []
        for t in range(evidence.shape[1]):
            reached = evidence[:, t] + expected
            score = reached - reached.amax(-1, keepdim=True)
            expected = max_plus(score, into)
            scores.append(score)
        return torch.stack(scores, 1)

    def _onward(self, evidence: Tensor) -> Tensor:
        """Return the score (b, t, R) of the best way on from each room at t - delay, by the evidence behind it."""
        heard = evidence
        for back in range(self.config.delay):
            onward = max_plus(heard, self.transitions)
            heard = _late(evidence, back + 1) + onward
        return onward


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedClassifierConfig:
    """A room classifier and the decoder behind it."""

    classifier: ClassifierConfig
    decoder: DecoderConfig

    def __post_init__(self) -> None:
        if self.classifier.n_rooms != self.decoder.n_rooms:
            raise ConfigError(
                f"a classifier of {self.classifier.n_rooms} rooms does not go with a decoder of {self.decoder.n_rooms}"
            )


class DecodedClassifier(PretrainedModel):
    """rssi (b, hop t, A) and motion (b, hop t, M) to decoded scores (b, t, R): the program of a wearable."""

    config_class = DecodedClassifierConfig

    def __init__(self, classifier: RoomClassifier, decoder: RoomDecoder) -> None:
        super().__init__()
        self.config = DecodedClassifierConfig(classifier=classifier.config, decoder=decoder.config)
        self.classifier = classifier
        self.decoder = decoder

    @classmethod
    def from_config(cls, config: DecodedClassifierConfig) -> Self:
        return cls(RoomClassifier(config.classifier), RoomDecoder(config.decoder))

    def forward(self, rssi: Tensor, motion: Tensor) -> Tensor:
        decoded: Tensor = self.decoder(self.classifier(rssi, motion))
        return decoded


def _late(x: Tensor, steps: int) -> Tensor:
    """Return x (b, t, R) later by so many steps, 0 before it."""
    return x if steps == 0 else F.pad(x, (0, 0, steps, 0))[:, : x.shape[1]]
