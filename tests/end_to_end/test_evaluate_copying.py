"""fqgan evaluate with training images: what is called a copy and what is not, the picture and table of the nearest
pairs, what is refused; and the same metrics while a training runs."""

import csv
import json
import random
import re
import shutil
import statistics

import pytest
from PIL import Image

from conftest import RECIPE, one_line_error, run, write_idx
from test_evaluate import evaluate, lines, scripted, value

COPY_METRICS = ["--metrics", "auth,c_t,copied"]


def blobs(folder, count, seed, of=None, noise=0):
    """Gray images of 12 x 12 with a few soft spots; with `of` noisy copies of the first images of that folder."""
    folder.mkdir()
    draw = random.Random(seed)
    for i in range(count):
        if of:
            pixels = Image.open(of / f"{i:04}.png").tobytes()
        else:
            spots = [[draw.uniform(*span) for span in ((0, 12), (0, 12), (1, 3), (60, 250))] for _ in range(3)]
            pixels = [
                sum(height / (1 + ((x - a) ** 2 + (y - b) ** 2) / width**2) for a, b, width, height in spots) / 2
                for y in range(12)
                for x in range(12)
            ]
        pixels = [min(255, max(0, round(value + draw.gauss(0, noise)))) for value in pixels]
        image = Image.new("L", (12, 12))
        image.putdata(pixels)
        image.save(folder / f"{i:04}.png")
    return folder


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """Training images, held-out ones, other new ones, and noisy copies of 300 training images."""
    folder = tmp_path_factory.mktemp("copying")
    training = blobs(folder / "training", 800, 1)
    return {
        "training": training,
        "held_out": blobs(folder / "held_out", 300, 2),
        "new": blobs(folder / "new", 300, 3),
        "copies": blobs(folder / "copies", 300, 4, of=training, noise=2),
        "net": scripted(folder, "return x[:, 0].float().flatten(1)"),
    }


def measured(sets, generated, *arguments):
    sides = [sets[generated], "--against", sets["held_out"], "--training", sets["training"]]
    features = [] if "--features" in arguments else ["--features", sets["net"]]
    return [*sides, *features, *arguments]


def test_copies_are_called_copies_and_new_images_are_not(sets):
    copies = evaluate(*measured(sets, "copies", *COPY_METRICS))
    assert value(copies, "copied") > 0.95 and value(copies, "copied_by_ratio") > 0.95
    assert value(copies, "auth_pct") < 5
    assert value(copies, "c_t") < -5
    assert copies["training"] == str(sets["training"])
    assert copies["counts"] == {"generated": 300, "against": 300, "training": 800}
    new = evaluate(*measured(sets, "new", *COPY_METRICS))
    assert value(new, "copied") < 0.04 and value(new, "copied_by_ratio") < 0.04
    assert value(new, "auth_pct") > 30
    assert abs(value(new, "c_t")) < 3


def test_the_verdict_is_one_line(sets):
    for generated, words in (("copies", "repeats training images"), ("new", "no sign of copying")):
        process = run("evaluate", *measured(sets, generated, "--metrics", "copied"))
        assert process.returncode == 0, process.stderr
        verdicts = [line for line in process.stderr.splitlines() if line.startswith("copied: ")]
        assert len(verdicts) == 1 and words in verdicts[0], process.stderr
        assert "(300 images against 800 training images)" in process.stdout


def test_training_images_alone_suffice(sets):
    """Without held-out images the training images are compared with each other."""
    sides = [sets["copies"], "--against", sets["training"], "--training", sets["training"], "--features", sets["net"]]
    document = evaluate(*sides, "--metrics", "copied")
    assert value(document, "copied") > 0.95
    assert any("800 of 800" in line for line in document["warnings"])


def test_the_default_metrics_with_training_images(sets):
    assert value(evaluate(*measured(sets, "copies")), "copied") > 0.95


def test_copies_that_the_features_miss_are_found_by_the_pixels(sets, tmp_path):
    blind = scripted(tmp_path, "return torch.rand(x.size(0), 8) + 0 * x[:, 0, 0, :1].float()")
    for generated, copied in (("copies", True), ("new", False)):
        process = run("evaluate", *measured(sets, generated, "--metrics", "copied", "--features", blind, "--json"))
        assert process.returncode == 0, process.stderr
        document = json.loads(process.stdout)
        pixels = document["metrics"]["copied_in_pixels_by_ratio/16x16"]
        assert (pixels > 0.9) == copied and value(document, "copied") < 0.1
        warnings = [line for line in document["warnings"] if "pixels" in line]
        assert len(warnings) == copied and all("file-" in line and "auth" in line for line in warnings)
        assert ("repeats training images" in document["copies"]) == copied


def test_nearest_pairs(sets, tmp_path):
    picture, table = tmp_path / "pairs.png", tmp_path / "pairs.csv"
    process = run("evaluate", *measured(sets, "copies", "--metrics", "fid", "--neighbours", picture))
    assert process.returncode == 0, process.stderr
    assert str(picture) in process.stderr and str(table) in process.stderr and "copied/file-" in process.stdout
    rows = list(csv.DictReader(table.open()))
    assert list(rows[0])[:5] == ["pair", "image", "nearest_training_image", "compared", "distance"]
    assert [int(row["pair"]) for row in rows] == list(range(1, 301))
    assert {row["compared"] for row in rows} == {"features"}
    for row in rows:
        assert row["image"].split("/")[-1] == row["nearest_training_image"].split("/")[-1]
        assert 1 < float(row["pixel_distance"]) < 3  # the standard deviation of the noise is 2
        assert float(row["distance"]) == pytest.approx(12 * float(row["pixel_distance"]), rel=1e-3)
        assert float(row["ratio_to_second"]) < 1
    assert sum(row["below_threshold"] == "yes" for row in rows) > 285
    distances = [float(row["distance"]) for row in rows]
    assert distances == sorted(distances)
    width, height = Image.open(picture).size  # 8 rows of 4 pairs, each image larger than 64 pixels
    assert width > 4 * 2 * 64 and height > 8 * 64

    again = measured(sets, "copies", "--neighbours", picture)
    one_line_error(run("evaluate", *again), "--neighbours", picture, "--force")
    picture.unlink()
    one_line_error(run("evaluate", *again), "--neighbours", table)
    assert run("evaluate", *again, "--force").returncode == 0
    assert picture.exists()


def test_an_error_bar_for_each_value(sets):
    metrics = evaluate(*measured(sets, "new", "--metrics", "fid,copied,auth", "--set", "bootstrap=10"))
    for name in ("fid", "copied", "auth_pct"):
        assert 0 < value(metrics, name + "_bootstrap_std") < max(1, value(metrics, name))


def test_what_cannot_be_measured_is_refused(sets, tmp_path):
    sides = [sets["new"], "--against", sets["held_out"], "--features", sets["net"]]
    for metric in ("auth", "c_t", "copied"):
        one_line_error(run("evaluate", *sides, "--metrics", metric), metric, "--training")
    one_line_error(run("evaluate", *sides, "--training", sets["training"], "--metrics", "fid"), "--training", "'fid'")
    one_line_error(run("evaluate", *sides, "--training", tmp_path / "none", "--metrics", "auth"), "none")
    twice = [sets["new"], "--against", sets["training"], "--training", sets["training"], "--features", sets["net"]]
    process = run("evaluate", *twice, "--metrics", "c_t")
    one_line_error(process, "c_t", "--against")
    assert "features:" not in process.stderr  # before anything is measured
    one_line_error(run("evaluate", *sides, "--neighbours", tmp_path / "pairs.png"), "copied", "--training")
    one_line_error(run("evaluate", *measured(sets, "new", "--neighbours", tmp_path / "pairs.gif")), "--neighbours")
    inside = sets["training"] / "pairs.png"
    one_line_error(run("evaluate", *measured(sets, "new", "--neighbours", inside)), "--neighbours", inside)
    one_line_error(run("evaluate", *measured(sets, "new", "--metrics", "auth", "--set", "c_t.cells=2")), "c_t.cells")
    one_line_error(run("evaluate", *measured(sets, "new", "--metrics", "c_t", "--set", "bootstrap=9")), "bootstrap")
    one_line_error(run("evaluate", *sides, "--metrics", "fid", "--set", "training.limit=9"), "training.limit")
    width = ["--metrics", "kid", "--set", "kid.rbf_sigma=3", "--set", "kid.subset_size=50"]
    one_line_error(run("evaluate", *sides, *width), "kid.rbf_sigma", "kid.kernel")


def test_a_c_t_that_is_not_defined_leaves_the_other_metrics(sets):
    cells = ["--set", "c_t.cells=200"]
    found = evaluate(*measured(sets, "new", "--metrics", "c_t,auth", *cells))
    assert [name.split("/")[0] for name in found["metrics"]] == ["auth_pct"]
    assert sum("c_t is missing" in line for line in found["warnings"]) == 1
    one_line_error(run("evaluate", *measured(sets, "new", "--metrics", "c_t", *cells)), "c_t is missing", "c_t.cells")


def test_a_training_goes_on_without_c_t(tmp_path):
    data = write_idx(tmp_path / "data")
    shutil.copytree(data, tmp_path / "other")  # the test images equal the training images
    table = '[evaluation]\nevery = 6\ncount = 30\nmetrics = ["fid", "c_t"]\nkeep_best = "c_t"\nagainst = "other"\n'
    (tmp_path / "recipe.toml").write_text(RECIPE.format(data=data).replace("[model]\n", table + "[model]\n", 1))
    process = run("train", tmp_path / "recipe.toml", "--out", tmp_path / "run")
    assert process.returncode == 0, process.stderr
    assert process.stderr.count("c_t is missing") == 1
    assert len(re.findall("c_t/classifier-[0-9a-f]{8} is not defined", process.stderr)) == 3
    assert [len(line["metrics"]) for line in lines(tmp_path / "run")] == [1, 1, 1]


@pytest.fixture(scope="module")
def trained_with_copies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    data = write_idx(folder / "data")
    table = '[evaluation]\nevery = 12\ncount = 30\nmetrics = ["fid", "copied", "auth"]\n[model]\n'
    (folder / "recipe.toml").write_text(RECIPE.format(data=data).replace("[model]\n", table, 1))
    process = run("train", folder / "recipe.toml", "--out", folder / "run", "--set", "data.held_out=12")
    assert process.returncode == 0, process.stderr
    return folder / "run", data


def test_a_run_is_compared_with_its_own_training_images(trained_with_copies, tmp_path):
    folder, data = trained_with_copies
    last = lines(folder)[-1]["metrics"]
    assert {name.split("/")[0] for name in last} == {
        *("fid", "copied", "copied_by_ratio", "copied_in_pixels", "copied_in_pixels_by_ratio", "auth_pct")
    }
    assert {name for name in last if "pixels" in name} == {
        *("copied_in_pixels/16x16", "copied_in_pixels_by_ratio/16x16")
    }
    document = evaluate(folder)
    assert document["metrics"] == last
    assert document["counts"] == {"generated": 30, "against": 12, "training": 48}
    other = evaluate(folder, "--training", data, "--metrics", "auth")
    assert other["counts"]["training"] == 60
    seeds = evaluate(folder, "--metrics", "fid,kid", "--set", "kid.subset_size=10", "--seeds", 3)
    singly = [value(evaluate(folder, "--metrics", "fid", "--seed", seed), "fid") for seed in range(3)]
    assert value(seeds, "fid") == pytest.approx(statistics.mean(singly), rel=1e-9)
    assert value(seeds, "fid_seeds_std") == pytest.approx(statistics.stdev(singly), rel=1e-6)
    assert any(name.startswith("kid_seeds_std[subset_size=10]/") for name in seeds["metrics"])
    one_line_error(run("evaluate", data, "--against", data, "--metrics", "fid", "--seeds", 2), "--seeds")
    picture = tmp_path / "pairs.png"
    process = run("evaluate", folder, "--metrics", "fid", "--neighbours", picture, "--json")
    assert process.returncode == 0, process.stderr
    assert value(json.loads(process.stdout), "copied") == last[next(n for n in last if n.startswith("copied"))]
    assert len((tmp_path / "pairs.csv").read_text().splitlines()) == 31
    one_line_error(run("evaluate", data, "--against", data, "--training", folder, "--metrics", "auth"), "--training")


def test_mixed_sizes_need_an_extractor_that_resizes(sets, tmp_path):
    mixed = blobs(tmp_path / "mixed", 5, 7)
    Image.open(mixed / "0000.png").resize((20, 14)).save(mixed / "0000.png")
    sides = [mixed, "--against", sets["held_out"], "--features", sets["net"]]
    one_line_error(run("evaluate", *sides, "--metrics", "fid"), "mixed", "data.resolution")
