"""Images as people have them: looked at with `fqgan inspect`, trained on as they are."""

import io
import json
import os
import pathlib
import random
import shutil
import tarfile
import tempfile
import zipfile

import pytest
from PIL import Image

from conftest import one_line_error, run


@pytest.fixture
def folders(tmp_path):
    """Three class folders of PNG, JPEG and WebP images of two sizes, one file broken."""
    root = tmp_path / "images"
    colours = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}
    for name, colour in colours.items():
        (root / name).mkdir(parents=True)
        for i in range(6):
            image = Image.new("RGB", (24 + 8 * (i % 2), 24), tuple(min(255, part + 7 * i) for part in colour))
            image.paste((i * 40, 255 - i * 30, 90), (i, i, i + 6, i + 9))
            image.save(root / name / f"{i}.{('png', 'jpg', 'webp')[i % 3]}")
    (root / "red" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    return root


def test_inspect_names_what_is_there_and_what_is_broken(folders, tmp_path):
    found = json.loads(run("inspect", folders, "--json").stdout)
    assert found["images"] == 18
    assert {c["name"]: c["images"] for c in found["classes"]} == {"blue": 6, "green": 6, "red": 6}
    text = run("inspect", folders, "--pictures", tmp_path / "sheet")
    assert text.returncode == 0 and "broken.png" in text.stdout + text.stderr
    for name in ("contact.png", "mean.png"):
        assert Image.open(tmp_path / "sheet" / name).size[0] > 0


@pytest.fixture
def odd(tmp_path):
    """Oblong, small and transparent images on a white ground, without classes."""
    folder = tmp_path / "odd"
    folder.mkdir()
    for i, size in enumerate([(64, 32), (64, 32), (8, 8), (32, 32)] * 3):
        image = Image.new("RGBA", size, (250, 250, 250, 255))
        if size == (32, 32):
            image.putpixel((i, i), (0, 0, 0, 40))
        image.save(folder / f"{i:02}.png")
    return folder


def fit_lines(process, start):
    assert process.returncode == 0, process.stderr
    text = process.stdout + process.stderr
    return [line.removeprefix(start) for line in text.splitlines() if line.startswith(start) and " of 12 " in line]


@pytest.mark.parametrize("settings", [[], ["data.fit=crop"], ["data.fit=stretch", "data.background=[255, 0, 0]"]])
def test_inspect_and_train_say_what_training_sees(settings, odd, tiny):
    words = [word for setting in settings for word in ("--set", setting)]
    recipe = tiny[0]
    recipe.write_text(recipe.read_text().replace("resolution = 8", "resolution = 16"))
    shown = fit_lines(run("inspect", odd, "--recipe", recipe, *words), "training sees: ")
    assert shown == fit_lines(run("train", recipe, "--data", odd, "--dry-run", *words), "data: ")
    assert [line.split()[0] for line in shown] == ["6", "9", "3", "3"]


def test_the_contact_sheet_shows_what_training_sees(odd, tiny, tmp_path):
    def darkest(*settings):
        sheet = ["--pictures", tmp_path / "sheet", "--force"]
        process = run("inspect", odd, "--set", "data.resolution=32", *sheet, *settings)
        assert process.returncode == 0, process.stderr
        return Image.open(tmp_path / "sheet/mean.png").convert("L").getextrema()[0]

    assert darkest() < 100  # black bars
    assert darkest("--set", "data.fit=crop") > 200
    recipe = tiny[0]
    recipe.write_text(recipe.read_text().replace("resolution = 8", 'resolution = 32\nfit = "crop"'))
    assert darkest("--recipe", recipe) > 200


def test_inspect_refuses_options_without_an_effect(odd, tiny):
    for setting in ("model.batch=3", "data.path=x", "data.flip=true", "data.crop_margin=4", "training.iterations=1"):
        one_line_error(run("inspect", odd, "--set", setting), "--set", setting.split("=")[0])
    one_line_error(run("inspect", odd, "--set", "data.fitt=crop"), "data.fit")
    one_line_error(run("inspect", odd, "--recipe", odd / "none.toml"), "none.toml")


def test_inspect_finds_overlap(folders):
    process = run("inspect", folders, "--overlap", folders / "red", "--set", "data.resolution=16")
    assert process.returncode == 0 and "overlap" in process.stdout.lower() + process.stderr.lower()


@pytest.mark.parametrize("zipped", [False, True])
def test_class_folders_train_and_sample_by_name(folders, tiny, tmp_path, zipped):
    data = folders
    if zipped:
        data = tmp_path / "images.zip"
        with zipfile.ZipFile(data, "w") as archive:
            for path in sorted(folders.rglob("*.*")):
                archive.write(path, path.relative_to(folders))
    process = run(
        *("train", tiny[0], "--data", data, "--out", tmp_path / "run", "--set", "data.fit=crop"),
        *("--set", "training.iterations=2", "--set", "data.flip=true"),
    )
    assert process.returncode == 0, process.stderr
    assert "broken.png" in process.stderr
    process = run("sample", tmp_path / "run", "--class", "GREEN", "--count", 3, "--out", tmp_path / "out")
    assert process.returncode == 0, process.stderr
    assert [p.parent.name for p in (tmp_path / "out").rglob("*.png")] == ["green"] * 3


def test_strict_refuses_a_broken_image(folders, tiny):
    settings = ("--set", "data.fit=crop", "--set", "data.strict=true", "--dry-run")
    one_line_error(run("train", tiny[0], "--data", folders, *settings), "broken.png")


def test_an_entry_that_leaves_the_archive_is_refused(tiny, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "x.png")
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as archive:
        archive.write(tmp_path / "x.png", "../../x.png")
    one_line_error(run("train", tiny[0], "--data", tmp_path / "evil.zip", "--dry-run"), "evil.zip")


def test_damaged_or_ambiguous_folders(folders, tiny):
    labels = folders / "dataset.json"
    labels.write_text('{"labels":' + "[" * 300_000 + "]" * 300_000 + "}")
    one_line_error(run("inspect", folders), "dataset.json")
    labels.unlink()
    with zipfile.ZipFile(folders / "train.zip", "w") as archive:
        archive.write(folders / "red/0.png", "0.png")
    for command in (["inspect", folders], ["train", tiny[0], "--data", folders, "--dry-run"]):
        one_line_error(run(*command), "zip files and images")
    (folders / "train.zip").unlink()
    unused = ["--set", "data.labels_seed=1"]
    one_line_error(run("train", tiny[0], "--data", folders, "--dry-run", *unused), "data.labels_seed")


def test_not_images(tmp_path, trained):
    (tmp_path / "notes.txt").write_text("hello")
    one_line_error(run("inspect", tmp_path), str(tmp_path))
    one_line_error(run("inspect", tmp_path / "notes.txt"), "notes.txt")
    one_line_error(run("inspect", trained, "--pictures", tmp_path / "x"), "--pictures")


def cifar_archive(path, train=60, test=30, classes=3):
    """CIFAR-10's binary version, made of seeded noise."""
    draw = random.Random(2)
    with tarfile.open(path, "w:gz") as archive:
        batches = {f"data_batch_{i}.bin": train // 5 for i in range(1, 6)} | {"test_batch.bin": test}
        for name, images in batches.items():
            content = b"".join(bytes([i % classes]) + draw.randbytes(3072) for i in range(images))
            entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return path


def test_a_training_with_evaluation_reads_an_archive_once(tiny, tmp_path):
    """Training images, the classifier, its test split and what is measured against: views of one opened source."""
    archive = cifar_archive(tmp_path / "cifar-10-binary.tar.gz")
    settings = ["training.iterations=1", "evaluation.every=1", "evaluation.count=20", 'evaluation.metrics=["fid"]']
    process = run(
        *("train", tiny[0], "--data", archive, "--out", tmp_path / "run", "--verbose"),
        *(part for setting in settings for part in ("--set", setting)),
        env={**os.environ, "FQGAN_CACHE": str(tmp_path / "cache")},
    )
    assert process.returncode == 0, process.stderr
    assert "training a classifier on 60 images" in process.stderr
    assert "evaluation against" in process.stderr and "(test)" in process.stderr
    assert process.stderr.count("[data] reading ") == 1, process.stderr


def test_folders_that_cannot_be_read_are_named(folders):
    """As another user than root, who can read everything."""
    nobody = {"user": 65534} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        data = pathlib.Path(shutil.copytree(folders, pathlib.Path(place) / "data"))
        try:
            (data / "lost+found").mkdir(mode=0)
            process = run("inspect", data, **nobody)
        except PermissionError:
            pytest.skip("the program lies where only this user can read it")
        assert process.returncode == 0 and "images: 18 of" in process.stdout, process.stderr
        (data / "private").mkdir(mode=0)
        one_line_error(run("inspect", data, **nobody), data / "private", "cannot be read")


def test_held_out_images_are_evaluated_against(tiny, tmp_path):
    settings = ["training.iterations=1", "evaluation.every=1", "evaluation.count=20", 'evaluation.metrics=["fid"]']
    settings += ["data.held_out=5", "data.held_out_per_class=true"]
    process = run(
        *("train", tiny[0], "--out", tmp_path / "run"),
        *(part for setting in settings for part in ("--set", setting)),
        env={**os.environ, "FQGAN_CACHE": str(tmp_path / "cache")},
    )
    assert process.returncode == 0, process.stderr
    assert "data: 45 images" in process.stderr and "(held out)" in process.stderr
    assert "20 images against 15" in process.stderr or "against 15" in process.stderr, process.stderr


def test_random_crops_train_and_resume_to_the_bit(tiny, tmp_path):
    settings = ["data.resolution=8", "data.crop_margin=2", 'data.fit="stretch"', "data.flip=true", "data.strict=true"]
    changes = [part for setting in settings for part in ("--set", setting)]
    for out, length in (("whole", 6), ("parts", 3)):
        process = run("train", tiny[0], "--out", tmp_path / out, *changes, "--set", f"training.iterations={length}")
        assert process.returncode == 0, process.stderr
    process = run("train", "--resume", tmp_path / "parts", "--set", "training.iterations=6")
    assert process.returncode == 0, process.stderr
    newest = [sorted((tmp_path / out / "checkpoints").glob("*.safetensors"))[-1] for out in ("whole", "parts")]
    assert tensors(newest[0]) == tensors(newest[1])


def tensors(checkpoint):
    """The data section: what stands behind the header."""
    content = checkpoint.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]
