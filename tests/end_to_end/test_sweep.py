"""fqgan sweep: what the ledger lacks is trained, once; killed sweeps go on; tables and curves come out."""

import json
import signal
import subprocess
import time

from conftest import PROGRAM, RECIPE, run, write_idx

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
    figure = next(name for name in lines[0]["figures"] if name.startswith("fid/"))
    assert figure in first.stdout and "| plain | 2 of 2 |" in first.stdout and " ± " in first.stdout
    assert (tmp_path / "results" / "sweep.md").read_text() == first.stdout
    assert (tmp_path / "results" / "sweep.png").read_bytes().startswith(b"\x89PNG")
    for line in lines:
        curve = [json.loads(row) for row in (tmp_path / line["curve"]).read_text().splitlines()]
        assert curve[-1]["step"] == 8 and curve[-1]["figures"][figure] == line["figures"][figure]

    again = sweep(tmp_path)
    assert again.returncode == 0 and "training" not in again.stderr
    assert len(ledger(tmp_path)) == 3 and again.stdout == first.stdout

    # A changed recipe is another experiment.
    (tmp_path / "sweep.toml").write_text(SWEEP.replace("iterations=8", "iterations=9"))
    dry = sweep(tmp_path, "--dry-run")
    assert dry.stderr.count("would train") == 3 and len(ledger(tmp_path)) == 3


def test_a_killed_sweep_goes_on_with_the_run_in_progress(tmp_path):
    prepare(tmp_path, SWEEP.replace("iterations=8", "iterations=150").replace("seeds = [1, 2]", "seeds = [1]"))
    process = subprocess.Popen([PROGRAM, "sweep", "sweep.toml"], cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("runs/sweep/*/checkpoints/*.safetensors")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143 and ledger(tmp_path) == []

    (tmp_path / "sweep.toml").write_text((tmp_path / "sweep.toml").read_text())
    stopped = sweep(tmp_path, "--minutes", "0.0001")
    assert stopped.returncode == 0 and ledger(tmp_path) == []
    finished = sweep(tmp_path)
    assert finished.returncode == 0 and "going on with" in finished.stderr, finished.stderr
    assert [line["iterations"] for line in ledger(tmp_path)] == [150, 150]


def refusal(folder, text):
    prepare(folder, text)
    result = sweep(folder)
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    assert ledger(folder) == []
    return result.stderr


def test_bad_sweep_files_are_one_line(tmp_path):
    assert "did you mean 'seeds'" in refusal(tmp_path, SWEEP.replace("seeds =", "sedes =", 1)).lower()
    assert "at least one [[experiment]]" in refusal(tmp_path, "seeds = [1]\n")
    assert "'fq' is there twice" in refusal(tmp_path, SWEEP.replace('"plain"', '"fq"'))
    assert "expected a list of integers" in refusal(tmp_path, SWEEP.replace("[1, 2]", '["a"]'))
    assert "nothing.toml" in refusal(tmp_path, SWEEP.replace("tiny.toml", "nothing.toml"))
    assert "quantiser" in refusal(tmp_path, SWEEP.replace("model.quantizer.taps", "model.quantiser.taps"))
