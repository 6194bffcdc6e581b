import numpy as np
import pytest
import torch

from smidgen.decoding import EvidenceConfig, Transitions, fixed_lag_max_product
from smidgen.errors import ConfigError
from smidgen.models import DecodedClassifier, DecoderConfig, LinearChainCRF, RoomDecoder, build_model, load_model

R = 5


def chain(seed=0):
    """Return transitions of R rooms that are mostly stayed in."""
    weights = np.random.default_rng(seed).random((R, R)) + 8 * np.eye(R)
    return Transitions(initial=np.full(R, 1 / R), matrix=weights / weights.sum(axis=1, keepdims=True))


def drawn_logits(n, seed=1):
    return np.random.default_rng(seed).normal(0, 2, size=(n, R))


def decoded(decoder, logits):
    with torch.no_grad():
        return decoder(torch.from_numpy(logits).float()[None])[0].double().numpy()


@pytest.mark.parametrize("delay", [0, 1, 2, 3])
def test_the_module_is_the_reference_some_decisions_late(delay):
    """Row t is what float64 says of decision t - delay; prior and sharpness are in the transitions."""
    logits, prior = drawn_logits(40), np.random.default_rng(2).dirichlet(np.full(R, 3.0))
    config = EvidenceConfig(alpha=0.5, sharpness=0.4)
    decoder = RoomDecoder.of(chain(), prior=prior, evidence=config, delay=delay)
    evidence = config.sharpness * (logits - config.alpha * np.log(prior))
    expected = fixed_lag_max_product(evidence, chain(), lag=delay)[: 40 - delay]
    scores = config.sharpness * decoded(decoder, logits)[delay:]
    np.testing.assert_allclose(expected, scores - scores.max(axis=1, keepdims=True), atol=1e-4)


def test_scores_stay_bounded_on_a_long_stream():
    """Renormalised at every decision: after 5,000 the spread is that of logits and transitions, not of their sum."""
    scores = decoded(RoomDecoder.of(chain()), drawn_logits(5000))
    assert (scores.max(axis=1) == 0).all()
    assert scores.min() > -2 * (8 + 2 * -np.log(chain().matrix.min()))


def test_several_frames_make_a_decision_by_their_mean():
    """With a hop of 3, 30 frames are 10 decisions."""
    frames = drawn_logits(30)
    decisions = frames.reshape(10, 3, R).mean(axis=1)
    at_decisions = decoded(RoomDecoder.of(chain()), decisions)
    np.testing.assert_allclose(at_decisions, decoded(RoomDecoder.of(chain(), hop=3), frames), atol=1e-5)


def test_the_first_rows_answer_for_nothing_and_later_logits_change_no_row():
    """Causal: what comes after decision t changes rows behind it alone."""
    decoder, logits = RoomDecoder.of(chain(), delay=2), drawn_logits(12)
    changed = logits.copy()
    changed[8:] *= -1
    before, after = decoded(decoder, logits), decoded(decoder, changed)
    np.testing.assert_array_equal(before[:8], after[:8])
    assert (before[8:] != after[8:]).any()


def test_a_crf_decodes_by_the_same_module():
    """With the starts and transitions of a CRF and all the delay there is, the first label is that of Viterbi."""
    torch.manual_seed(3)
    crf, n = LinearChainCRF(R), 6
    with torch.no_grad():
        for scores in (crf.start, crf.transition):
            scores.normal_(0.0, 3.0)
        crf.end.zero_()  # a stream has no end
    transitions = Transitions.from_scores(crf.start.detach().numpy(), crf.transition.detach().numpy())
    decoder = RoomDecoder.of(transitions, delay=n - 1)
    for seed in range(20):
        emissions = drawn_logits(n, seed)
        expected = crf.viterbi(torch.from_numpy(emissions).float()[None])[0, 0].item()
        assert expected == decoded(decoder, emissions)[-1].argmax()


def test_a_decoded_classifier_goes_to_a_folder_and_comes_back(tmp_path):
    """Classifier, transitions, delay and hop: the whole program of a wearable."""
    torch.manual_seed(0)
    classifier = build_model("gru", n_access_points=3, n_motion=6, n_rooms=R, d_model=8).eval()
    model = DecodedClassifier(classifier, RoomDecoder.of(chain(), delay=1, hop=2))
    rssi, motion = torch.full((1, 8, 3), -70.0), torch.randn(1, 8, 6)
    read = load_model(model.save_pretrained(tmp_path))
    assert read.config == model.config
    with torch.no_grad():
        assert model(rssi, motion).shape == (1, 4, R)
        torch.testing.assert_close(model(rssi, motion), read(rssi, motion), rtol=0, atol=0)


def test_what_cannot_run_on_a_device_is_refused():
    """Transitions that can never be, priors of other rooms, other numbers of rooms, sizes out of range."""
    with pytest.raises(ConfigError, match="needs a weight above 0 for every transition"):
        RoomDecoder.of(Transitions(initial=np.full(2, 0.5), matrix=np.array([[1.0, 0.0], [0.5, 0.5]])))
    with pytest.raises(ConfigError, match="prior of 5 rooms must be above 0 for each"):
        RoomDecoder.of(chain(), prior=np.array([0.5, 0.5]))
    with pytest.raises(ConfigError, match="delay must be at least 0 and at most 8, got 9"):
        DecoderConfig(n_rooms=R, delay=9)
    with pytest.raises(ConfigError, match="hop must be at least 1, got 0"):
        DecoderConfig(n_rooms=R, hop=0)
    classifier = build_model("gru", n_access_points=3, n_motion=6, n_rooms=R + 1, d_model=8)
    with pytest.raises(ConfigError, match="a classifier of 6 rooms does not go with a decoder of 5"):
        DecodedClassifier(classifier, RoomDecoder.of(chain()))
