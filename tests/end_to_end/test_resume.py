"""Resume to the bit: runs killed with -9, also in the middle of a save, against an uninterrupted one."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest
from safetensors import safe_open

from conftest import PROGRAM, one_line_error, run, write_class_folders, write_idx

# What depends on the clock.
CLOCK = {"seconds", "images_per_second"}


def tensors(path):
    with safe_open(path, "pt") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, {
            key: value
            for key, value in file.metadata().items()
            if not key.startswith(("log.", "checksum.")) and key not in ("recipe", "seconds")
        }


def assert_same_run(a, b, but=()):
    left, right = sorted((a / "checkpoints").iterdir()), sorted((b / "checkpoints").iterdir())
    assert [p.name for p in left] == [p.name for p in right]
    for x, y in zip(left, right):
        (values, words), (others, other_words) = tensors(x), tensors(y)
        for key in but:
            del words[key], other_words[key]
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
    longer = run("train", "--resume", two_parts, "--set", "training.iterations=18")
    assert longer.returncode == 0 and re.search("estimated time: .* for 6 iterations", longer.stderr), longer.stderr
    assert "estimated" not in run("train", "--resume", two_parts).stderr  # nothing is left
    ours, others = (tensors(r / "checkpoints" / "step-00000018.safetensors")[0] for r in (whole, two_parts))
    for key in ours:
        assert ours[key].equal(others[key]), key


def train(*arguments):
    process = run("train", *arguments)
    assert process.returncode == 0, process.stderr
    return process


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file() and path.name != ".lock"}


@pytest.mark.parametrize("change", ["renamed", "added", "swapped", "none"])
def test_other_classes_are_refused(tiny, tmp_path, change):
    images = write_class_folders(tmp_path / "images", ["bag", "boot", "coat"])
    folder = tmp_path / "run"
    train(tiny[0], "--data", images, "--out", folder, "--set", "training.iterations=3")
    if change == "renamed":
        (images / "bag").rename(images / "trunk")  # boot would become class 0
    elif change == "added":
        write_class_folders(images, ["anorak"])
    elif change == "swapped":
        (images / "class_names.txt").write_text("boot\nbag\ncoat\n")
    else:
        shutil.move(images, tmp_path / "aside")
        write_class_folders(images, [""], images=24)  # images without classes
    before = contents(folder)
    process = run("train", "--resume", folder, "--set", "training.iterations=6")
    one_line_error(process, "bag", "--from")
    assert contents(folder) == before


def test_unconditional_models_do_not_mind_other_names(tiny, tmp_path):
    images = write_class_folders(tmp_path / "images", ["bag", "boot"])
    plain = ["--set", "model.conditional=false", "--set", "training.iterations=3"]
    train(tiny[0], "--data", images, "--out", tmp_path / "run", *plain)
    (images / "bag").rename(images / "zebra")
    train("--resume", tmp_path / "run", "--set", "training.iterations=4")


def test_a_model_without_classes_is_said(tiny, tmp_path):
    """model.conditional conditions on classes only if there are any."""
    images = write_class_folders(tmp_path / "images", [""])
    settings = ["--dry-run", "--data", images, "--set", "data.class_names=[]", "--set", "model.conditional=true"]
    assert "unconditional, because" in train(tiny[0], *settings).stderr
    assert "unconditional, as" in train(tiny[0], "--dry-run", "--set", "model.conditional=false").stderr
    assert "unconditional" not in train(tiny[0], "--dry-run").stderr


def test_lost_checkpoints_are_not_an_untrained_run(tiny, tmp_path):
    folder = tmp_path / "run"
    train(tiny[0], "--out", folder)
    (folder / "checkpoints").rename(tmp_path / "aside")
    before = contents(folder)
    one_line_error(run("train", "--resume", folder, "--set", "training.iterations=20"), folder, "12", "checkpoints/")
    assert contents(folder) == before
    (tmp_path / "aside").rename(folder / "checkpoints")
    train("--resume", folder, "--set", "training.iterations=14")
    assert lines(folder) == 7


@pytest.mark.parametrize(
    "settings, lost",
    [
        (["training.checkpoint_every=0"], []),
        (["training.checkpoint_every=100"], []),
        (["training.log_every=100", "training.checkpoint_every=5"], ["log.jsonl", "metrics.jsonl"]),
        (["training.iterations=2"], ["log.jsonl", "events*"]),
    ],
)
def test_a_run_that_had_a_checkpoint_never_begins_again(tiny, tmp_path, settings, lost):
    """Whatever else is lost, and whenever checkpoints were due."""
    folder = tmp_path / "run"
    train(tiny[0], "--out", folder, *[word for text in settings for word in ("--set", text)])
    shutil.rmtree(folder / "checkpoints")
    (folder / "checkpoints").mkdir()
    for path in [path for pattern in lost for path in folder.glob(pattern)]:
        path.unlink()
    before = contents(folder)
    one_line_error(run("train", "--resume", folder, "--set", "training.iterations=20"), folder, "checkpoints/", "--out")
    assert contents(folder) == before


def test_a_run_killed_before_its_first_checkpoint_begins_again(tiny, tmp_path):
    folder = tmp_path / "run"
    process = start("train", tiny[0], "--out", folder, "--set", "training.checkpoint_every=0")
    assert kill_when(process, lambda: lines(folder) >= 2)
    train("--resume", folder)
    assert lines(folder) == 6


def test_a_fine_tuning_never_begins_with_other_weights(trained, tiny, tmp_path):
    folder = tmp_path / "run"
    train(tiny[0], "--from", trained, "--out", folder, "--set", "training.iterations=2")
    shutil.rmtree(folder / "checkpoints")
    (folder / "last-checkpoint.txt").write_text("0\n")  # as if killed before the first iteration
    one_line_error(run("train", "--resume", folder), folder, "--from", "checkpoints/")


def test_other_names_of_classes_are_said_when_fine_tuning(trained, tiny, tmp_path):
    images = write_class_folders(tmp_path / "images", ["bag", "boot", "coat"])
    dry = ["--from", trained, "--dry-run", "--set", "data.channels=1"]
    process = train(tiny[0], "--data", images, *dry, "--set", 'data.class_names=["bag","boot","coat"]')
    assert "class 0 is 'zero'" in process.stderr and "'bag'" in process.stderr
    assert "other names" not in train(tiny[0], *dry).stderr


def test_lost_checkpoints_are_seen_in_the_log_alone(tiny, tmp_path):
    folder = tmp_path / "run"
    train(tiny[0], "--out", folder)
    shutil.rmtree(folder / "checkpoints")
    (folder / "last-checkpoint.txt").unlink()
    one_line_error(run("train", "--resume", folder), folder, "12", "checkpoints/")


@pytest.mark.parametrize("edit", [("batch = 8", "batch = 4"), ("seed = 3", "seed = 9"), ("latent = 8", "latent = 16")])
def test_an_edited_recipe_is_another_training(tiny, tmp_path, edit):
    folder = tmp_path / "run"
    train(tiny[0], "--out", folder, "--set", "training.iterations=3")
    recipe = folder / "recipe.toml"
    assert edit[0] in recipe.read_text()
    recipe.write_text(recipe.read_text().replace(edit[0], edit[1], 1).replace("iterations = 3", "iterations = 6"))
    before = contents(folder)
    one_line_error(run("train", "--resume", folder), recipe, edit[0].split()[0])
    assert contents(folder) == before
    recipe.write_text(recipe.read_text().replace(edit[1], edit[0], 1))
    train("--resume", folder)
    assert (folder / "checkpoints" / "step-00000006.safetensors").exists()


def test_weights_for_other_images_are_refused_with_what_to_set(trained, tiny, tmp_path):
    images = write_class_folders(tmp_path / "images", ["zero", "one", "two"])  # in colour
    process = run("train", tiny[0], "--data", images, "--from", trained, "--dry-run")
    refused = one_line_error(process, "3 x 8 x 8")
    words = refused.split("Hint: ")[1].split()
    train(tiny[0], "--data", images, "--from", trained, "--dry-run", *words)


@pytest.mark.parametrize("kind", ["files", "folders", "zip"])
def test_moved_data_gives_the_same_bits(tiny, tmp_path, kind):
    images = tmp_path / "images"
    write_idx(images) if kind == "files" else write_class_folders(images, ["bag", "boot", "coat"])
    if kind == "zip":
        images = shutil.make_archive(tmp_path / "archive", "zip", images)
    whole, moved = tmp_path / "whole", tmp_path / "moved"
    settings = ["--set", "training.sample_every=6"]
    train(tiny[0], "--data", images, "--out", whole, *settings)
    train(tiny[0], "--data", images, "--out", moved, *settings, "--set", "training.iterations=6")
    other = tmp_path / "elsewhere" / "other.zip"
    other.parent.mkdir()
    shutil.move(images, other)
    longer = ["--set", "training.iterations=12"]
    one_line_error(run("train", "--resume", moved, *longer), "data.path", images, "--data")
    process = train("--resume", moved, *longer, "--data", other)
    assert "moved" in process.stderr and "changed since" not in process.stderr
    assert_same_run(whole, moved, but=["data_key"])
    assert str(other) in (moved / "recipe.toml").read_text()
    train("--resume", moved, "--set", "training.iterations=13")  # it stays known


def test_data_packed_into_a_zip_is_the_same(tiny, tmp_path):
    images = write_class_folders(tmp_path / "images", ["bag", "boot"])
    train(tiny[0], "--data", images, "--out", tmp_path / "run", "--set", "training.iterations=3")
    packed = shutil.make_archive(tmp_path / "archive", "zip", images)
    longer = ["--resume", tmp_path / "run", "--set", "training.iterations=4"]
    process = train(*longer, "--data", packed)
    assert "its files have the same names, sizes and a sample of their contents" in process.stderr
    other = shutil.copytree(images, tmp_path / "other")
    with open(other / "bag" / "0.png", "r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"x")
    process = train("--resume", tmp_path / "run", "--set", "training.iterations=5", "--data", other)
    assert "changed since the run began" in process.stderr and "moved" not in process.stderr


def test_the_split_of_earlier_runs_is_accepted(tiny, tmp_path):
    """They name the split "train" of data without splits. This run does so because its data has changed."""
    images, folder = tmp_path / "images", tmp_path / "run"
    write_class_folders(images / "train", ["bag", "boot"], images=30)
    train(tiny[0], "--data", images, "--out", folder, "--set", "training.iterations=3", "--set", "data.split=train")
    (images / "train").rename(tmp_path / "plain")
    images.rmdir()
    (tmp_path / "plain").rename(images)
    for command in (
        ["sample", folder, "--out", tmp_path / "out.png", "--count", "4"],
        ["evaluate", folder, "--metrics", "fid", "--count", "20"],
    ):
        process = run(*command, env={**os.environ, "FQGAN_CACHE": str(tmp_path / "cache")})
        assert process.returncode == 0, process.stderr
    process = train("--resume", folder, "--set", "training.iterations=4")
    assert "no splits" in process.stderr
    train("--resume", folder, "--set", "training.iterations=5")
    one_line_error(
        run("train", tiny[0], "--data", images, "--set", "data.split=train", "--out", tmp_path / "new"),
        *("'train'", "leave data.split out", images),
    )


def test_changed_data_is_said(tiny, tmp_path):
    images = write_class_folders(tmp_path / "images", ["bag", "boot"])
    train(tiny[0], "--data", images, "--out", tmp_path / "run", "--set", "training.iterations=3")
    (images / "bag" / "0.png").unlink()
    process = train("--resume", tmp_path / "run", "--set", "training.iterations=4")
    assert "changed" in process.stderr and "moved" not in process.stderr


@pytest.mark.parametrize("lost", ["log.jsonl", "events", "metrics.jsonl", "samples"])
def test_a_lost_log_does_not_lose_the_checkpoint(tiny, tmp_path, lost):
    folder = tmp_path / "run"
    settings = ["--set", "evaluation.every=3", "--set", "evaluation.count=30"]
    train(tiny[0], "--out", folder, *settings, "--set", "training.iterations=6")
    for path in folder.glob(lost + "*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    process = train("--resume", folder, "--set", "training.iterations=12")
    assert ("missing" in process.stderr) == (lost != "samples"), process.stderr
    assert (folder / "checkpoints" / "step-00000012.safetensors").exists()
    steps = [json.loads(line)["step"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert steps == ([8, 10, 12] if lost == "log.jsonl" else [2, 4, 6, 8, 10, 12])


def test_seconds_go_on_after_a_resume(tiny, tmp_path):
    folder = tmp_path / "run"
    train(tiny[0], "--out", folder, "--set", "training.iterations=6")
    for iterations in (8, 12):
        train("--resume", folder, "--set", f"training.iterations={iterations}")
    seconds = [json.loads(line)["seconds"] for line in (folder / "log.jsonl").read_text().splitlines()]
    assert len(seconds) == 6 and seconds == sorted(seconds) and seconds[0] > 0
