"""Spoken digits load as published, whole or not at all; takes part them."""

import io
import os
import re
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest

from smidgen.data import leave_one_out, load_spoken_digits, split_by_take
from smidgen.data.spoken_digits import DIGITS, SPEAKERS, TAKES, TEST_TAKES, count_spoken_digits
from smidgen.errors import DataError

DATA = Path(os.environ.get("SMIDGEN_DATA", Path(__file__).parents[3] / "shared" / "data"))


def recording(samples=(1, -2, 3), *, channels=1, width=2, rate=8000):
    """Return the bytes of a WAV file."""
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.array(samples, "<i2").tobytes())
    return content.getvalue()


def collection(**changed):
    """Return all files of the data set by name, some with other bytes, None for one that is missing."""
    files = {f"{digit}_{speaker}_{take}.wav": None for digit in DIGITS for speaker in SPEAKERS for take in TAKES}
    return {**dict.fromkeys(files, recording()), **changed}


def write(root, files):
    """Write the archive as it is published, and return the root."""
    (root / "fsdd").mkdir()
    with zipfile.ZipFile(root / "fsdd" / "recordings.zip", "w") as archive:
        for name, content in files.items():
            if content is not None:
                archive.writestr(name, content)
    return root


def refuses(root, message):
    """Assert that loading fails with a message that holds `message`."""
    with pytest.raises(DataError, match=re.escape(message)):
        load_spoken_digits(root)


def test_the_archive_and_its_folder_become_the_same_utterances(tmp_path):
    """Digit, speaker and take come from the name, samples from the file, zipped or unpacked, whatever root is named."""
    root = write(tmp_path, collection(**{"7_theo_12.wav": recording([5, -32768, 32767])}))
    zipped = load_spoken_digits(root)
    assert len(zipped) == 3000
    (one,) = (utterance for utterance in zipped if utterance.name == "7_theo_12")
    assert (one.digit, one.subject, one.take) == (7, "theo", 12)
    assert one.samples.tolist() == [5, -32768, 32767]
    with zipfile.ZipFile(root / "fsdd" / "recordings.zip") as archive:
        archive.extractall(root / "fsdd" / "recordings")
    (root / "fsdd" / "recordings.zip").unlink()
    unpacked = load_spoken_digits(root / "fsdd")
    assert [utterance.name for utterance in unpacked] == [utterance.name for utterance in zipped]
    assert all(a.samples.tolist() == b.samples.tolist() for a, b in zip(unpacked, zipped, strict=True))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"3_theo_4.wav": None}, "1 of 3000 utterances are missing, the first 3_theo_4.wav"),
        ({"3_nobody_4.wav": recording()}, "3_nobody_4.wav: expected a digit, one of george, jackson"),
        ({"3_theo_50.wav": recording()}, "3_theo_50.wav: expected a digit, one of george, jackson"),
        ({"3_theo_4.wav": recording(rate=16000)}, "expected 1 channel of 16 bit at 8000 Hz, found (1, 16, 16000)"),
        ({"3_theo_4.wav": recording([1, 2], channels=2)}, "of 16 bit at 8000 Hz, found (2, 16, 8000)"),
        ({"3_theo_4.wav": recording(width=1)}, "expected 1 channel of 16 bit at 8000 Hz, found (1, 8, 8000)"),
        ({"3_theo_4.wav": recording()[:-2]}, "expected 3 samples from its header, found 2: the file is truncated"),
        ({"3_theo_4.wav": recording(())}, "expected 0 samples from its header, found 0"),
        ({"3_theo_4.wav": recording()[:20]}, "3_theo_4.wav: expected a WAV recording, found a truncated one"),
        ({"3_theo_4.wav": b"MThd" + bytes(60)}, "expected a WAV recording, found file does not start with"),
    ],
    ids=["missing", "speaker", "take", "rate", "stereo", "8 bit", "truncated", "empty", "header cut", "no WAV"],
)  # fmt: skip
def test_what_is_not_the_data_set_is_refused(tmp_path, changed, message):
    """A missing, unknown or damaged recording is named, with what was expected and what was found."""
    refuses(write(tmp_path, collection(**changed)), message)


def test_a_damaged_archive_is_refused(tmp_path):
    """An archive cut short, and a folder without one, say what to do."""
    root = write(tmp_path, collection())
    archive = root / "fsdd" / "recordings.zip"
    archive.write_bytes(archive.read_bytes()[:-1000])
    refuses(root, "recordings.zip: expected a zip archive, found a damaged one")
    archive.unlink()
    refuses(root, "expected fsdd/recordings.zip or fsdd/recordings/, found neither. Fetch the data set")


def test_recordings_are_counted_where_they_lie(tmp_path):
    """As many as there are, complete or not; none where the data set is not here."""
    assert count_spoken_digits(tmp_path) == 0
    assert count_spoken_digits(write(tmp_path, {"0_theo_1.wav": recording(), "0_theo_2.wav": recording()})) == 2


def test_takes_part_every_speaker_and_digit(tmp_path):
    """The published split tests 5 takes of each of 6 speakers and 10 digits; parts are disjoint; none may be empty."""
    utterances = load_spoken_digits(write(tmp_path, collection()))
    split = split_by_take(utterances, TEST_TAKES)
    assert (len(split.train), len(split.test)) == (2700, 300)
    assert {utterance.take for utterance in split.test} == {0, 1, 2, 3, 4}
    assert not {u.name for u in split.train} & {u.name for u in split.test}
    for held_out in ((), (77,), TAKES):
        with pytest.raises(DataError, match="of 3000 utterances"):
            split_by_take(utterances, held_out)


def test_a_speaker_is_held_out_whole(tmp_path):
    """Leave-one-speaker-out: six folds, in each one speaker's 500 utterances and none of them in training."""
    splits = list(leave_one_out(load_spoken_digits(write(tmp_path, collection())), by="subject"))
    assert [{u.subject for u in split.test} for split in splits] == [{speaker} for speaker in SPEAKERS]
    assert all(len(split.test) == 500 and len(split.train) == 2500 for split in splits)


@pytest.mark.skipif(
    not (DATA / "fsdd" / "recordings.zip").exists(), reason=f"the spoken digits are not in {DATA}; set SMIDGEN_DATA"
)
def test_the_published_recordings_are_as_described():
    """3,000 utterances of 1,148 to 18,262 samples, 3,358 in the middle, as the data set's page says."""
    lengths = np.array([len(utterance.samples) for utterance in load_spoken_digits(DATA)])
    assert (len(lengths), lengths.min(), lengths.max(), np.median(lengths)) == (3000, 1148, 18262, 3358.5)
