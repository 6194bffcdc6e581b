import json

import pytest
from command_line import smidgen
from recordings import every, make_recording

from smidgen.data.recording_file import load_recording, save_recording


@pytest.fixture(autouse=True)
def no_data_root(monkeypatch):
    """Tests name their folders themselves."""
    monkeypatch.delenv("SMIDGEN_DATA", raising=False)


def test_list_tells_what_is_here(tmp_path):
    """The simulated homes need no files; SPHERE's recordings are counted where they lie, here none."""
    (tmp_path / "sphere_challenge" / "train" / "00001").mkdir(parents=True)
    for root, found in ((tmp_path, 1), (tmp_path / "sphere_challenge" / "train", 0)):
        listed = json.loads(smidgen("data", "list", "--root", root, "--json").stdout)
        counted = {row["name"]: row["recordings"] for row in listed}
        assert (counted["simulated"], counted["sphere"], counted["spoken-digits"]) == (None, found, 0)
    assert "not here" in smidgen("data", "list", "--root", tmp_path / "sphere_challenge" / "train").stdout


def test_list_refuses_a_root_that_is_not_there(tmp_path):
    """A mistyped root is an error, not an empty list."""
    outcome = smidgen("data", "list", "--root", tmp_path / "nowhere")
    assert outcome.status == 1
    assert "found no such folder. Check --root." in outcome.stderr


def test_simulate_writes_a_recording_that_loads(tmp_path):
    """The file holds the recording of the seeds, and JSON on stdout tells where and how much."""
    out = tmp_path / "a.csv.gz"
    outcome = smidgen("data", "simulate", "--home-seed", 3, "--seed", 4, "--minutes", 1, "--out", out, "--json")
    told = json.loads(outcome.stdout)
    recording = load_recording(out)
    assert (outcome.status, told["path"], told["name"]) == (0, str(out), "simulated/home-3/4")
    assert told["counts"]["rows"] == len(recording.time_s)
    again = tmp_path / "b.csv.gz"
    smidgen("data", "simulate", "--home-seed", 3, "--seed", 4, "--minutes", 1, "--out", again)
    assert out.read_bytes() == again.read_bytes()


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ((), 2, "Missing option '--out'"),
        (("--out", "a.csv", "--minuts", 2), 2, "No such option: --minuts"),
        (("--out", "a.csv", "--minutes", "long"), 2, "Invalid value for '--minutes'"),
        (("--out", "a.csv", "--minutes", 0), 1, "--minutes must lie between 0.17 and 120, got 0"),
        (("--out", "a.csv", "--home-seed", -1), 1, "home seed must be 0 or more, got -1"),
        (("--out", "a.parquet", "--minutes", 1), 1, "written as .csv or .csv.gz, found the ending '.parquet'"),
        (("--out", "nowhere/a.csv", "--minutes", 1), 1, "nowhere/a.csv: could not be written"),
    ],
)
def test_simulate_refuses_what_it_cannot_do(tmp_path, monkeypatch, words, status, message):
    """Each wrong input has its message and leaves no file."""
    monkeypatch.chdir(tmp_path)
    outcome = smidgen("data", "simulate", *words)
    assert outcome.status == status
    assert message in outcome.stderr
    assert not list(tmp_path.iterdir())


def test_check_reports_every_recording_and_every_problem(tmp_path):
    """A bad file does not hide the good ones: all are listed, the problem is told, the status is 1."""
    save_recording(make_recording(every(0.1, 60.0)), tmp_path / "good.csv")
    (tmp_path / "bad.csv").write_text((tmp_path / "good.csv").read_text()[:-7])
    outcome = smidgen("data", "check", tmp_path, "--json")
    bad, good = json.loads(outcome.stdout)
    assert outcome.status == 1
    assert (bad["name"], good["name"], good["problem"]) == ("bad.csv", "test/1", None)
    assert "The file is truncated: fetch it again." in bad["problem"]
    assert bad["problem"] in outcome.stderr
    assert good["heard_share"] == {"kitchen": 1.0, "living": 1.0}
    assert good["rooms_visited"] == ["hall"]
    assert good["counts"]["decisions_kept"] == 29
    table = smidgen("data", "check", tmp_path).stdout
    assert "test/1" in table
    assert "bad.csv" in table


def test_check_of_one_good_file_succeeds(tmp_path):
    """The status is 0 and absent access points are marked."""
    recording = make_recording(every(0.1, 60.0))
    rssi = recording.rssi_dbm.copy()
    rssi[:, 1] = float("nan")
    save_recording(make_recording(every(0.1, 60.0), rssi_dbm=rssi, present=(True, False)), tmp_path / "a.csv")
    outcome = smidgen("data", "check", tmp_path / "a.csv")
    assert (outcome.status, outcome.stderr) == (0, "")
    assert "100 -" in outcome.stdout


def test_check_of_a_folder_without_recordings_says_what_it_looks_for(tmp_path):
    """An empty folder holds neither recordings nor a data set."""
    outcome = smidgen("data", "check", tmp_path)
    assert outcome.status == 1
    assert "expected recordings (.csv, .csv.gz) or sphere_challenge/train/, found neither" in outcome.stderr


def test_list_counts_the_files_of_published_sets(tmp_path):
    """Every localisation set of the catalogue is listed; files are counted where they lie, here of one set."""
    (tmp_path / "shib_calibration").mkdir()
    for name in ("1-1.csv.gz", "1-2.csv.gz", "README.md"):
        (tmp_path / "shib_calibration" / name).touch()
    counted = {
        row["name"]: row["recordings"]
        for row in json.loads(smidgen("data", "list", "--root", tmp_path, "--json").stdout)
    }
    assert counted == {
        "simulated": None, "sphere": 0, "shib-calibration": 2, "movement-aal": 0, "rtt-rss-imu": 0, "uji-ble": 0,
        "uci-wifi-localization": 0, "uci-ble-ibeacon": 0, "ujiindoorloc": 0, "sodindoorloc": 0, "sp-sw-har": 0,
        "spoken-digits": 0,
    }  # fmt: skip


def test_check_of_a_published_set_tells_what_each_part_holds(tmp_path):
    """Known by the name of its folder: examples with classes and groups, or the problem of the part that has one."""
    folder = tmp_path / "uci_wifi_localization"
    folder.mkdir()
    lines = [f"-60\t-56\t-61\t-66\t-71\t-82\t-81\t{row // 500 + 1}" for row in range(2000)]
    (folder / "wifi_localization.txt").write_text("\n".join(lines) + "\n")
    outcome = smidgen("data", "check", folder, "--json")
    (told,) = json.loads(outcome.stdout)
    assert (outcome.status, told["name"], told["examples"], told["groups"]) == (0, "uci_wifi_localization", 2000, 2000)
    assert told["classes"] == {f"room {number}": 500 for number in range(1, 5)}
    assert "uci_wifi_localization" in smidgen("data", "check", folder).stdout
    (folder / "wifi_localization.txt").write_text("\n".join(lines[:9]) + "\n")
    refused = smidgen("data", "check", folder, "--json")
    assert refused.status == 1
    assert json.loads(refused.stdout)[0]["problem"] in refused.stderr
    assert "expected 2000 lines, found 9" in refused.stderr
