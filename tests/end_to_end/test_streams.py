"""Signals, pipes and closed or full streams: a training always saves, and results that cannot be written are an
error."""

import json
import os
import re
import shutil
import signal
import subprocess
import time
import zipfile

import pytest
from safetensors import safe_open

from conftest import PROGRAM, one_line_error, run
from test_resume import lines
from test_sweep import ONE, ledger, prepare

ENDLESS = ["--set", "training.iterations=100000", "--set", "training.sample_every=0"]


def shell(command, **options):
    """Runs a command in bash, where $F is the program."""
    environment = {**os.environ, "F": str(PROGRAM)}
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=120, env=environment, **options
    )


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def checkpoints(folder):
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def start(*arguments, **options):
    return subprocess.Popen([str(PROGRAM), *map(str, arguments)], stdout=subprocess.DEVNULL, **options)


def test_a_closed_terminal_saves_and_stops(tiny, tmp_path):
    folder = tmp_path / "run"
    process = start("train", tiny[0], "--out", folder, "--set", "training.checkpoint_every=0", *ENDLESS)
    wait_for(lambda: lines(folder) >= 2)
    for _ in range(3):  # a shell and the kernel send it, each
        process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 129
    assert len(checkpoints(folder)) == 1


def test_an_ignored_hangup_stays_ignored(tiny, tmp_path):
    folder = tmp_path / "run"
    ignore = {"preexec_fn": lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)}  # as nohup does
    process = start("train", tiny[0], "--out", folder, *ENDLESS, **ignore)
    wait_for(lambda: lines(folder) >= 1)
    process.send_signal(signal.SIGHUP)
    seen = lines(folder)
    wait_for(lambda: lines(folder) >= seen + 2)
    process.terminate()
    assert process.wait(timeout=60) == 143


def test_a_sweep_hands_a_closed_terminal_on(tmp_path):
    prepare(tmp_path, ONE.replace("iterations=8", "iterations=100000"))
    process = start("sweep", "sweep.toml", cwd=tmp_path, stderr=subprocess.DEVNULL)
    runs = tmp_path / "runs" / "sweep"
    wait_for(lambda: runs.exists() and any(lines(folder) >= 2 for folder in runs.iterdir()))
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 129
    (folder,) = runs.iterdir()
    assert checkpoints(folder) and not ledger(tmp_path)


@pytest.mark.parametrize("pipe", ["2>&1 | head -n 1", "2>&1 | true", "2> >(exit 0)"])
def test_a_closed_pipe_never_ends_a_training(tiny, tmp_path, pipe):
    done = shell(f"$F train {tiny[0]} --out {tmp_path}/run {pipe}; echo ${{PIPESTATUS[0]}}")
    assert done.stdout.splitlines()[-1] == "0", done
    assert "step-00000012.safetensors" in checkpoints(tmp_path / "run")
    assert lines(tmp_path / "run") == 6


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_never_reach_a_file(tiny, tmp_path, closed):
    assert shell(f"$F train {tiny[0]} --out {tmp_path}/run {closed}").returncode == 0
    for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines():
        json.loads(line)
    for path in (tmp_path / "run").rglob("*"):
        if path.is_file() and path.name != "recipe.toml":
            assert b"trained to iteration" not in path.read_bytes(), path
    with safe_open(tmp_path / "run" / "checkpoints" / "step-00000012.safetensors", "pt") as file:
        assert file.keys()


def test_results_that_cannot_be_written_are_an_error(trained, tiny, tmp_path):
    images = tiny[1]
    recipe = tiny[0]
    commands = {
        "options": "options biggan --json",
        "inspect a run": f"inspect {trained}",
        "inspect images": f"inspect {images} --json",
        "score": f"score {trained} {images} --json",
        "profile": f"profile {recipe} --steps-only --iterations 1 --warmup 0 --json",
        "evaluate": f"evaluate {trained} --count 60 --metrics fid --json",
        "help": "--help",
        "help of a command": "train --help",
        "version": "--version",
    }
    for name, command in commands.items():
        full = shell(f"$F {command} > /dev/full")
        assert full.returncode == 1, (name, full)
        assert "error: standard output: cannot write: No space left on device" in full.stderr, name
        closed = shell(f"$F {command} >&-")
        assert closed.returncode == 1, (name, closed)
        assert "error: standard output: cannot write" in closed.stderr, name


def test_a_reader_that_is_gone_ends_a_command_quietly():
    done = shell("$F options biggan --json | (exec <&-; sleep 1); echo ${PIPESTATUS[0]}")
    assert done.stdout == "141\n" and done.stderr == ""


def test_a_killed_sample_leaves_nothing_behind(trained, tmp_path):
    for name in ("images.zip", "images.safetensors"):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = start("sample", trained, "--out", tmp_path / name, "--count", 2000000)
            if name.endswith(".zip"):
                wait_for(lambda: any(tmp_path.iterdir()))
            else:
                time.sleep(1)
            process.send_signal(number)
            assert process.wait(timeout=60) == -number
            assert not list(tmp_path.iterdir())


def test_a_sample_that_was_killed_with_9_is_cleared_up_by_the_next(trained, tmp_path):
    out = tmp_path / "images.zip"
    process = start("sample", trained, "--out", out, "--count", 2000000)
    wait_for(lambda: any(tmp_path.iterdir()))
    process.kill()
    process.wait()
    assert not out.exists()
    assert run("sample", trained, "--out", out, "--count", 5).returncode == 0
    assert list(tmp_path.iterdir()) == [out]
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None and len(archive.namelist()) == 5


def test_a_folder_of_images_holds_whole_images_only(trained, tmp_path):
    process = start("sample", trained, "--out", tmp_path / "images", "--count", 2000000)
    wait_for(lambda: (tmp_path / "images").exists() and len(list((tmp_path / "images").rglob("*.png"))) > 20)
    process.terminate()
    process.wait()
    found = [path for path in (tmp_path / "images").rglob("*") if path.is_file() and path.name != ".fqgan-sample"]
    assert all(path.suffix == ".png" and path.read_bytes().endswith(b"IEND\xaeB`\x82") for path in found)


def test_a_large_archive_opens_elsewhere(trained, tmp_path):
    """More than 65,535 entries need the ZIP64 records."""
    out = tmp_path / "images.zip"
    assert run("sample", trained, "--out", out, "--count", 66000).returncode == 0
    with zipfile.ZipFile(out) as archive:
        names = archive.namelist()
        assert len(names) == 66000 and names[-1].endswith("/65999.png")
        assert archive.read(names[-1]).startswith(b"\x89PNG")


def spin_count(**variables):
    ours = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    done = run("--version", env={**environment, "OMP_DISPLAY_ENV": "verbose", **variables})
    assert done.returncode == 0
    return re.search(r"GOMP_SPINCOUNT = '(.*)'", done.stderr)[1]


def test_the_program_limits_the_spinning_of_openmp():
    assert spin_count() == "10000"
    assert spin_count(GOMP_SPINCOUNT="77") == "77"
    assert spin_count(OMP_WAIT_POLICY="passive") == "0"


def loader():
    """The loader that a program names, which can also be called itself."""
    segments = subprocess.run(["readelf", "-l", PROGRAM], capture_output=True, text=True).stdout
    return re.search("interpreter: (.*?)]", segments)[1]


@pytest.mark.skipif(not shutil.which("readelf"), reason="needs readelf")
def test_an_explicit_loader(tmp_path):
    """The system then starts the loader, not the program; a sweep starts its trainings in the same way."""
    done = subprocess.run([loader(), PROGRAM, "--version"], capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout, done.stderr
    prepare(tmp_path, ONE)
    done = subprocess.run([loader(), PROGRAM, "sweep", "sweep.toml"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0 and len(ledger(tmp_path)) == 1, done.stderr


def test_nothing_left_to_train(trained, tmp_path):
    copy = shutil.copytree(trained, tmp_path / "run")
    finished = run("train", "--resume", copy)
    assert finished.returncode == 0 and "nothing left to train" in finished.stderr
    shorter = run("train", "--resume", copy, "--set", "training.iterations=3")
    assert "12 of 3" not in shorter.stderr
    assert "iteration 12, training.iterations is 3" in shorter.stderr


def test_a_full_standard_output_of_a_sweep_keeps_its_table(tmp_path):
    prepare(tmp_path, ONE)
    done = shell("$F sweep sweep.toml > /dev/full", cwd=tmp_path)
    one_line_error(done, "standard output", code=1)
    assert (tmp_path / "results" / "sweep.md").exists() and len(ledger(tmp_path)) == 1
