"""Folders and zips as people have them: what a training says about them, and that it goes on."""

import io
import os
import zipfile

import pytest
from conftest import one_line_error, run

PIL_Image = pytest.importorskip("PIL.Image")


def picture(value, kind="PNG"):
    file = io.BytesIO()
    PIL_Image.new("RGB", (8, 8), (value % 256, 90, 200 - value % 200)).save(file, kind)
    return file.getvalue()


def write_tree(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def classes(*names, count=4):
    return {f"{name}/{i}.png": picture(20 * i) for name in names for i in range(count)}


def dry_run(tiny, data, *settings):
    flags = [part for setting in settings for part in ("--set", setting)]
    names = ["--set", "data.class_names=[]"]
    return run("train", tiny[0], "--data", data, "--dry-run", *names, *flags)


def test_splits_are_no_classes(tiny, tmp_path):
    sets = ["Train Test", "Training Testing", "train test extra", "TRAIN TEST unlabeled"]
    for names in (text.split() for text in sets):
        data = write_tree(tmp_path / "-".join(names), classes(*(f"{name}/{k}" for name in names for k in "ab")))
        process = dry_run(tiny, data)
        assert process.returncode == 0, process.stderr
        assert "8 images" in process.stderr and "2 classes" in process.stderr, process.stderr
        assert f"'{names[0]}' of the splits" in process.stderr, process.stderr
    one_line_error(dry_run(tiny, data, "data.split=val"), "'val'", "'TRAIN'")
    mixed = write_tree(tmp_path / "mixed", classes("train", "test", "cats"))
    process = dry_run(tiny, mixed)
    assert "3 classes" in process.stderr and "'test', 'train'" in process.stderr, process.stderr
    one = write_tree(tmp_path / "one", classes("Train", "cats", "dogs"))
    process = dry_run(tiny, one)
    assert "3 classes" in process.stderr and "look like splits" in process.stderr, process.stderr
    assert "12 images" not in dry_run(tiny, one, "data.split=train").stderr
    unlike = write_tree(tmp_path / "unlike", classes("train/a", "train/b", "test/A", "test/b"))
    settings = ["--set", "evaluation.every=2", "--set", "evaluation.count=8", "--set", "data.channels=1"]
    refused = run("train", tiny[0], "--data", unlike, "--out", tmp_path / "run", *settings)
    assert "--set" not in one_line_error(refused, "'a'", "'A'")
    plain = write_tree(tmp_path / "plain", classes("cat", "dog"))
    one_line_error(dry_run(tiny, plain, "data.split=test"), "'test'", "without splits")
    one_line_error(
        run("evaluate", plain, "--against", plain, "--metrics", "fid", "--set", "against.split=test"), "'test'"
    )


def test_what_is_left_out_is_said(tiny, tmp_path):
    files = classes("cat", "dog") | {f"cat/{i}.bmp": picture(i, "BMP") for i in range(5)}
    files |= {f"dog/{i}.gif": picture(i, "GIF") for i in range(3)} | {"cat/5.jfif": picture(9, "JPEG")}
    files |= {"runs/a/recipe.toml": b"", "runs/a/log.jsonl": b"", "runs/a/samples/step-00000001.png": picture(1)}
    files["cat/@eaDir/0.png"] = picture(2)
    data = write_tree(tmp_path / "images", files)
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for name, content in files.items():
            archive.writestr("./" + name, content)
    for path in (data, tmp_path / "images.zip"):
        process = dry_run(tiny, path)
        assert process.returncode == 0, process.stderr
        assert "not read: 5 .bmp, 3 .gif (only PNG, JPEG and WebP are read)" in process.stderr
        assert "'runs/a'" in process.stderr
        assert "9 images" in process.stderr and "2 classes" in process.stderr, process.stderr


def test_folders_without_an_image_are_named(tiny, tmp_path):
    files = classes("dog", "eel") | {f"emu/{i}.bmp": picture(i, "BMP") for i in range(3)} | {"yak/readme.txt": b"none"}
    data = write_tree(tmp_path / "images", files)
    (data / "cat").mkdir()
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.mkdir("cat")
        for name, content in files.items():
            archive.writestr(name, content)
    for path in (data, tmp_path / "images.zip"):
        process = dry_run(tiny, path)
        assert "2 classes" in process.stderr and "'cat', 'emu', 'yak'" in process.stderr, process.stderr


def test_splits_inside_of_classes_are_said(tiny, tmp_path):
    data = write_tree(tmp_path / "images", classes("cat/train", "cat/test", "dog/train", "dog/test"))
    process = dry_run(tiny, data)
    assert "16 images" in process.stderr and "'test', 'train'" in process.stderr, process.stderr


@pytest.mark.parametrize("name", ["a\\..\\..\\cat/0.png", "..\\cat/0.png", "..\\cat\\0.png"])
def test_a_zip_with_backslashes_that_lead_out_is_refused(tiny, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        archive.writestr("cat/1.png", picture(1))
        archive.writestr(name, picture(2))
    one_line_error(dry_run(tiny, tmp_path / "images.zip"), "outside")


def test_images_from_two_places_are_refused(tiny, tmp_path):
    data = write_tree(tmp_path / "images", classes("cat", "dog"))
    one_line_error(dry_run(tiny, data, "data.path=elsewhere"), "--data", "data.path")


def test_a_limit_leaves_no_class_out(tiny, tmp_path):
    data = write_tree(tmp_path / "images", classes("a", "b", "c", count=6))
    process = dry_run(tiny, data, "data.limit=9")
    assert "9 images" in process.stderr and "warning" not in process.stderr, process.stderr
    process = dry_run(tiny, data, "data.limit=9", "data.limit_by=order")
    assert "warning: [data] 1 of 3 classes has no image: 'c'" in process.stderr, process.stderr
    (data / "class_names.txt").write_text("a\nb\nc\nd\n")
    process = dry_run(tiny, data)
    assert "warning: [data] 1 of 4 classes has no image: 'd'" in process.stderr, process.stderr


def test_names_that_are_not_utf8(tiny, tmp_path):
    data = tmp_path / "images"
    for name in (b"caf\xe9", b"tea"):
        folder = os.path.join(os.fsencode(data), name)
        os.makedirs(folder)
        for i in range(4):
            with open(os.path.join(folder, b"%d-\xff.png" % i), "wb") as file:
                file.write(picture(i))
    one_line_error(dry_run(tiny, data), "UTF-8")
    os.rename(os.path.join(os.fsencode(data), b"caf\xe9"), os.path.join(os.fsencode(data), b"cafe"))
    process = run("inspect", data, "--json")
    assert process.returncode == 0, process.stderr
    assert "tea" in process.stdout
