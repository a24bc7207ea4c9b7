"""Resume to the bit: runs killed with -9, also in the middle of a save, against an uninterrupted one."""

import json
import random
import signal
import subprocess
import time

from safetensors import safe_open

from conftest import PROGRAM, run

# What depends on the clock.
CLOCK = {"seconds", "images_per_second"}


def tensors(path):
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, {
            key: value
            for key, value in file.metadata().items()
            if not key.startswith(("log.", "checksum.")) and key != "recipe"
        }


def assert_same_run(a, b):
    left, right = sorted((a / "checkpoints").iterdir()), sorted((b / "checkpoints").iterdir())
    assert [p.name for p in left] == [p.name for p in right]
    for x, y in zip(left, right):
        (values, words), (others, other_words) = tensors(x), tensors(y)
        assert words == other_words
        assert values.keys() == others.keys()
        for key in values:
            assert values[key].equal(others[key]), key
    assert [p.name for p in sorted((a / "samples").iterdir())] == [p.name for p in sorted((b / "samples").iterdir())]
    for path in (a / "samples").iterdir():
        assert path.read_bytes() == (b / "samples" / path.name).read_bytes(), path.name
    logs = [
        [
            {k: v for k, v in json.loads(line).items() if k not in CLOCK}
            for line in (r / "log.jsonl").read_text().splitlines()
        ]
        for r in (a, b)
    ]
    assert logs[0] == logs[1]


def start(*arguments):
    return subprocess.Popen([str(PROGRAM), *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_when(process, condition, seconds=60):
    """kill -9 as soon as the condition holds; False if the process ended by itself before."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        if condition():
            process.send_signal(signal.SIGKILL)
            process.wait()
            return True
    process.kill()
    process.wait()
    return False


def lines(folder):
    log = folder / "log.jsonl"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_killed_at_several_moments(tiny, tmp_path):
    recipe, _ = tiny
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    length = ["--set", "training.iterations=48"]  # 24 log lines: far from ending at the last kill
    assert run("train", recipe, "--out", whole, *length).returncode == 0
    process = start("train", recipe, "--out", broken, *length)
    assert kill_when(process, lambda: (broken / "recipe.toml").exists())  # before the first iteration
    for moment in (1, 2, 4, 7, 9):
        process = start("train", "--resume", broken)
        assert kill_when(process, lambda: lines(broken) >= moment), moment
    assert run("train", "--resume", broken).returncode == 0
    assert_same_run(whole, broken)


def test_killed_while_a_checkpoint_is_being_written(tiny, tmp_path):
    recipe, _ = tiny
    settings = [
        "--set",
        "training.checkpoint_every=1",
        "--set",
        "model.quantizer.codes=20000",
        "--set",
        "model.discriminator.width=16",
    ]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run("train", recipe, "--out", whole, *settings).returncode == 0
    process = start("train", recipe, "--out", broken, *settings)
    hits = 0
    for _ in range(6):
        hits += kill_when(process, lambda: any((broken / "checkpoints").glob("*.partial-*")) and random.random() < 0.3)
        process = start("train", "--resume", broken)
    process.wait()
    assert hits >= 1
    assert run("train", "--resume", broken).returncode == 0
    assert_same_run(whole, broken)
    assert not list(broken.rglob("*.partial-*"))


def test_signals_save_and_stop(tiny, tmp_path):
    recipe, _ = tiny
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        folder = tmp_path / f"run-{code}"
        process = start(
            "train",
            recipe,
            "--out",
            folder,
            "--set",
            "training.iterations=100000",
            "--set",
            "training.checkpoint_every=0",
            "--set",
            "training.sample_every=0",
        )
        end = time.monotonic() + 60
        while lines(folder) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(number)
        assert process.wait(timeout=60) == code
        assert len(list((folder / "checkpoints").iterdir())) == 1


def test_a_longer_training_goes_on_from_a_finished_one(tiny, tmp_path):
    recipe, _ = tiny
    whole, two_parts = tmp_path / "whole", tmp_path / "two"
    assert run("train", recipe, "--out", whole, "--set", "training.iterations=18").returncode == 0
    assert run("train", recipe, "--out", two_parts).returncode == 0
    assert run("train", "--resume", two_parts, "--set", "training.iterations=18").returncode == 0
    ours, others = (tensors(r / "checkpoints" / "step-00000018.safetensors")[0] for r in (whole, two_parts))
    for key in ours:
        assert ours[key].equal(others[key]), key
