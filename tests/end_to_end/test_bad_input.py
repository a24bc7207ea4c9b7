"""Every kind of wrong input: one line with what was expected and what came, exit code 2, nothing saved is lost."""

import gzip
import json
import os
import shutil
import subprocess

import pytest

from conftest import PROGRAM, RECIPE, one_line_error, run, write_class_folders


def train(recipe, *settings, out=None, **options):
    arguments = ["train", recipe] + (["--out", out] if out else ["--dry-run"])
    for setting in settings:
        arguments += ["--set", setting]
    return run(*arguments, **options)


@pytest.mark.parametrize(
    "setting, parts",
    [
        ("model.quantizer.code=5", ["'model.quantizer.code'", "'model.quantizer.codes'"]),
        ("trainin.iterations=5", ["trainin", "training"]),
        ("model.loss=hing", ["hinge", "hing"]),
        ("model.batch=0", ["model.batch", "1", "0"]),
        ("model.batch=2.5", ["model.batch", "2.5"]),
        ("model.generator.adam.beta1=1.5", ["beta1", "1.5"]),
        ("model.batch=61", ["model.batch", "60", "61"]),
        ("data.resolution=10", ["10 x 10", "data.resolution", "4"]),
        ("data.resolution=-4", ["data.resolution"]),
        ("model.generator.attention=[5]", ["attention", "5"]),
        ('model.quantizer.taps=["block7"]', ["block7", "'block0', 'block1'"]),
        ("family=stylegan9", ["stylegan9", "biggan"]),
        ("device=tpu", ["device", "tpu"]),
        ("device=cuda:99", ["cuda:99"]),
        ("data.path=/nowhere/at/all", ["/nowhere/at/all"]),
        ("data.path=", ["data.path"]),
        ("data.labels_per_class=5", ["model.conditional", "45"]),
        ("model.generator.width=4611686018427387904", ["model.generator.width"]),
        ("model.quantizer.decay=1", ["model.quantizer.decay"]),
        ("nonsense", ["nonsense"]),
    ],
)
def test_wrong_settings(tiny, setting, parts):
    one_line_error(train(tiny[0], setting), *parts)


def test_a_recipe_may_come_from_a_pipe_but_not_from_a_device(tiny):
    dry = f"{PROGRAM} train <(cat {tiny[0]}) --dry-run"
    assert subprocess.run(["bash", "-c", dry]).returncode == 0
    for command in (["train"], ["sweep"]):
        one_line_error(run(*command, "/dev/zero"), "/dev/zero", "device")
    one_line_error(run("train", tiny[0].parent), tiny[0].parent)


def test_wrong_recipes(tiny, tmp_path):
    one_line_error(train(tmp_path / "missing.toml"), "missing.toml")
    (tmp_path / "bad.toml").write_text("family = biggan\n")
    one_line_error(train(tmp_path / "bad.toml"), "bad.toml", "1")
    (tmp_path / "loop.toml").write_text('extends = "loop.toml"\n')
    one_line_error(train(tmp_path / "loop.toml"), "loop.toml")
    (tmp_path / "nodata.toml").write_text('family = "biggan"\n')
    one_line_error(train(tmp_path / "nodata.toml"), "--data")
    one_line_error(run("train"), "--resume")
    one_line_error(run("trian"), "'trian'", "'train'")


def damage_idx(data, change):
    path = data / "train-images-idx3-ubyte.gz"
    content = change(bytearray(gzip.open(path).read()))
    path.unlink()
    (data / "train-images-idx3-ubyte").write_bytes(content)


def test_wrong_data(tiny):
    recipe, data = tiny
    images = data / "train-images-idx3-ubyte.gz"
    whole = images.read_bytes()
    images.write_bytes(whole[: len(whole) // 2])
    one_line_error(train(recipe), images.name)
    images.write_bytes(whole)
    damage_idx(data, lambda content: content[:500])
    one_line_error(train(recipe), "train-images-idx3-ubyte", "3840", "484")
    (data / "train-images-idx3-ubyte").write_bytes(b"\0\0\x08\x09" + bytes(100))
    one_line_error(train(recipe), "train-images-idx3-ubyte")
    shutil.rmtree(data)
    data.mkdir()
    one_line_error(train(recipe), str(data))


def test_folders(tiny, tmp_path):
    recipe, _ = tiny
    (tmp_path / "file").write_text("")
    one_line_error(train(recipe, out=tmp_path / "file"), "file")
    one_line_error(train(recipe, out=tmp_path / "file" / "below"), "file")
    assert train(recipe, "training.iterations=1", out=tmp_path / "run").returncode == 0
    one_line_error(train(recipe, out=tmp_path / "run"), "--resume")
    one_line_error(run("train", "--resume", tmp_path / "nothing"), "nothing")
    one_line_error(run("train", "--resume", tmp_path / "run", "--set", "model.batch=4"), "model.batch", "--from")
    one_line_error(run("train", "--resume", tmp_path / "run", "--out", tmp_path), "--resume")


@pytest.mark.skipif(shutil.which("runuser") is None or os.geteuid() != 0, reason="needs another user than root")
def test_unwritable_folder(tiny, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(folder.stat().st_mode | 0o055)
    process = subprocess.run(
        ["runuser", "-u", "nobody", "--", str(PROGRAM), "train", str(tiny[0]), "--out", str(locked / "run")],
        capture_output=True,
        text=True,
    )
    if "Permission denied" in process.stderr and str(PROGRAM) in process.stderr:
        pytest.skip("nobody cannot run the program here")
    one_line_error(process, locked)


def test_sampling(trained, tmp_path):
    one_line_error(run("sample", trained, "--out", tmp_path / "x.png", "--class", 3), "class", 2, 3)
    one_line_error(run("sample", trained, "--out", tmp_path / "x.png", "--class", "tow"), "two")
    one_line_error(run("sample", tmp_path / "none.safetensors", "--out", tmp_path / "x.png"), "none.safetensors")
    one_line_error(run("sample", trained), "--out")
    one_line_error(run("sample", trained, "--out", tmp_path / "x.png", "--truncation", -1), "truncation")
    one_line_error(run("sample", trained, "--out", tmp_path / "x.png", "--truncation", "nan"), "truncation")
    one_line_error(run("export", trained, "--weights-only", "--out", tmp_path), "--out")
    one_line_error(run("inspect", tmp_path / "none"), "none")


def test_damaged_checkpoints(trained, tmp_path, tiny):
    source = trained / "checkpoints" / "step-00000012.safetensors"
    content = source.read_bytes()
    bad = tmp_path / "bad.safetensors"
    for cut in (0, 5, 100, len(content) // 2, len(content) - 1):
        bad.write_bytes(content[:cut])
        one_line_error(run("sample", bad, "--out", tmp_path / "x.png"), "bad.safetensors")
    for position in (9, 2000, len(content) // 2, len(content) - 3):
        changed = bytearray(content)
        changed[position] ^= 4
        bad.write_bytes(changed)
        one_line_error(run("sample", bad, "--out", tmp_path / "x.png"), "bad.safetensors")
    other = run("train", tiny[0], "--from", source, "--dry-run", "--set", "model.generator.width=8")
    one_line_error(other, "architecture")
    unlike = "model.discriminator.weight_normalization=none"
    plain = run("train", tiny[0], "--from", source, "--dry-run", "--set", unlike)
    one_line_error(plain, source, ".u'")


def test_a_damaged_newest_checkpoint_falls_back(trained, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(trained, copy)
    newest = copy / "checkpoints" / "step-00000012.safetensors"
    newest.write_bytes(newest.read_bytes()[:-10])
    process = run("train", "--resume", copy)
    assert process.returncode == 0 and "warning" in process.stderr
    assert [json.loads(line)["step"] for line in (copy / "log.jsonl").read_text().splitlines()] == [2, 4, 6, 8, 10, 12]


def test_full_disk_while_saving(tiny, tmp_path):
    recipe, _ = tiny
    out = tmp_path / "run"
    assert train(recipe, "training.iterations=3", out=out).returncode == 0
    before = {p.name: p.read_bytes() for p in (out / "checkpoints").iterdir()}
    size = max(len(content) for content in before.values())
    limit = size // 2 // 1024  # ulimit -f counts blocks of 1024 bytes
    process = subprocess.run(
        [
            "bash",
            "-c",
            f"ulimit -f {limit}; exec '{PROGRAM}' train --resume '{out}' "
            "--set training.iterations=6 --set training.sample_every=0",
        ],
        capture_output=True,
        text=True,
    )
    one_line_error(process, "step-00000006.safetensors", code=1)
    after = {p.name: p.read_bytes() for p in (out / "checkpoints").iterdir()}
    assert after == before
    assert run("train", "--resume", out).returncode == 0


@pytest.mark.parametrize("features", ["auto", "classifier"])
def test_images_without_classes_are_measured_otherwise(tmp_path, features):
    write_class_folders(tmp_path / "images", ["all"], images=20)
    recipe = tmp_path / "recipe.toml"
    table = f'[evaluation]\nevery = 6\nmetrics = ["fid", "accuracy"]\nfeatures = "{features}"\n[model]\n'
    recipe.write_text(RECIPE.format(data=tmp_path / "images" / "all").replace("[model]\n", table, 1))
    process = run("train", recipe, "--out", tmp_path / "run", "--dry-run")
    way = "--set evaluation.features=auto --set 'evaluation.metrics=[\"fid\"]'"
    if "weights of efficientnet-lite0" not in process.stderr:  # which come before the metrics
        assert one_line_error(process, way).count("Hint") == 1
