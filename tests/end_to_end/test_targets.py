"""Every output of every command: what is there is replaced only with --force, and never if it is an input or a file of
a run."""

import os
import pathlib
import re
import shutil
import sys

from PIL import Image
import pytest

from conftest import PROGRAM, ROOT, one_line_error, run
from test_program import png_size, write_classes

sys.path.insert(0, str(ROOT / "python" / "fqgan"))  # alone, since the package would load the operators
import _tool


@pytest.fixture
def place(trained, tmp_path):
    """A copy of the run, images of its classes, and a folder for outputs."""
    shutil.copytree(trained, tmp_path / "run")
    write_classes(tmp_path / "images", ["zero", "one", "two"])
    (tmp_path / "out").mkdir()
    return tmp_path


def commands(place):
    """command: (its arguments, the flag, the ending of its output)"""
    checkpoint = place / "run" / "checkpoints" / "step-00000012.safetensors"
    return {
        "sample a grid": (["sample", place / "run"], "--out", ".png"),
        "sample an archive": (["sample", place / "run", "--count", 3], "--out", ".zip"),
        "sample tensors": (["sample", checkpoint, "--count", 3], "--out", ".safetensors"),
        "interpolate": (["interpolate", checkpoint, "--seeds", "1,2", "--steps", 2], "--out", ".webp"),
        "export": (["export", place / "run"], "--out", ".pt"),
        "export weights": (["export", place / "run", "--weights-only"], "--out", ".safetensors"),
        "score": (["score", place / "run", place / "images"], "--out", ".safetensors"),
    }


NAMES = list(commands(pathlib.Path()))


@pytest.mark.parametrize("name", NAMES)
def test_an_existing_file_needs_force(place, name):
    arguments, flag, ending = commands(place)[name]
    target = place / "out" / f"there{ending}"
    target.write_text("precious")
    error = one_line_error(run(*arguments, flag, target), flag, target.name, "--force")
    assert "there already" in error
    assert target.read_text() == "precious"
    done = run(*arguments, flag, target, "--force")
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() != b"precious"
    target.unlink()
    target.symlink_to(place / "nowhere")
    one_line_error(run(*arguments, flag, target), "--force")


@pytest.mark.parametrize("name", NAMES)
def test_files_of_a_run_are_never_replaced(place, name):
    arguments, flag, ending = commands(place)[name]
    folder = place / "run"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    targets = {
        ".png": [folder / "samples" / "step-00000012.png", folder / "curves" / "fid.png"],
        ".safetensors": [
            folder / "checkpoints" / "step-00000012.safetensors",
            folder / "checkpoints" / "best.safetensors",
        ],
        ".zip": [folder / "samples" / "new.zip"],
        ".webp": [folder / "samples" / "new.webp"],
        ".pt": [folder / "checkpoints" / "new.pt"],
    }[ending]
    through = place / "linked-run"
    through.symlink_to(folder)
    targets.append(through / targets[0].relative_to(folder))
    if targets[0].exists():
        targets.append(place / "out" / f"link{ending}")
        targets[-1].symlink_to(targets[0])
    for target in targets:
        one_line_error(run(*arguments, flag, target, "--force"), flag, target)
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert after == before


def test_python_knows_the_same_files_of_a_run(place):
    """The Python tools and the program agree on which names belong to a run."""
    folder = place / "run"
    (folder / ".lock").touch()
    written = [path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()]
    assert "last-checkpoint.txt" in written and any(name.endswith(".fqgan") for name in written)
    others = ["events.out.tfevents.9.host.1.0", "events.out.tfevents..fqgan", "notes.txt", "images/0.png"]
    never = ["metrics.jsonl", "checkpoints/best.safetensors", "curves/fid.png", "samples/new.pt"]
    owned = [folder / name for name in written + never]
    model = shutil.copy(folder / "checkpoints" / "step-00000012.safetensors", place / "own.safetensors")
    alone = [place / "recipe.toml", place / "last-checkpoint.txt"]  # a recipe alone makes no run
    for path in [*owned, *(folder / name for name in others), *alone]:
        # A link has the ending that export expects, and both tools follow it.
        link = place / "out" / "link.pt"
        path.parent.mkdir(exist_ok=True)
        path.touch()
        link.symlink_to(path)
        error = one_line_error(run("export", model, "--out", link))
        assert ("of a run folder" in error) == _tool.belongs_to_run(path) == (path in owned), path
        link.unlink()


def test_a_path_that_no_file_can_have(place):
    (place / "circle.png").symlink_to(place / "circle.png")
    (place / "pipe.png").symlink_to("/dev/stdout")
    os.mkfifo(place / "fifo.png")
    for target in ("x" * 300 + ".png", place / "circle.png", place / "pipe.png", place / "fifo.png"):
        error = one_line_error(run("sample", place / "run", "--out", target, "--force"), target)
        assert "Invalid argument" not in error
    one_line_error(run("train", place / "run" / "recipe.toml", "--out", "x" * 300, "--dry-run"), "x" * 300)
    assert (place / "pipe.png").is_symlink() and (place / "fifo.png").is_fifo()


def test_an_input_is_never_an_output(place):
    run_folder, images = place / "run", place / "images"
    checkpoint = place / "own.safetensors"
    shutil.copy(run_folder / "checkpoints" / "step-00000012.safetensors", checkpoint)
    linked = place / "linked.safetensors"
    linked.symlink_to(checkpoint)
    hard = place / "hard.safetensors"
    os.link(checkpoint, hard)
    content = checkpoint.read_bytes()
    for target in (checkpoint, linked, hard):
        for arguments in (
            ["export", checkpoint, "--weights-only"],
            ["sample", checkpoint, "--count", 2],
            ["score", checkpoint, images],
        ):
            one_line_error(run(*arguments, "--out", target, "--force"), "--out", target.name, "input")
    one_line_error(
        run("evaluate", images, "--against", checkpoint, "--save-statistics", linked, "--force"),
        "--save-statistics",
        "input",
    )
    assert checkpoint.read_bytes() == content
    one_line_error(run("inspect", images, "--pictures", images, "--force"), "--pictures", images)
    one_line_error(run("inspect", images, "--pictures", images / "sheet"), "--pictures", images)
    assert len(list(images.rglob("*.png"))) == 6 and not (images / "sheet").exists()


def test_tables_may_lie_beside_the_images(place):
    out = place / "images" / "scores.safetensors"
    assert run("score", place / "run", place / "images", "--out", out).returncode == 0
    one_line_error(run("score", place / "run", place / "images", "--out", out), "--force")
    assert run("score", place / "run", place / "images", "--out", out, "--force").returncode == 0


def test_a_folder_of_images(place):
    out = place / "out"
    assert run("sample", place / "run", "--out", out, "--count", 9).returncode == 0
    one_line_error(run("sample", place / "run", "--out", out, "--count", 4), out, "--force")
    assert run("sample", place / "run", "--out", out, "--count", 4, "--force").returncode == 0
    assert len(list(out.rglob("*.png"))) == 4
    (out / "notes.txt").write_text("precious")
    one_line_error(run("sample", place / "run", "--out", out, "--count", 4, "--force"), "'notes.txt'")
    assert len(list(out.rglob("*.png"))) == 4
    one_line_error(run("sample", place / "run", "--out", place / "run", "--count", 4, "--force"), place / "run")
    samples = place / "run" / "samples"
    one_line_error(run("sample", place / "run", "--out", samples, "--count", 4, "--force"), "samples", "run folder")
    assert len(list(samples.iterdir())) == 4


def test_a_folder_of_other_images_is_never_replaced(place):
    """Other data sets number their images too."""
    images = place / "ffhq"
    (images / "00000").mkdir(parents=True)
    for i in range(3):
        Image.new("L", (8, 8), i).save(images / "00000" / f"{i:05}.png")
    (images / "00000" / "00003.png.partial-999999999").write_text("left behind")
    sample = ["sample", place / "run", "--count", 4, "--out"]
    one_line_error(run(*sample, images, "--force"), images, ".fqgan-sample", "by hand")
    one_line_error(run(*sample, images), images)
    assert len(list((images / "00000").iterdir())) == 4


def test_the_training_data_are_never_replaced(place):
    data = place / "data"
    assert run("sample", place / "run", "--count", 30, "--out", data).returncode == 0
    recipe = place / "own.toml"
    text = (place / "run" / "recipe.toml").read_text()
    recipe.write_text(re.sub("(?m)^path = .*$", f'path = "{data}"', text))
    assert run("train", recipe, "--out", place / "own", "--set", "training.iterations=2").returncode == 0
    checkpoint = place / "own" / "checkpoints" / "step-00000002.safetensors"
    for model in (place / "own", checkpoint):
        for target in (data, data / "zero", data / "grid.png", place):
            error = one_line_error(run("sample", model, "--count", 4, "--out", target, "--force"), "--out", target)
            assert "input" in error or "images in" in error
        one_line_error(run("classify", model, place / "images", "--confusion", data / "c.png"), "--confusion", data)
    assert len(list(data.rglob("*.png"))) == 30


def test_sampled_images_are_a_data_set(place):
    out = place / "out"
    assert run("sample", place / "run", "--out", out, "--count", 9).returncode == 0
    assert (out / ".fqgan-sample").is_file()
    told = run("inspect", out)
    assert "images: 9 of" in told.stdout and "classes: 3" in told.stdout, told.stdout
    assert "fqgan-sample" not in told.stdout + told.stderr and "not read" not in told.stderr
    done = run("evaluate", out, "--against", place / "images", "--metrics", "fid")
    assert done.returncode == 0 and "(9 images" in done.stdout, done.stderr
    assert "not read" not in done.stderr


def test_pictures_of_a_data_set(place):
    sheet = place / "sheet"
    assert run("inspect", place / "images", "--pictures", sheet).returncode == 0
    before = (sheet / "contact.png").stat().st_ino
    one_line_error(run("inspect", place / "images", "--pictures", sheet), "--pictures", "contact.png", "--force")
    assert run("inspect", place / "images", "--pictures", sheet, "--force").returncode == 0
    assert (sheet / "contact.png").stat().st_ino != before


def test_statistics_have_an_ending(place):
    done = run("evaluate", place / "images", "--save-statistics", place / "statistics.txt")
    one_line_error(done, "--save-statistics", ".safetensors")


def test_a_grid_of_many_classes_can_be_looked_at(tmp_path):
    names = [f"class{k:03}" for k in range(300)]
    for k, name in enumerate(names):
        (tmp_path / "data" / name).mkdir(parents=True)
        Image.new("L", (8, 8), k % 256).save(tmp_path / "data" / name / "0.png")
    recipe = tmp_path / "many.toml"
    text = (tmp_path / "data").as_posix()
    recipe.write_text(
        f'family = "biggan"\n[data]\npath = "{text}"\nresolution = 8\n[training]\niterations = 1\nsample_every = 1\n'
        "[model]\nbatch = 8\n[model.generator]\nwidth = 4\nmultipliers = [4, 2, 2]\nlatent = 8\n"
        "[model.discriminator]\nwidth = 4\nmultipliers = [2, 4]\ndownsample = [true, true]\n"
        "[model.average]\nstanding_images = 40\n[model.quantizer]\ntaps = []\n"
    )
    trained = run("train", recipe, "--out", tmp_path / "run")
    assert trained.returncode == 0, trained.stderr
    assert trained.stderr.count("of 300 classes") == 1
    done = run("sample", tmp_path / "run", "--out", tmp_path / "grid.png")
    assert "30 of 300 classes" in done.stderr and "'class290'" in done.stderr
    for path in (tmp_path / "grid.png", tmp_path / "run" / "samples" / "step-00000001.png"):
        width, height = png_size(path)
        assert 600 < width < 2100 and 1800 < height < 2100
    run("sample", tmp_path / "run", "--out", tmp_path / "all.zip", "--count", 300)
    wide = run("sample", tmp_path / "run", "--out", tmp_path / "wide.png", "--class", 5, "--columns", 40)
    assert wide.returncode == 0, wide.stderr
    assert png_size(tmp_path / "wide.png")[0] > 40 * 64


def test_classes_have_rows_of_their_own(trained, tmp_path):
    two = ["--class", "two", "--class", "zero"]
    assert run("sample", trained, "--out", tmp_path / "a.png", *two, "--count", 20).returncode == 0
    assert run("sample", trained, "--out", tmp_path / "b.png", *two).returncode == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert run("sample", trained, "--out", tmp_path / "c.png", *two, "--count", 23).returncode == 0
    assert png_size(tmp_path / "c.png")[1] == 4 * 66 - 2
    assert run("sample", trained, "--out", tmp_path / "images", *two, "--count", 4).returncode == 0
    names = sorted(path.relative_to(tmp_path / "images").as_posix() for path in (tmp_path / "images").rglob("*.png"))
    assert names == ["two/00000.png", "two/00002.png", "zero/00001.png", "zero/00003.png"], "files take turns"


def test_counts_are_checked_before_the_work(trained, tmp_path):
    one_line_error(run("sample", trained, "--out", tmp_path / "x.png", "--count", 10001), "--count", "10000", "10001")
    one_line_error(run("sample", trained, "--out", tmp_path / "x.zip", "--count", 99999999999), "--count", "10000000")
    assert not list(tmp_path.iterdir())


def test_wrong_names_get_a_suggestion(place):
    sample = ["sample", place / "run", "--out", place / "x.png", "--class"]
    one_line_error(run(*sample, "thwo"), "'thwo'", "Did you mean 'two'?")
    one_line_error(run(*sample, "seven"), "inspect MODEL", PROGRAM)
    both = ["evaluate", place / "images", "--against", place / "images"]
    one_line_error(run(*both, "--features", "clasifier"), "Did you mean 'classifier'?")
    one_line_error(run(*both, "--metrics", "kdi"), "Did you mean 'kid'?")
    one_line_error(run(*both, "--set", "data.path=x"), PROGRAM, "evaluate A --against B")
    one_line_error(run("options", "bigan"), "Did you mean 'biggan'?")
    one_line_error(run("samle", "x"), "Did you mean 'sample'?")


def test_classify_and_import_follow_the_rule(place):
    out = place / "there.csv"
    out.write_text("precious")
    one_line_error(run("classify", place / "run", place / "images", "--out", out), "--out", "--force")
    picture = place / "images" / "confusion.png"
    one_line_error(run("classify", place / "run", place / "images", "--confusion", picture), "--confusion", "images")
    weights = place / "G.safetensors"
    weights.write_bytes(b"")
    arguments = ["import", "--from", "biggan-pytorch", "--recipe", place / "r.toml", "--generator", weights]
    one_line_error(run(*arguments, "--out", weights, "--force"), "--out", "input")
    assert out.read_text() == "precious"


def test_formats_that_do_not_exist_are_refused_before_the_model_is_read(tmp_path):
    """A film is not for sample."""
    for command, out in (("sample", "x.webp"), ("sample", "x.jpg"), ("interpolate", "x.gif")):
        words = ("--seeds", "1,2") if command == "interpolate" else ()
        one_line_error(run(command, tmp_path / "missing.safetensors", *words, "--out", tmp_path / out), out, "folder")
    assert not list(tmp_path.iterdir())
