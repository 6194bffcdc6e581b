import gzip

import numpy as np
import pytest
from published_data import DATA, needs

from smidgen.data.sets.sodindoorloc import ABOUT, FOLDER, PROTOCOLS, load_sodindoorloc
from smidgen.errors import ConfigError, DataError
from smidgen.training.example_baselines import score_examples

HEADER = ",".join(("MAC7", "MAC3", *ABOUT))
TRAINING = ["-50,100,1,2,4,3,1,1,1,1", "-51,100,1,2,4,3,1,1,1,2", "-60,-70,5,2,4,3,2,1,1,1", "100,-40,9,9,4,3,3,1,1,1"]
TESTING = ["-52,100,1.5,2,4,3,1,1,2,1", "100,100,7,9,4,3,2,1,2,1"]


def write(root, *, training=TRAINING, testing=TESTING, testing_header=HEADER):
    folder = root / FOLDER / "SYL"
    folder.mkdir(parents=True)
    for name, lines in (
        ("Training_SYL_AP_30", [HEADER, *training]),
        ("Testing_SYL_AP", [testing_header, *testing]),
    ):
        text = "".join(f"{line}\r\n" for line in lines)
        (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))
    return root


def test_rows_become_fingerprints_of_scenes(tmp_path):
    """100 is not detected; samples of one point in one file are a group; the published split goes by file."""
    examples = load_sodindoorloc(write(tmp_path), "SYL")
    assert examples.classes == ("corridor", "office", "meeting room")
    assert examples.label.tolist() == [0, 0, 1, 2, 0, 1]
    np.testing.assert_array_equal([[-50, np.nan]], examples.values[0])
    assert examples.features == ("MAC7", "MAC3")
    assert len(set(examples.group.tolist())) == 5
    assert examples.position_m[4].tolist() == [1.5, 2]
    (fold,) = PROTOCOLS["published"].folds(examples)
    assert (fold.train.tolist(), fold.test.tolist()) == ([0, 1, 2, 3], [4, 5])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"training": ["-50,100,1,2,4,3,4,1,1,1"]}, "expected SceneID to be one of 1, 2, 3, found 4"),
        ({"testing": ["-50,1,2,4,3,4,1,1,1"]}, r"Testing_SYL_AP\.csv\.gz:2: expected 10 cells, found 9"),
        ({"testing": ["-50,loud,1,2,4,3,1,1,1,1"]}, r"gz:2: expected a number in column MAC3, found 'loud'"),
        ({"testing": ["-50,40,1,2,4,3,1,1,1,1"]}, "holds 40 for MAC3"),
        ({"testing_header": HEADER.replace("MAC3", "MAC4")}, "expected column 2 to be MAC3, found 'MAC4'"),
    ],
)
def test_what_is_not_the_set_is_refused(tmp_path, changes, message):
    """Unknown scenes, malformed lines, impossible levels, other access points in the testing file."""
    with pytest.raises(DataError, match=message):
        load_sodindoorloc(write(tmp_path, **changes), "SYL")


def test_unknown_buildings_are_answered_with_the_nearest(tmp_path):
    """A mistyped building is an error."""
    with pytest.raises(ConfigError, match="no building is called 'SYl'; did you mean 'SYL'"):
        load_sodindoorloc(write(tmp_path), "SYl")


@needs(FOLDER)
def test_the_published_buildings_are_as_their_page_says():
    """Rows and access points as listed; CETC331 asks the floor, which 5 neighbours tell; HCXY has nothing to tell."""
    sizes = {}
    for building in ("CETC331", "SYL", "HCXY"):
        examples = load_sodindoorloc(DATA, building)
        sizes[building] = (*examples.counts.values(), len(examples.features), len(examples.classes))
        if building == "CETC331":
            scores = score_examples(examples, PROTOCOLS["published"], name="k-nearest-neighbours", seed=0)
            assert scores.macro_f1 == pytest.approx(1.0, abs=0.005)
    assert sizes == {"CETC331": (955, 840, 52, 3), "SYL": (8880, 1020, 46, 3), "HCXY": (11_370, 860, 56, 1)}


@pytest.mark.slow
@needs(FOLDER)
def test_a_forest_tells_scenes_as_the_page_says():
    """SYL: 0.976, within 0.01."""
    scores = score_examples(load_sodindoorloc(DATA, "SYL"), PROTOCOLS["published"], name="random-forest", seed=0)
    assert scores.macro_f1 == pytest.approx(0.976, abs=0.01)
