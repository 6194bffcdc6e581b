"""The keyword block of the peers, trained on spoken digits: published split, features, run folders."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from smidgen.data.log_mel import LogMelConfig, log_mel
from smidgen.data.spoken_digits import TEST_TAKES, Utterance, load_spoken_digits, split_by_take
from smidgen.models import KeywordConfig, KeywordSpotter
from smidgen.training import KeywordExamples, KeywordTrainingConfig, train_keywords

#: By name: what becomes of the decay rates A. The first keeps A_n = n a as S4D-real begins, the second learns each.
FORMS = {"A_n = n*a": KeywordConfig(learn_decay=False), "general A": KeywordConfig()}
VALIDATION_TAKES = range(5, 10)
_TRAINING = KeywordTrainingConfig(
    epochs=15, learning_rate=5e-3, longest_delay=20, loudness=0.3, masked_bands=8, label_smoothing=0.1
)


class SpokenDigits:
    """Examples of the published split, with takes of the training side set apart for choices."""

    def __init__(self, root: Path) -> None:
        published = split_by_take(load_spoken_digits(root), TEST_TAKES)
        inner = split_by_take(published.train, VALIDATION_TAKES)
        self.training = _examples(inner.train)
        self.validation = _examples(inner.test)
        self.test = _examples(published.test)

    def trained(self, form: str, *, seed: int, runs: Path) -> KeywordSpotter:
        """Train the block, or read back or continue the run in its folder under `runs`."""
        torch.manual_seed(seed)
        config = replace(_TRAINING, seed=seed)
        folder = runs / f"{'general' if FORMS[form].learn_decay else 'chain'}-{seed}"
        return train_keywords(
            KeywordSpotter(FORMS[form]), self.training, self.validation, config, folder, progress=False
        )


def _examples(utterances: tuple[Utterance, ...]) -> KeywordExamples:
    config = LogMelConfig()
    features = np.stack([log_mel(utterance.samples, config) for utterance in utterances])
    label = np.array([utterance.digit for utterance in utterances])
    return KeywordExamples(features=torch.from_numpy(features), label=torch.from_numpy(label))
