import numpy as np
import pytest
from published_data import DATA, needs

from smidgen.data import LogMelConfig, log_mel
from smidgen.data.sets import fsdd
from smidgen.data.spoken_digits import DIGITS, FOLDER, SPEAKERS, TAKES, Utterance
from smidgen.training.example_baselines import score_examples

CONFIG = LogMelConfig(frames=2, n_bands=4)


@pytest.fixture
def examples(monkeypatch):
    """All utterances, each a short tone of its digit."""
    utterances = [
        Utterance(digit=digit, subject=speaker, take=take, samples=np.full(400, 99 * digit + take, dtype=np.int16))
        for digit in DIGITS
        for speaker in SPEAKERS
        for take in TAKES
    ]
    monkeypatch.setattr(fsdd, "load_spoken_digits", lambda root: utterances)
    return fsdd.load_fsdd("anywhere", CONFIG)


def test_utterances_become_log_mel_frames(examples):
    """Digit, speaker and features belong together."""
    assert examples.stacked().shape == (3000, 2, 4)
    at = 7 * 300 + 4 * 50 + 12
    assert (examples.classes[examples.label[at]], examples.tag("speaker")[at]) == ("7", "theo")
    assert examples.group[at] == "7_theo_12"
    expected = log_mel(np.full(400, 99 * 7 + 12, dtype=np.int16), CONFIG)
    assert examples.values[at].tolist() == expected.tolist()


def test_protocols_part_takes_or_speakers(examples):
    """The published one tests 5 takes of everybody and everything, the harder one a speaker never heard."""
    (published,) = fsdd.PROTOCOLS["published"].folds(examples)
    assert (len(published.train), len(published.test)) == (2700, 300)
    assert {name.rsplit("_")[2] for name in examples.group[published.test]} == set("01234")
    folds = list(fsdd.PROTOCOLS["leave-one-speaker-out"].folds(examples))
    speaker = examples.tag("speaker")
    assert [set(speaker[fold.test]) for fold in folds] == [{name} for name in SPEAKERS]
    assert all(not set(speaker[fold.train]) & set(speaker[fold.test]) for fold in folds)


@pytest.mark.slow
@needs(FOLDER)
def test_a_forest_scores_at_least_as_the_page_says():
    """0.98 on summaries of 40 bands, published split; the page has 0.936 on spectra coarser than these."""
    scores = score_examples(fsdd.load_fsdd(DATA), fsdd.PROTOCOLS["published"], name="random-forest", seed=0)
    assert scores.macro_f1 == pytest.approx(0.98, abs=0.015)
