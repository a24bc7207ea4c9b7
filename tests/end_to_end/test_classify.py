"""Semi-supervised training and fqgan classify: few labels beat guessing, an ensemble, the files, and wrong input."""

import csv
import gzip
import json
import re

from PIL import Image
import pytest
from conftest import one_line_error, run, write_idx

RECIPE = """
family = "improved"
seed = 3
threads = 2
[data]
path = "{data}"
class_names = ["zero", "one", "two"]
labels_per_class = 5
[training]
iterations = 60
log_every = 20
sample_every = 60
checkpoint_every = 30
[evaluation]
every = 30
metrics = ["error"]
keep_best = "error"
[model]
batch = 20
[model.generator]
hidden = [16, 16]
[model.discriminator]
hidden = [32, 16]
initialise_on = 40
adam = {{ epsilon_in_root = true }}
"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classify")
    data = write_idx(folder / "data", images=90)
    for part in ("images-idx3", "labels-idx1"):  # the same images as a test split
        (folder / f"data/t10k-{part}-ubyte.gz").write_bytes((folder / f"data/train-{part}-ubyte.gz").read_bytes())
    recipe = folder / "few.toml"
    recipe.write_text(RECIPE.format(data=data))
    for seed in (3, 4):
        process = run("train", recipe, "--out", folder / f"run{seed}", "--set", f"seed={seed}")
        assert process.returncode == 0, process.stderr
    return folder


def test_training_tells_the_error_of_the_test_split(trained):
    for name in ("run3", "run4"):
        lines = [json.loads(line) for line in (trained / name / "metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == [0, 30, 60]
        errors = [line["metrics"]["error/test"] for line in lines]
        assert errors[0] > 0.5  # guesses: two of three are wrong
        assert 0 <= errors[-1] < 0.5 and errors[-1] < errors[0], errors  # six seeds came to 0.08 to 0.33
    assert (trained / "run3/curves/error.png").exists() and (trained / "run3/samples/step-00000060.png").exists()
    assert (trained / "run3/checkpoints/best.safetensors").exists()


def test_classify_agrees_with_the_training(trained):
    out = trained / "run3.csv"
    process = run("classify", trained / "run3", trained / "data", "--json", "--out", out)
    assert process.returncode == 0, process.stderr
    found = json.loads(process.stdout)
    last = json.loads((trained / "run3/metrics.jsonl").read_text().splitlines()[-1])
    assert found["error"] == pytest.approx(last["metrics"]["error/test"]) and found["images"] == 90
    pairs = [(row["label"], row["prediction"]) for row in csv.DictReader(out.open())]
    names = ["zero", "one", "two"]
    assert found["confusion"] == [[pairs.count((label, said)) for said in names] for label in names]
    assert any(label != said for label, said in pairs), "without a wrong one a transposed matrix is the same"
    assert found["wrong"] == 90 - sum(found["confusion"][k][k] for k in range(3))
    some = run("classify", trained / "run3", trained / "data", "--json", "--set", "data.limit=7")
    assert json.loads(some.stdout)["images"] == 7


def test_ensemble_and_files(trained):
    out, picture = trained / "predictions.csv", trained / "confusion.png"
    process = run(
        "classify", trained / "run3", trained / "run4", trained / "data", "--out", out, "--confusion", picture
    )
    assert process.returncode == 0, process.stderr
    assert "of 90 wrong" in process.stdout and picture.read_bytes().startswith(b"\x89PNG")
    both = list(csv.DictReader(out.open()))
    assert len(both) == 90 and set(both[0]) == {"name", "label", "prediction", "p(zero)", "p(one)", "p(two)"}
    singles = []
    for name in ("run3", "run4"):
        assert run("classify", trained / name, trained / "data", "--out", out, "--force").returncode == 0
        singles.append(list(csv.DictReader(out.open())))
    for a, b, mean in zip(*singles, both):
        for key in ("p(zero)", "p(one)", "p(two)"):
            assert float(mean[key]) == pytest.approx((float(a[key]) + float(b[key])) / 2, abs=2e-6)


def test_resumes_to_the_bit(trained, tmp_path):
    recipe = trained / "few.toml"
    assert run("train", recipe, "--out", tmp_path / "cut", "--set", "training.iterations=30").returncode == 0
    assert run("train", "--resume", tmp_path / "cut", "--set", "training.iterations=60").returncode == 0
    names = ["checkpoints/step-00000060.safetensors", "samples/step-00000060.png"]
    whole, cut = (
        json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])
        for folder in (trained / "run3", tmp_path / "cut")
    )
    assert whole["metrics"] == cut["metrics"]
    assert (trained / "run3" / names[1]).read_bytes() == (tmp_path / "cut" / names[1]).read_bytes()


def test_a_class_without_labels_is_refused(trained):
    recipe = trained / "unlabelled.toml"
    recipe.write_text(RECIPE.format(data=trained / "data").replace("labels_per_class = 5\n", ""))
    assert run("train", recipe, "--dry-run").returncode == 0
    names = 'data.class_names=["zero", "one", "two", "three"]'
    one_line_error(run("train", recipe, "--dry-run", "--set", names), "'three'")


def test_files_are_checked_before_images_are_classified(trained, tmp_path):
    out, folder, file = tmp_path / "predictions.csv", tmp_path / "folder.csv", tmp_path / "file"
    classify = ["classify", trained / "run3", trained / "data"]
    process = run(*classify, "--set", "data.labels=false", "--out", out, "--confusion", tmp_path / "confusion.png")
    one_line_error(process, "--confusion")
    folder.mkdir()
    one_line_error(run(*classify, "--out", folder), "folder.csv")
    file.write_text("in the way")
    one_line_error(run(*classify, "--out", out, "--confusion", file / "confusion.png"), "file")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.csv"]
    assert run(*classify, "--out", tmp_path / "new/predictions.csv").returncode == 0


def test_minibatch_discrimination_classifies_whole_batches(trained, tmp_path):
    settings = ["generator.steps=3", "minibatch_discrimination.kernels=4", "feature_matching.weight=0"]
    settings += ["feature_matching.adversarial=1", "discriminator.initialise_from=labelled"]
    words = [word for setting in settings for word in ("--set", f"model.{setting}")]
    process = run("train", trained / "few.toml", "--out", tmp_path / "run", *words)
    assert process.returncode == 0, process.stderr
    last = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[-1])
    found = run("classify", tmp_path / "run", trained / "data", "--json")  # 90 images, batches of 20
    assert json.loads(found.stdout)["error"] == pytest.approx(last["metrics"]["error/test"])
    few = write_idx(tmp_path / "few", images=9)
    process = run("classify", tmp_path / "run", few, "--split", "train")
    assert process.returncode == 0 and re.search(r"\b20\b.*\b9\b", process.stderr)


def as_folders(trained, folder, names, per_class=6):
    """The first images of the classes as folders of these names; names: {folder: class}."""
    pixels = gzip.decompress((trained / "data/train-images-idx3-ubyte.gz").read_bytes())[16:]
    for name, k in names.items():
        (folder / name).mkdir(parents=True)
        for i in range(per_class):
            at = 64 * (3 * i + k)  # image 3 i + k is of class k
            Image.frombytes("L", (8, 8), pixels[at : at + 64]).save(folder / name / f"{3 * i + k:02}.png")
    return folder


def predictions(trained, images, tmp_path):
    process = run("classify", trained / "run3", images, "--out", tmp_path / "p.csv", "--json", "--force")
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout), list(csv.DictReader((tmp_path / "p.csv").open()))


@pytest.mark.parametrize("names", [{"one": 1, "two": 2, "zero": 0}, {"ZERO": 0, "two": 2}, {"two": 2}])
def test_classes_are_matched_by_name(trained, names, tmp_path):
    _, known = predictions(trained, trained / "data", tmp_path)
    images = as_folders(trained, tmp_path / "images", names)
    found, rows = predictions(trained, images, tmp_path)
    assert found["classes"] == ["zero", "one", "two"] and found["labelled"] == 6 * len(names)
    for row in rows:
        folder, file = row["name"].split("/")
        assert row["label"] == folder.lower()
        assert row["prediction"] == known[int(file[:2])]["prediction"]
    assert found["wrong"] == sum(row["label"] != row["prediction"] for row in rows)
    assert [sum(counts) for counts in found["confusion"]] == [6 * (k in names.values()) for k in range(3)]


def test_unknown_classes_are_named(trained, tmp_path):
    images = as_folders(trained, tmp_path / "images", {"owl": 0, "two": 2, "wolf": 1})
    line = one_line_error(run("classify", trained / "run3", images), "'owl', 'wolf'", "'zero'", "data.labels=false")
    assert "'two'" in line.split("got")[0] and "'two'" not in line.split("got")[1]
    assert run("classify", trained / "run3", images, "--set", "data.labels=false").returncode == 0
    both = as_folders(trained, tmp_path / "both", {"two": 2, "TWO": 2})
    one_line_error(run("classify", trained / "run3", both), "'TWO'")


def test_options_without_an_effect_are_refused(trained):
    ignored = ["data.path=x", "data.resolution=4", "data.channels=3", "data.flip=true", "model.batch=3", "seed=1"]
    for command in ("classify", "score"):
        for setting in ignored:
            process = run(command, trained / "run3", trained / "data", "--set", setting)
            one_line_error(process, "--set", setting.split("=")[0])
    one_line_error(run("classify", trained / "run3", trained / "data", "--set", "data.split=train"), "--split")


def test_samples_are_unconditional(trained):
    out = trained / "grid.png"
    assert run("sample", trained / "run3", "--out", out).returncode == 0 and out.exists()
    one_line_error(run("sample", trained / "run3", "--out", out, "--force", "--class", "one"), "class")
    one_line_error(run("sample", trained / "run3", "--out", out, "--force", "--truncation", "0.5"), "truncation")


def test_wrong_input(trained, tmp_path):
    recipe = trained / "few.toml"
    train = ["train", recipe, "--dry-run", "--set"]
    one_line_error(run(*train, "data.labels_per_class=31"), "data.labels_per_class", "'zero'", "30", "31")
    one_line_error(run(*train, "data.labels=false"), "error: data: ")
    one_line_error(run(*train, "model.feature_matching.tap=hidden9"), ".tap", "hidden9", "'hidden1', 'hidden2'")
    one_line_error(run(*train, "model.batch=1000"), "model.batch", "90", "1000")
    one_line_error(run(*train, "model.minibatch_discrimination.kernels=10"), "model.minibatch_discrimination")
    one_line_error(run(*train, "model.feature_matching.weight=0"), "model.feature_matching")
    one_line_error(run(*train, "model.label_smoothing.real=0"), "label_smoothing.real", "(0, 1]")
    one_line_error(run(*train, "model.network=convolutional"), "model.discriminator.hidden", "2")
    smoothing = ["model.label_smoothing.real=0.2", "--set", "model.label_smoothing.fake=0.8"]
    one_line_error(run(*train, *smoothing), "label_smoothing", "0.2", "0.8")
    one_line_error(run(*train, "model.generator.steps=0"), "model.generator.steps")
    one_line_error(run("classify", trained / "run3"), "classifier")
    one_line_error(run("classify", trained / "run3", tmp_path / "nothing"), "nothing")
    one_line_error(run("classify", trained / "run3", trained / "data", "--out", "x.txt"), ".csv")
    other = write_idx(tmp_path / "other", images=40, classes=4)
    one_line_error(run("classify", trained / "run3", other, "--split", "train"), "class")
