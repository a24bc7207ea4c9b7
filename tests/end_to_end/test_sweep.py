"""fqgan sweep: what the ledger lacks is trained, once; killed sweeps go on; tables and curves come out."""

import json
import pathlib
import re
import signal
import subprocess
import time

import pytest

from conftest import PROGRAM, RECIPE, one_line_error, run, write_class_folders, write_idx

SWEEP = """
seeds = [1, 2]
set = ["training.iterations=8"]
[[experiment]]
name = "plain"
recipe = "tiny.toml"
set = ["model.quantizer.taps=[]"]
[[experiment]]
name = "fq"
recipe = "tiny.toml"
seeds = [1]
"""


ONE = """
seeds = [1]
[[experiment]]
name = "one"
recipe = "tiny.toml"
set = ["training.iterations=8"]
"""


def prepare(folder, sweep=SWEEP, evaluation="[evaluation]\nevery = 4\ncount = 30\n"):
    write_idx(folder / "data")
    (folder / "tiny.toml").write_text(RECIPE.format(data=folder / "data") + evaluation)
    (folder / "sweep.toml").write_text(sweep)


def sweep(folder, *arguments):
    return run("sweep", "sweep.toml", *arguments, cwd=folder)


def ledger(folder):
    path = folder / "results" / "ledger.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_trains_what_the_ledger_lacks_and_nothing_twice(tmp_path):
    prepare(tmp_path)
    first = sweep(tmp_path)
    assert first.returncode == 0, first.stderr
    lines = ledger(tmp_path)
    assert [(line["experiment"], line["seed"]) for line in lines] == [("plain", 1), ("plain", 2), ("fq", 1)]
    assert all(line["iterations"] == 8 and line["outcome"] == "done" and line["seconds"] > 0 for line in lines)
    assert len({line["key"] for line in lines}) == 2
    name = next(name for name in lines[0]["metrics"] if name.startswith("fid/"))
    assert name in first.stdout and "| plain | 2 of 2 |" in first.stdout and " ± " in first.stdout
    assert (tmp_path / "results" / "sweep.md").read_text() == first.stdout
    assert (tmp_path / "results" / "sweep.png").read_bytes().startswith(b"\x89PNG")
    for line in lines:
        curve = [json.loads(row) for row in (tmp_path / line["curve"]).read_text().splitlines()]
        assert curve[-1]["step"] == 8 and curve[-1]["metrics"][name] == line["metrics"][name]

    again = sweep(tmp_path)
    assert again.returncode == 0 and "training" not in again.stderr
    assert len(ledger(tmp_path)) == 3 and again.stdout == first.stdout

    # A changed recipe is another experiment.
    (tmp_path / "sweep.toml").write_text(SWEEP.replace("iterations=8", "iterations=9"))
    dry = sweep(tmp_path, "--dry-run")
    assert dry.stderr.count("would train") == 3 and len(ledger(tmp_path)) == 3


def test_a_killed_sweep_goes_on_with_the_run_in_progress(tmp_path):
    prepare(tmp_path, SWEEP.replace("iterations=8", "iterations=1000").replace("seeds = [1, 2]", "seeds = [1]"))
    process = subprocess.Popen([PROGRAM, "sweep", "sweep.toml"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/sweep/*/checkpoints/*.safetensors")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143 and ledger(tmp_path) == []

    stopped = sweep(tmp_path, "--minutes", "0.0001")
    assert stopped.returncode == 0 and ledger(tmp_path) == []
    finished = sweep(tmp_path)
    assert finished.returncode == 0 and "going on with" in finished.stderr, finished.stderr
    assert [line["iterations"] for line in ledger(tmp_path)] == [1000, 1000]


def runs_still(process):
    status = pathlib.Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def last_step(folder):
    lines = (folder / "log.jsonl").read_text().splitlines()
    return json.loads(lines[-1])["step"] if lines else 0


@pytest.mark.parametrize("at_once", [False, True])
def test_a_sweep_that_is_killed_with_9_leaves_no_training_behind(tmp_path, at_once):
    prepare(tmp_path, ONE.replace("iterations=8", "iterations=150"), evaluation="")
    process = subprocess.Popen([PROGRAM, "sweep", "sweep.toml"], cwd=tmp_path, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/sweep/*/checkpoints/*.safetensors")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    folder = next(tmp_path.glob("runs/sweep/*"))
    training = int((folder / ".lock").read_text())
    assert training != process.pid and runs_still(training)
    process.kill()
    process.wait(timeout=60)
    if not at_once:  # else the next sweep waits for that training's end
        while runs_still(training):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert last_step(folder) < 150
    assert ledger(tmp_path) == []

    finished = sweep(tmp_path)
    assert finished.returncode == 0 and "going on with" in finished.stderr, finished.stderr
    assert not runs_still(training) and last_step(folder) == 150
    assert [(line["outcome"], line["iterations"]) for line in ledger(tmp_path)] == [("done", 150)]


def files_in(folder):
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_outputs_are_replaced_only_with_force_and_never_lie_among_the_images(tmp_path):
    prepare(tmp_path, ONE)
    images = write_class_folders(tmp_path / "images", ["zero", "one"])
    (tmp_path / "README.md").write_text("precious")
    (tmp_path / "plot.png").write_text("precious")
    before = files_in(tmp_path)
    for name in ("README", "plot"):
        one_line_error(sweep(tmp_path, "--out", name), "--out", name, "there already", "--force")
    one_line_error(sweep(tmp_path, "--force"), "--force")
    one_line_error(sweep(tmp_path, "--data", "images", "--out", images / "table"), "--out", "table.png", "images")
    one_line_error(sweep(tmp_path, "--data", "images", "--ledger", images / "l.jsonl"), "--out", "sweep.png", "images")
    one_line_error(sweep(tmp_path, "--ledger", "tiny.toml"), "--ledger", "input")
    (tmp_path / "tiny.toml").write_text((tmp_path / "tiny.toml").read_text().replace('/data"', '/images"'))
    one_line_error(sweep(tmp_path, "--out", images / "table"), "--out", "table.png", "images")
    assert (tmp_path / "README.md").read_text() == "precious" and files_in(tmp_path) == before
    prepare(tmp_path, ONE)
    assert sweep(tmp_path, "--out", "README", "--force").returncode == 0
    assert (tmp_path / "README.md").read_text().startswith("| ") and (tmp_path / "README.png").exists()
    log = next(tmp_path.glob("runs/sweep/*/log.jsonl"))
    one_line_error(sweep(tmp_path, "--ledger", log), "--ledger", "run folder")


def test_an_incomplete_last_line_is_trained_again_once_it_is_removed(tmp_path):
    prepare(tmp_path, ONE, evaluation="")
    assert sweep(tmp_path).returncode == 0
    path = tmp_path / "results" / "ledger.jsonl"
    whole = path.read_text()
    path.write_text("{}\n" + whole[: len(whole) // 2])
    one_line_error(sweep(tmp_path), path.name, "line 2", "remove that line")
    path.write_text("{}")
    again = sweep(tmp_path)
    assert again.returncode == 0 and "going on with" in again.stderr, again.stderr
    assert [line.get("key") for line in ledger(tmp_path)] == [None, json.loads(whole)["key"]]


def test_other_images_are_another_experiment(tmp_path):
    prepare(tmp_path, ONE, evaluation="")
    write_idx(tmp_path / "others", images=90)
    assert sweep(tmp_path).returncode == 0
    other = sweep(tmp_path, "--data", "others")
    assert other.returncode == 0 and "training runs/sweep/one-" in other.stderr, other.stderr
    lines = ledger(tmp_path)
    assert [line["data"] for line in lines] == ["", "others"]
    assert lines[0]["key"] != lines[1]["key"] and len(list((tmp_path / "runs" / "sweep").iterdir())) == 2
    for arguments in ([], ["--data", "others"]):
        assert "training" not in sweep(tmp_path, *arguments).stderr
    assert ledger(tmp_path) == lines


GOLDEN = """
family = "biggan"
seed = 5
threads = 1
[data]
resolution = 8
[training]
iterations = 8
[model]
batch = 4
[model.quantizer]
taps = ["block1"]
codes = 16
"""


def test_the_key_of_a_recipe_stays(tmp_path):
    """The ledger's lines are found by their keys alone: with another way to make keys, or another name of an option,
    days of trainings would be done again."""

    def key(recipe, *arguments):
        (tmp_path / "tiny.toml").write_text(recipe)
        (tmp_path / "sweep.toml").write_text('[[experiment]]\nname = "golden"\nrecipe = "tiny.toml"\n')
        found = re.search("would train golden-([0-9a-f]{8})-seed-1", sweep(tmp_path, "--dry-run", *arguments).stderr)
        return found[1]

    images = ["--data", "some/images"]
    assert key(GOLDEN, *images) == "b7a7bdbb"
    assert key(GOLDEN.replace("seed = 5", "seed = 6").replace("threads = 1", "threads = 2"), *images) == "b7a7bdbb"
    # A default that is written out differs from nothing.
    assert key(GOLDEN.replace("[training]", "[training]\ndecay_to = 0.0"), *images) == "b7a7bdbb"
    assert key(GOLDEN.replace("codes = 16", "codes = 17"), *images) != "b7a7bdbb"
    assert key(GOLDEN) != "b7a7bdbb"


@pytest.mark.parametrize("network, least", [("discriminator", 0), ("generator", 1)])
def test_a_run_that_diverges_is_recorded_and_not_tried_again(tmp_path, network, least):
    """D has two steps an iteration and diverges in the trial that measures the memory, before there is a run."""
    rate = f'set = ["training.iterations=8", "model.{network}.adam.learning_rate=1e30", "training.log_every=1"]'
    prepare(tmp_path, re.sub("set = .*", rate, ONE), evaluation="")
    first = sweep(tmp_path)
    assert first.returncode == 0 and "not finite" in first.stderr, first.stderr
    lines = ledger(tmp_path)
    assert [line["outcome"] for line in lines] == ["diverged"] and least <= lines[0]["iterations"] < 8
    assert "| one | 1 of 1, 1 diverged |" in first.stdout
    again = sweep(tmp_path)
    assert again.returncode == 0 and "training" not in again.stderr and again.stdout == first.stdout
    assert ledger(tmp_path) == lines


def refusal(folder, text):
    prepare(folder, text)
    result = sweep(folder)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert ledger(folder) == []
    return result.stderr


def test_bad_sweep_files_are_one_line(tmp_path):
    assert "'seeds'" in refusal(tmp_path, SWEEP.replace("seeds =", "sedes =", 1))
    assert "[[experiment]]" in refusal(tmp_path, "seeds = [1]\n")
    assert "'fq'" in refusal(tmp_path, SWEEP.replace('"plain"', '"fq"'))
    assert "seeds" in refusal(tmp_path, SWEEP.replace("[1, 2]", '["a"]'))
    assert "nothing.toml" in refusal(tmp_path, SWEEP.replace("tiny.toml", "nothing.toml"))
    unknown = refusal(tmp_path, SWEEP.replace("model.quantizer.taps", "model.quantiser.taps"))
    assert all(word in unknown for word in ("quantiser", "sweep.toml", "'plain'"))


def test_a_file_that_is_no_ledger_is_refused(tmp_path):
    prepare(tmp_path, ONE)
    notes = tmp_path / "notes.txt"
    for text in ("my notes", "my notes\nof May\n", '{"key": "a"}\n{"key": '):
        notes.write_text(text)
        one_line_error(sweep(tmp_path, "--ledger", notes), notes, "Hint")
        assert notes.read_text() == text
    for device in ("/dev/full", "/dev/zero"):
        one_line_error(sweep(tmp_path, "--ledger", device), device)
    assert not (tmp_path / "runs").exists() and not (tmp_path / "sweep.md").exists()


def test_other_files_beside_the_ledger_are_not_replaced(tmp_path):
    prepare(tmp_path, ONE, evaluation="")
    results = tmp_path / "results"
    results.mkdir()
    for name, text in (("sweep.md", "# My notes"), ("sweep.md", ""), ("sweep.png", "precious")):
        (results / name).write_text(text)
        one_line_error(sweep(tmp_path), results.name, name, "--out")
        assert (results / name).read_text() == text and not (tmp_path / "runs").exists()
        (results / name).unlink()
