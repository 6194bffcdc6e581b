import zipfile

import numpy as np
import pytest
from published_data import DATA, needs

from smidgen.data.sets.ujiindoorloc import ABOUT, ACCESS_POINTS, ARCHIVE, FOLDER, PROTOCOLS, load_ujiindoorloc
from smidgen.errors import ConfigError, DataError
from smidgen.training.example_baselines import score_examples

HEADER = ",".join((*ACCESS_POINTS, *ABOUT))


def line(*, level=-70, x=-7541.25, floor=2, building=1, space=106, user=2):
    return f"{level}" + ",100" * 519 + f",{x},4864920.5,{floor},{building},{space},2,{user},23,1371713733"


TRAINING = [
    line(),
    line(),
    line(space=107, user=3, x=-7531.25),
    line(floor=0, building=0, space=106, level=100, user=4),
]
VALIDATION = [line(space=0, user=0), line(space=0, user=0, floor=0, building=0)]


def write(root, *, training=TRAINING, validation=VALIDATION, header=HEADER):
    (root / FOLDER).mkdir()
    with zipfile.ZipFile(root / FOLDER / ARCHIVE, "w") as archive:
        archive.writestr("trainingData.csv", "\n".join((header, *training)) + "\n")
        archive.writestr("validationData.csv", "\n".join((header, *validation)) + "\n")
    return root


def test_both_files_ask_for_building_and_floor(tmp_path):
    """Levels, classes, file and user as written; repeated and unheard rows are counted; positions in ground metres."""
    examples = load_ujiindoorloc(write(tmp_path))
    assert examples.classes == ("building 0 floor 0", "building 1 floor 2")
    assert examples.label.tolist() == [1, 1, 1, 0, 1, 0]
    assert examples.tag("file").tolist() == ["training"] * 4 + ["validation"] * 2
    assert examples.values[0][0, 0] == -70
    assert np.isnan(examples.values[0][0, 1:]).all()
    assert examples.counts == {
        "rows_training": 4, "rows_validation": 2, "rows_unheard": 1, "rows_repeated_in_training": 1,
    }  # fmt: skip
    assert examples.position_m[2, 0] - examples.position_m[0, 0] == pytest.approx(7.66, abs=0.01)
    (fold,) = PROTOCOLS["published"].folds(examples)
    assert fold.test.tolist() == [4, 5]


def test_spaces_come_from_the_training_file_alone(tmp_path):
    """The validation file hides them; the same number on another floor is another space."""
    examples = load_ujiindoorloc(write(tmp_path), task="space")
    assert examples.classes == (
        "building 0 floor 0 space 106",
        "building 1 floor 2 space 106",
        "building 1 floor 2 space 107",
    )
    assert set(examples.tag("file").tolist()) == {"training"}
    assert set(examples.group.tolist()) == {"training/2", "training/3", "training/4"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"validation": [line(space=9)]}, r"validationData\.csv:2: expected SPACEID 0, as the published file hides it"),
        ({"training": [line()[:-11]]}, r"trainingData\.csv:2: expected 529 cells, found 528"),
        ({"training": [line(level="loud")]}, r"trainingData\.csv:2: expected a number in column WAP001, found 'loud'"),
        ({"training": [line(level=50)]}, "example 0 holds 50 for WAP001"),
        ({"header": HEADER.replace("WAP002", "WAP2")}, "expected column 2 to be WAP002, found 'WAP2'"),
    ],
)
def test_what_is_not_the_set_is_refused(tmp_path, changes, message):
    """A validation file that tells spaces, malformed lines, impossible levels, other columns."""
    with pytest.raises(DataError, match=message):
        load_ujiindoorloc(write(tmp_path, **changes))


def test_an_unknown_task_is_refused(tmp_path):
    """Floors or spaces."""
    with pytest.raises(ConfigError, match="a task is one of floor, space; got 'room'"):
        load_ujiindoorloc(tmp_path, task="room")


@pytest.mark.slow
@needs(FOLDER)
def test_the_published_set_is_and_scores_as_its_page_says():
    """Rows, repeats, unheard rows and 735 spaces as listed; 13 classes of floor, a forest 0.888 within 0.02."""
    examples = load_ujiindoorloc(DATA)
    assert (len(examples.classes), dict(examples.counts)) == (13, {
        "rows_training": 19_937, "rows_validation": 1111, "rows_unheard": 76, "rows_repeated_in_training": 637,
    })  # fmt: skip
    scores = score_examples(examples, PROTOCOLS["published"], name="random-forest", seed=0)
    assert scores.macro_f1 == pytest.approx(0.888, abs=0.02)
    assert len(load_ujiindoorloc(DATA, task="space").classes) == 735
