import zipfile
from dataclasses import replace

import numpy as np
import pytest
from published_data import DATA, needs

from smidgen.data.protocols import Transfer
from smidgen.data.sets.movement_aal import ARCHIVE, FOLDER, PROTOCOLS, as_levels, load_movement_aal
from smidgen.errors import DataError
from smidgen.training.example_baselines import score_examples

WALK = "#RSS_anchor1, RSS_anchor2, RSS_anchor3, RSS_anchor4\n-0.9,-0.48,0.28571,0.3\n-0.57143, -0.32,1,-1\n"
LISTS = {
    "target": "#sequence_ID, class_label\n1,1\n2,-1\n10,-1\n",
    "DatasetGroup": "#sequence_ID, dataset_ID\n1,1\n2,2\n10,3\n",
    "Paths": "#sequence_ID, path_ID\n1,1\n2,4\n10,6\n",
}


def write(root, walks=(1, 2, 10), walk=WALK, **changed):
    folder = root / FOLDER
    folder.mkdir()
    with zipfile.ZipFile(folder / ARCHIVE, "w") as archive:
        for number in walks:
            archive.writestr(f"dataset/MovementAAL_RSS_{number}.csv", walk if number == 2 else WALK)
    for name, text in (LISTS | changed).items():
        (folder / f"MovementAAL_{name}.csv").write_text(text)
    return root


def test_walks_come_by_number_with_what_the_lists_say(tmp_path):
    """10 after 2, whatever the order in the archive; labels, environments and paths belong to their walk."""
    examples = load_movement_aal(write(tmp_path))
    assert examples.group.tolist() == ["1", "2", "10"]
    assert [examples.classes[label] for label in examples.label] == ["changes room", "stays", "stays"]
    assert examples.tag("environment").tolist() == ["1", "2", "3"]
    assert examples.tag("path").tolist() == ["1", "4", "6"]
    assert examples.values[0].tolist() == np.float32([[-0.9, -0.48, 0.28571, 0.3], [-0.57143, -0.32, 1, -1]]).tolist()


def test_rescaled_levels_are_no_dbm(tmp_path):
    """They cannot be fed to a graph that takes levels of radios."""
    with pytest.raises(DataError, match=r"holds values in levels rescaled to -1\.\.1, not levels of radios"):
        load_movement_aal(write(tmp_path)).rssi_codes()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"walks": (1, 10)}, r"2 walks and 3 lines; walk 2 is missing in MovementAAL_RSS\.zip"),
        ({"Paths": LISTS["Paths"][:-5]}, r"3 walks and 2 lines; walk 10 is missing in MovementAAL_Paths\.csv"),
        ({"target": LISTS["target"].replace("1,1", "1,0")}, r"target\.csv:2: expected class_label to be one of"),
        ({"DatasetGroup": LISTS["DatasetGroup"].replace("2,2", "2,4")}, r"csv:3: expected dataset_ID to be one of"),
        ({"walk": WALK.replace("-0.48", "-48")}, r"csv:2: expected a level rescaled .*anchor2, found -48"),
        ({"walk": WALK.replace("anchor4", "anchor5")}, r"RSS_2\.csv:1: expected column 4 to be RSS_anchor4"),
        ({"walk": WALK[:-1]}, r"RSS_2\.csv:3: expected a newline after the last line"),
        ({"walks": (1, 2, "x")}, r"RSS_x\.csv: expected a name like MovementAAL_RSS_7\.csv"),
    ],
)  # fmt: skip
def test_what_is_not_the_set_is_refused(tmp_path, changed, message):
    """Walks and lists must be of the same numbers, classes and environments known, levels rescaled, files whole."""
    with pytest.raises(DataError, match=message):
        load_movement_aal(write(tmp_path, **changed))


def test_walks_are_spread_over_what_a_front_end_reads(tmp_path):
    """-1 becomes -110 dBm and 1 becomes -30 dBm, in between in proportion; now they have codes."""
    examples = load_movement_aal(write(tmp_path))
    first = replace(examples, values=[np.array([[-1, 1, 0, 0.5]], dtype=np.float32)] * len(examples))
    assert as_levels(first).rssi_codes()[0].tolist() == [[-110, -30, -70, -50]]


@needs(FOLDER)
def test_the_published_set_is_as_its_page_says():
    """314 walks, 13,197 steps, 19 to 129 a walk; classes 158 and 156; environments 104, 106 and 104."""
    examples = load_movement_aal(DATA)
    lengths = [len(steps) for steps in examples.values]
    assert (len(examples), sum(lengths), min(lengths), max(lengths)) == (314, 13_197, 19, 129)
    assert np.bincount(examples.label).tolist() == [156, 158]
    assert np.unique(examples.tag("environment"), return_counts=True)[1].tolist() == [104, 106, 104]


@pytest.mark.slow
@needs(FOLDER)
def test_a_forest_scores_as_the_page_says():
    """0.911 homogeneous, 0.802 from 1+2 to 3, 0.449 into 1: below chance. Ours, mean of three seeds, within 0.03."""
    examples = load_movement_aal(DATA)
    into_1 = Transfer(by="environment", train=("2", "3"), test=("1",))
    pages = ((PROTOCOLS["homogeneous"], 0.911), (PROTOCOLS["heterogeneous"], 0.802), (into_1, 0.449))
    for protocol, expected in pages:
        scores = [score_examples(examples, protocol, name="random-forest", seed=seed).macro_f1 for seed in range(3)]
        assert np.mean(scores) == pytest.approx(expected, abs=0.03)
