"""Images as people have them: looked at with `fqgan inspect`, trained on as they are."""

import json
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


def test_not_images(tmp_path, trained):
    (tmp_path / "notes.txt").write_text("hello")
    one_line_error(run("inspect", tmp_path), str(tmp_path))
    one_line_error(run("inspect", tmp_path / "notes.txt"), "notes.txt")
    one_line_error(run("inspect", trained, "--pictures", tmp_path / "x"), "--pictures")
