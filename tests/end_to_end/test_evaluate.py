"""fqgan evaluate, and evaluation while training: metrics, files, errors, and that a training does not notice it."""

import json
import math
import pathlib
import re
import shutil

import pytest
import torch
from PIL import Image

from conftest import RECIPE, ROOT, one_line_error, run, write_class_folders, write_idx
from test_resume import CLOCK, assert_same_run, kill_when, start, tensors

EVALUATION = """
[evaluation]
every = 4
count = 30
metrics = ["fid", "kid", "accuracy"]
kid.subset_size = 20
keep_best = "fid"
"""
FASHION = pathlib.Path("/usr/share/datasets/fashion-mnist")
FEW = ["--set", "kid.subset_size=20"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """One cache for all tests, so that the classifier of a data set is trained once."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("FQGAN_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_idx(tmp_path_factory.mktemp("images") / "data")


@pytest.fixture(scope="module")
def recipe(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("recipe") / "evaluated.toml"
    path.write_text(RECIPE.format(data=data).replace("[model]\n", EVALUATION + "[model]\n"))
    return path


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, recipe):
    """A finished run with evaluations at 0, 4, 8 and 12."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    process = run("train", recipe, "--out", folder)
    assert process.returncode == 0, process.stderr
    return folder, process.stderr


@pytest.fixture(scope="module")
def extractor(cache, data):
    """The classifier of `data`, as a file."""
    evaluate(data, "--against", data, "--metrics", "fid")
    return next((cache / "classifiers").glob("*.safetensors"))


def evaluate(*arguments):
    process = run("evaluate", *arguments, "--json")
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def value(document, metric):
    """The first value of that name, whatever its extractor."""
    return next(v for k, v in document["metrics"].items() if re.split(r"[\[/]", k)[0] == metric)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def scripted(folder, body, name="net.pt"):
    """A TorchScript file whose forward(self, x) has this body."""
    module = type("Net", (torch.jit.ScriptModule,), {})()  # a class of its own: a method cannot be defined twice
    module.define(f"def forward(self, x):\n    {body}\n")
    module.save(str(folder / name))
    return folder / name


def event_steps(path, tag):
    """The steps (below 128) of the events with this tag, from TFRecords of protocol buffers."""
    content, at, steps = path.read_bytes(), 0, []
    while at < len(content):
        length = int.from_bytes(content[at : at + 8], "little")
        event = content[at + 12 : at + 12 + length]
        if tag.encode() in event:
            assert event[0] == 0x10  # the step is written first
            steps.append(event[1])
        at += length + 16
    return steps


def test_identical_sets(data):
    document = evaluate(data, "--against", data, "--metrics", "fid,kid,pr,prdc,accuracy,intra_fid,is", *FEW)
    assert abs(value(document, "fid")) < 1e-6
    assert abs(value(document, "intra_fid")) < 1e-6
    assert value(document, "precision") == value(document, "recall") == value(document, "coverage") == 1
    assert value(document, "inception_score") > 1
    assert document["counts"] == {"generated": 60, "against": 60}
    extractor = document["features"]["name"]
    assert re.fullmatch("classifier-[0-9a-f]{8}", extractor)
    assert document["features"]["dimension"] == 128
    assert "%" in document["features"]["description"]
    assert f"fid/{extractor}" in document["metrics"]
    assert f"kid[subset_size=20]/{extractor}" in document["metrics"]
    classes = [document["metrics"][f"class_accuracy/{extractor}/{name}"] for name in "012"]
    assert value(document, "class_accuracy") == pytest.approx(sum(classes) / 3)
    assert any("60" in line and "128" in line for line in document["warnings"])
    assert any("fid" in line and "60" in line for line in document["warnings"])


def test_metrics_for_people(data):
    process = run("evaluate", data, "--against", data, "--metrics", "fid,accuracy")
    assert process.returncode == 0, process.stderr
    assert re.search(r"^fid/classifier-[0-9a-f]{8} +\S+  \(60 images against 60\)$", process.stdout, re.MULTILINE)
    assert "warning: " in process.stderr and "held out" in process.stderr
    assert "training a classifier" not in process.stderr  # the test before has


def test_the_form_of_torch_fidelity(data, extractor, tmp_path):
    """tests/parity/test_fidelity.py compares it with the tool itself."""
    arguments = ["evaluate", data, "--against", data, "--features", extractor]
    process = run(*arguments, "--metrics", "pr,kid,fid,is", *FEW, "--json=torch-fidelity")
    assert process.returncode == 0, process.stderr
    keys = ["inception_score_mean", "inception_score_std", "frechet_inception_distance"]
    keys += ["kernel_inception_distance_mean", "kernel_inception_distance_std", "precision", "recall", "f_score"]
    found = json.loads(process.stdout)
    assert list(found) == keys and found["f_score"] == 1
    assert list(json.loads(run(*arguments, "--json=torch-fidelity").stdout)) == keys[2:3]
    for metric in ("prdc", "fid,accuracy"):
        process = run(*arguments, "--metrics", metric, "--json=torch-fidelity")
        one_line_error(process, "--json=torch-fidelity", metric.split(",")[-1])
        assert "features:" not in process.stderr
    one_line_error(run(*arguments, "--json=yaml"), "--json", "yaml", "torch-fidelity")


def test_a_metric_of_one_side_needs_no_other(data, extractor, tmp_path):
    arguments = ["evaluate", data, "--features", extractor, "--metrics", "is,accuracy"]
    both = run(*arguments, "--against", data, "--json")
    alone = run(*arguments, "--json")
    assert alone.returncode == both.returncode == 0, alone.stderr
    found, expected = json.loads(alone.stdout), json.loads(both.stdout)
    assert found["metrics"] == expected["metrics"] and found["against"] is None
    assert found["counts"] == {"generated": 60, "against": None}
    assert "(60 images)" in run(*arguments).stdout
    one_line_error(run(*arguments[:-1], "is,fid"), "--against")
    one_line_error(run(*arguments, "--save-statistics", tmp_path / "x.npz"), "--metrics")


def test_statistics_against_each_other_need_no_extractor(data, extractor, tmp_path):
    numpy = pytest.importorskip("numpy")
    theirs = tmp_path / "theirs.npz"
    numpy.savez(theirs, mu=numpy.zeros(128), sigma=numpy.eye(128))
    assert list(evaluate(theirs, "--against", theirs)["metrics"]) == ["fid/unknown"]
    for name in ("ours.npz", "ours.safetensors"):
        assert run("evaluate", data, "--features", extractor, "--save-statistics", tmp_path / name).returncode == 0
        document = evaluate(theirs, "--against", tmp_path / name)
        (value,) = document["metrics"]
        assert re.fullmatch("fid/classifier-[0-9a-f]{8}", value)
    one_line_error(run("evaluate", theirs, "--against", theirs, "--metrics", "kid"), theirs, "kid")


def test_statistics_of_another_tool(data, extractor, tmp_path):
    """tests/parity/test_statistics.py exchanges such files with NumPy and pytorch-fid."""
    numpy = pytest.importorskip("numpy")
    ours, theirs = tmp_path / "ours.npz", tmp_path / "theirs.npz"
    process = run("evaluate", data, "--features", extractor, "--save-statistics", ours)
    assert process.returncode == 0, process.stderr
    with numpy.load(ours) as file:
        numpy.savez_compressed(theirs, mu=file["mu"] + 0.1, sigma=file["sigma"])
    process = run("evaluate", data, "--features", extractor, "--against", theirs)
    assert process.returncode == 0 and "(60 images against an unknown number)" in process.stdout, process.stderr
    assert process.stderr.count(f"warning: {theirs}") == 1
    net = scripted(tmp_path, "return x.float().flatten(1)")
    process = run("evaluate", data, "--features", net, "--against", ours)
    one_line_error(process, ours, "classifier-", "file-")
    assert "features:" not in process.stderr, "nothing was measured"
    process = run("evaluate", theirs, "--features", net, "--save-statistics", tmp_path / "x.safetensors")
    one_line_error(process, "moments")


def test_a_training_against_statistics_of_another_tool(recipe, data, extractor, tmp_path):
    numpy = pytest.importorskip("numpy")
    saved = tmp_path / "theirs.npz"
    numpy.savez(saved, mu=numpy.zeros(128), sigma=numpy.eye(128))
    settings = [f"evaluation.against={saved}", 'evaluation.metrics=["fid"]', f"evaluation.features={extractor}"]
    folder = tmp_path / "run"
    process = run("train", recipe, "--out", folder, *[word for text in settings for word in ("--set", text)])
    assert process.returncode == 0 and process.stderr.count(f"{saved} does not name") == 1, process.stderr
    assert [line["counts"] for line in lines(folder)] == [{"generated": 30, "against": None}] * 4
    assert evaluate(folder)["metrics"] == lines(folder)[-1]["metrics"]


def test_default_metrics(data):
    document = evaluate(data, "--against", data)
    assert {re.split(r"[\[/]", name)[0] for name in document["metrics"]} == {"fid", "class_accuracy"}
    process = run("evaluate", data, "--against", data)
    assert "without kid" not in process.stderr  # nobody asked for it
    assert f"chosen because {data} has labels" in process.stderr
    assert process.stderr.count("was trained on these images") == 1, process.stderr
    of_classes = [line for line in process.stdout.splitlines() if re.match("class_accuracy/.*/[012] ", line)]
    assert len(of_classes) == 3 and not any("images" in line for line in of_classes)
    names = {re.split(r"[\[/]", name)[0] for name in evaluate(data, "--against", data, *FEW)["metrics"]}
    assert names == {"fid", "kid", "kid_std", "class_accuracy"}


def test_saved_statistics_stand_for_images(data, extractor, tmp_path):
    other = write_idx(tmp_path / "other", images=90)
    extractor = ["--features", extractor]
    saved = tmp_path / "statistics.safetensors"
    process = run("evaluate", other, "--save-statistics", saved, *extractor)
    assert process.returncode == 0 and process.stdout == "", process.stderr
    from_images = evaluate(data, "--against", other, "--metrics", "fid", *extractor)
    for pair in ((data, saved), (saved, data)):
        document = evaluate(pair[0], "--against", pair[1], *extractor)
        assert value(document, "fid") == pytest.approx(value(from_images, "fid"), rel=1e-9)
        assert sorted(document["counts"].values()) == [60, 90]
    one_line_error(run("evaluate", data, "--against", saved, "--metrics", "pr", *extractor), saved.name, "pr")
    with_kid = run("evaluate", data, "--against", saved, "--metrics", "fid,kid", *extractor)
    assert "subset_size" not in one_line_error(with_kid, saved.name, "kid")
    document = evaluate(data, "--against", saved, "--metrics", "fid,accuracy", *extractor)
    assert value(document, "class_accuracy") == value(
        evaluate(data, "--against", other, "--metrics", "accuracy", *extractor), "class_accuracy"
    )
    net = scripted(tmp_path, "return x.float().flatten(1)")
    one_line_error(run("evaluate", data, "--against", saved, "--features", net), "classifier-", "file-")


def test_transparent_images_of_a_model_are_measured_on_black(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for i in range(20):
        Image.new("RGBA", (8, 8), (12 * i, 200, 90, 255 - 10 * i)).save(data / f"{i}.png")
    (tmp_path / "recipe.toml").write_text(RECIPE.format(data=data).replace("class_names", "# "))
    settings = ["data.alpha=keep", "model.conditional=false", "training.iterations=2", "evaluation.every=2"]
    net = scripted(tmp_path, "return x.float().flatten(1)[:, ::7]")
    settings += ["evaluation.count=10", f"evaluation.features={net}"]
    settings = [word for setting in settings for word in ("--set", setting)]
    process = run("train", tmp_path / "recipe.toml", "--out", tmp_path / "run", *settings)
    assert process.returncode == 0, process.stderr
    for side in ("generated images", f"{data} (train)"):
        assert process.stderr.count(f"{side}: transparent images, laid on black for file-") == 1, process.stderr
    assert evaluate(tmp_path / "run")["metrics"] == lines(tmp_path / "run")[-1]["metrics"]
    evaluate(tmp_path / "run", "--against", data, "--metrics", "fid")


def test_a_run_its_checkpoint_and_its_images_have_the_same_metrics(evaluated, data, tmp_path):
    folder, _ = evaluated
    settings = ["--metrics", "fid,accuracy", "--count", 30]
    of_run = evaluate(folder, *settings)  # against its own data
    assert of_run["counts"] == {"generated": 30, "against": 60}
    last = lines(folder)[-1]["metrics"]
    for name, found in of_run["metrics"].items():
        assert found == last[name], name
    checkpoint = folder / "checkpoints" / "step-00000012.safetensors"
    assert evaluate(checkpoint, "--against", data, *settings)["metrics"] == of_run["metrics"]
    turns = [word for name in ("zero", "one", "two") for word in ("--class", name)]
    images = tmp_path / "images.zip"  # its folders are in another order than the classes
    assert run("sample", folder, "--out", images, "--count", 30, *turns).returncode == 0
    names = ["--set", 'against.class_names=["zero","one","two"]']
    of_images = evaluate(images, "--against", data, *settings[:2], *names)["metrics"]
    assert value({"metrics": of_images}, "fid") == pytest.approx(value(of_run, "fid"), rel=1e-4)
    assert value({"metrics": of_images}, "class_accuracy") == value(of_run, "class_accuracy")


@pytest.mark.parametrize("name", ["run", "step-00000012.safetensors", "best.safetensors"])
def test_a_run_is_measured_as_it_measured_itself(recipe, tmp_path, name):
    """Features, metrics, their settings, number and seed of the images, precision and weights come from the recipe."""
    folder = tmp_path / "run"
    assert run("evaluate", recipe, "--against", recipe).returncode == 2
    settings = [
        *("precision=bfloat16", "threads=1", "evaluation.count=40", "evaluation.seed=5", "evaluation.weights=raw"),
        *("evaluation.truncation=0.7", "evaluation.kid.subset_size=25", 'evaluation.metrics=["fid","kid"]'),
        "evaluation.keep_best=kid",
    ]
    process = run("train", recipe, "--out", folder, *[word for text in settings for word in ("--set", text)])
    assert process.returncode == 0, process.stderr
    document = evaluate(folder if name == "run" else folder / "checkpoints" / name)
    assert document["counts"] == {"generated": 40, "against": 60}
    evaluations = [line["metrics"] for line in lines(folder)]
    if name == "best.safetensors":
        kid = next(key for key in evaluations[0] if key.startswith("kid["))
        assert document["metrics"] == min(evaluations, key=lambda metrics: metrics[kid])
        return
    assert document["metrics"] == evaluations[-1]
    other = evaluate(folder, "--seed", 6, "--metrics", "fid", "--raw=false", "--count", 20)["metrics"]
    assert len(other) == 1 and list(other.values())[0] != evaluations[-1][list(other)[0]]


def test_a_finished_run_finds_what_was_moved(tmp_path):
    data = write_idx(tmp_path / "images")
    folder, recipe = tmp_path / "run", tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(data=data).replace("[model]\n", EVALUATION + "[model]\n"))
    assert run("train", recipe, "--out", folder).returncode == 0
    shutil.move(data, tmp_path / "elsewhere")
    hint = one_line_error(run("evaluate", folder), data).split("Hint: ")[1]
    assert f"train --resume {folder} --data PLACE" in hint
    assert run("train", "--resume", folder, "--data", tmp_path / "elsewhere").returncode == 0
    for place in (folder, folder / "checkpoints" / "step-00000012.safetensors"):
        assert evaluate(place)["metrics"] == lines(folder)[-1]["metrics"]


def test_a_reference_of_the_recipe_is_read_as_in_the_training(recipe, tmp_path):
    """With an unreadable image, which a training leaves out."""
    images = write_class_folders(tmp_path / "images", ["zero", "one", "two"], images=20)
    (images / "one" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n but no more")
    folder = tmp_path / "run"
    settings = ["--set", f"evaluation.against={images}", "--set", "data.channels=1"]
    assert run("train", recipe, "--out", folder, *settings).returncode == 0
    assert evaluate(folder)["metrics"] == lines(folder)[-1]["metrics"]
    one_line_error(run("evaluate", folder, "--against", images), "broken.png")


def test_metrics_of_the_recipe_that_cannot_be_measured_are_left_out(evaluated, tmp_path):
    folder, _ = evaluated
    process = run("evaluate", folder, "--count", 10)  # fewer than kid.subset_size
    assert process.returncode == 0 and "kid" not in process.stdout and "fid" in process.stdout, process.stderr
    assert "without kid" in process.stderr
    one_line_error(run("evaluate", folder, "--count", 10, "--metrics", "kid"), "kid")


def test_what_would_be_ignored_is_refused(evaluated, data, tmp_path):
    folder, _ = evaluated
    for flag in (["--raw"], ["--count", 5], ["--seed", 1], ["--truncation", 0.5], ["--source", data]):
        one_line_error(run("evaluate", data, "--against", data, *flag), flag[0])
    for setting in ("data.path=x", "data.resolution=8", "against.split=test", "data.flip=true"):
        one_line_error(run("evaluate", folder, "--set", setting), setting.split("=")[0])
    one_line_error(run("evaluate", folder, "--against", data, "--set", "against.path=x"), "against.path")
    one_line_error(run("evaluate", folder, "--against", data, "--set", " data.path =x"), "data.path")
    one_line_error(run("evaluate", data, "--against", data, "--set", "data.crop_margin=2"), "data.crop_margin")


def test_a_run_or_a_checkpoint_to_be_held_against(evaluated, data):
    folder, _ = evaluated
    settings = ["--metrics", "fid,accuracy,intra_fid", "--count", 30]
    same = evaluate(folder, "--against", folder, *settings)  # the same seed, so the same images
    assert same["counts"] == {"generated": 30, "against": 30}
    assert abs(value(same, "fid")) < 1e-6 and abs(value(same, "intra_fid")) < 1e-6
    early = folder / "checkpoints" / "step-00000006.safetensors"
    apart = evaluate(folder, "--against", early, *settings)
    assert apart["against"] == str(early) and value(apart, "fid") > 1e-3
    turned = evaluate(data, "--against", folder, *settings)
    assert turned["counts"] == {"generated": 60, "against": 30}
    assert value(turned, "fid") == pytest.approx(lines(folder)[-1]["metrics"][next(iter(turned["metrics"]))], rel=1e-9)


def test_statistics_are_written_or_refused_before_anything_is_measured(evaluated, data, extractor, tmp_path):
    arguments = ["evaluate", data, "--against", data, "--features", extractor, "--save-statistics"]
    (tmp_path / "in_the_way").write_text("")
    for path in (tmp_path / "in_the_way" / "x.safetensors", tmp_path):
        process = run(*arguments, path)
        one_line_error(process, path, "--save-statistics")
        assert "features:" not in process.stderr
    saved = tmp_path / "run.safetensors"
    process = run("evaluate", evaluated[0], "--count", 30, "--features", extractor, "--save-statistics", saved)
    assert process.returncode == 0 and process.stdout == "" and "no metrics: " in process.stderr, process.stderr
    assert evaluate(saved, "--against", data, "--features", extractor)["counts"] == {"generated": 30, "against": 60}


def test_folders_and_other_features(tmp_path):
    for name, size, mode in (("gray", 8, "L"), ("colour", 8, "RGB"), ("large", 16, "RGB")):
        (tmp_path / name).mkdir()
        for i in range(12):
            colour = tuple((37 * i + 11 * c) % 256 for c in range(3))
            Image.new(mode, (size, size), colour if mode == "RGB" else colour[0]).save(tmp_path / name / f"{i}.png")
    gray, colour, large = (tmp_path / name for name in ("gray", "colour", "large"))
    net = ["--features", scripted(tmp_path, "f = x.float().flatten(1)[:, ::16]\n    return (f, f)")]
    process = run("evaluate", gray, "--against", colour, "--metrics", "fid,is", *net)
    assert process.returncode == 0, process.stderr
    assert re.search("fid/file-[0-9a-f]{8} ", process.stdout) and "gray images, repeated" in process.stderr
    assert "inception_score/file-" in process.stdout
    resized = evaluate(large, "--against", colour, "--metrics", "fid", "--set", "data.resolution=8", *net)
    assert abs(value(resized, "fid")) < 1e-3
    one_line_error(run("evaluate", large, "--against", colour, "--metrics", "fid", *net), "data.resolution", "8 x 8")
    one_line_error(run("evaluate", gray, "--against", colour), "efficientnet-lite0", "--weights")
    one_line_error(run("evaluate", gray, "--against", colour, "--metrics", "accuracy", *net), "accuracy")

    shutil.copytree(gray, tmp_path / "damaged")
    (tmp_path / "damaged" / "7.png").write_bytes(b"no image")
    one_line_error(run("evaluate", tmp_path / "damaged", "--against", colour, *net), "7.png")
    (tmp_path / "empty").mkdir()
    one_line_error(run("evaluate", tmp_path / "empty", "--against", colour, *net), "empty")
    one_line_error(run("evaluate", colour, "--against", tmp_path / "empty", *net), "empty")
    Image.new("L", (9, 9)).save(gray / "odd.png")
    one_line_error(run("evaluate", gray, "--against", colour, *net), "data.resolution")


@pytest.mark.parametrize(
    "body, part",
    [
        ("return x.float()", "[60, 3, 8, 8]"),
        ("return x.flatten(1)", "uint8"),
        ("return 3", "int"),
        ("return x.float().flatten(1) / 0", "finite"),
        ("return torch.zeros(3, 4) @ x.float().flatten(1)", "[60, 3, 8, 8]"),
    ],
)
def test_torchscript_files_that_return_something_else(data, tmp_path, body, part):
    net = scripted(tmp_path, body)
    one_line_error(run("evaluate", data, "--against", data, "--metrics", "fid", "--features", net), part)


@pytest.mark.skipif(not FASHION.exists(), reason="needs Debian's dataset-fashion-mnist")
def test_the_committed_extractor_is_as_good_as_it_says():
    sides = [FASHION, "--against", FASHION, "--features", ROOT / "extractors" / "fashion-mnist.safetensors"]
    settings = ["--set", "data.split=test", "--set", "data.resolution=32", "--set", "data.limit=2000"]
    document = evaluate(*sides, *settings, "--metrics", "fid,accuracy")
    assert abs(value(document, "fid")) < 1e-6
    assert value(document, "class_accuracy") > 0.91


def test_wrong_input(data, extractor, evaluated, tmp_path):
    folder, _ = evaluated
    both = ["evaluate", data, "--against", data]
    one_line_error(run("evaluate", data), "--against")
    one_line_error(run("evaluate", tmp_path / "nothing", "--against", data), "nothing")
    one_line_error(run(*both, "--metrics", "fid,kdi"), "'kdi'", "'kid'")
    one_line_error(run(*both, "--metrics", "kid"), "kid.subset_size", "1000", "60")
    one_line_error(run(*both, "--set", "kid.subset=5"), "'kid.subset'", "'kid.subsets'")
    one_line_error(run(*both, "--set", "kid.subset_size=one"), "kid.subset_size", "'one'")
    one_line_error(run(*both, "--features", tmp_path / "none.pt"), "none.pt", "TorchScript")
    one_line_error(run(*both, "--features", folder / "checkpoints" / "step-00000012.safetensors"), "classifier", "full")
    (tmp_path / "text.pt").write_text("no archive")
    one_line_error(run(*both, "--features", tmp_path / "text.pt"), "text.pt", "TorchScript")
    one_line_error(run("evaluate", extractor, "--against", data), "--features")
    larger = write_idx(tmp_path / "larger", size=12)
    one_line_error(run("evaluate", larger, "--against", data, "--features", extractor), "12 x 12", "data.resolution=8")
    more = write_idx(tmp_path / "more", classes=5)
    process = run("evaluate", more, "--against", data, "--features", extractor, "--metrics", "accuracy")
    one_line_error(process, "'0', '1', '2' (3)", "'3', '4'")
    one_line_error(run("evaluate", data, "--against", data, "--count", 0), "--count")


def test_no_option_is_ignored(data, extractor, tmp_path):
    both = ["evaluate", data, "--against", data, "--features", extractor]
    alone = ["evaluate", data, "--features", extractor, "--save-statistics", tmp_path / "s.safetensors"]
    one_line_error(run(*alone, "--metrics", "fid"), "--metrics", "--against")
    one_line_error(run(*alone, "--json"), "--json", "--against")
    one_line_error(run(*alone, "--set", "kid.subset_size=20"), "kid.subset_size", "none")
    for metrics in (["--metrics", "fid,pr"], []):
        one_line_error(run(*both, *metrics, "--set", "kid.subsets=20"), "kid.subsets", "'fid'", "--metrics")
    splits = run(*both, "--metrics", "kid", "--set", "inception_score.splits=2")
    one_line_error(splits, "inception_score.splits", "'kid'")
    one_line_error(run(*both, "--metrics", ","), "--metrics", "','")
    one_line_error(run(*both, "--precision", "float32"), "--precision")
    for table in ("data={path='x'}", "against = {limit=3}", "kid={subsets=3}"):
        one_line_error(run(*both, "--set", table), "--set", table.split("=")[0].strip() + ".OPTION=VALUE")
    assert not (tmp_path / "s.safetensors").exists()


def test_a_training_measures_itself(evaluated):
    folder, log = evaluated
    recorded = lines(folder)
    assert [line["step"] for line in recorded] == [0, 4, 8, 12]
    assert recorded[2]["counts"] == {"generated": 30, "against": 60}
    assert recorded[1]["images"] == 4 * 2 * 8 + 8  # two steps of D with 8 images an iteration, and the first batch
    extractor = next(iter(recorded[0]["metrics"])).split("/")[1]
    assert re.fullmatch("classifier-[0-9a-f]{8}", extractor)
    names = {f"{name}/{extractor}" for name in ("fid", "kid[subset_size=20]", "class_accuracy")}
    names.add(f"class_accuracy/{extractor}/two")
    for line in recorded:
        assert names <= line["metrics"].keys()
        assert all(math.isfinite(value) for value in line["metrics"].values())
    assert sorted(path.name for path in (folder / "curves").iterdir()) == ["class_accuracy.png", "fid.png", "kid.png"]
    assert Image.open(folder / "curves" / "fid.png").size == (800, 500)
    assert event_steps(next(folder.glob("events.*")), f"fid/{extractor}") == [0, 4, 8, 12]

    distances = {line["step"]: line["metrics"][f"fid/{extractor}"] for line in recorded}
    best = min(distances, key=distances.get)
    _, metadata = tensors(folder / "checkpoints" / "best.safetensors")
    assert metadata["iteration"] == str(best) and metadata["kind"] == "weights"
    assert metadata["best"] == f"fid/{extractor} = {json.dumps(distances[best])}"
    document = evaluate(folder / "checkpoints" / "best.safetensors", "--count", 30, "--metrics", "fid")
    assert value(document, "fid") == pytest.approx(distances[best], rel=1e-6)
    summary = [line for line in log.splitlines() if line.startswith(f"fid/{extractor}: ")]
    assert len(summary) == 1 and "at iteration 0" in summary[0] and "at iteration 12" in summary[0]
    assert f"best {distances[best]:.4g} at iteration {best}" in summary[0]


def test_a_training_does_not_notice_it(evaluated, recipe, tmp_path):
    folder, _ = evaluated
    without = tmp_path / "without"
    assert run("train", recipe, "--out", without, "--set", "evaluation.every=0").returncode == 0
    assert not (without / "metrics.jsonl").exists() and not (without / "curves").exists()
    name = "checkpoints/step-00000012.safetensors"
    ours, others = tensors(folder / name)[0], tensors(without / name)[0]
    assert ours.keys() == others.keys()
    for key in ours:
        assert ours[key].equal(others[key]), key


def test_killed_and_resumed_no_evaluation_is_missing_or_double(evaluated, recipe, tmp_path):
    whole, broken = evaluated[0], tmp_path / "broken"
    process = start("train", recipe, "--out", broken)
    metrics = broken / "metrics.jsonl"
    for moment in (1, 2, 3):
        assert kill_when(process, lambda: metrics.exists() and len(metrics.read_text().splitlines()) >= moment), moment
        process = start("train", "--resume", broken)
    process.wait()
    assert run("train", "--resume", broken).returncode == 0
    assert_same_run(whole, broken)
    without_clock = [[{k: v for k, v in line.items() if k not in CLOCK} for line in lines(r)] for r in (whole, broken)]
    assert without_clock[0] == without_clock[1]
    assert (whole / "curves" / "fid.png").read_bytes() == (broken / "curves" / "fid.png").read_bytes()


def test_other_features_do_not_replace_the_best_weights(recipe, tmp_path):
    """Their values cannot be compared."""
    folder = tmp_path / "run"
    assert run("train", recipe, "--out", folder, "--set", 'evaluation.metrics=["fid"]').returncode == 0
    before = (folder / "checkpoints" / "best.safetensors").read_bytes()
    net = scripted(tmp_path, "return x.float().flatten(1)")
    longer = ["--set", "training.iterations=14", "--set", f"evaluation.features={net}"]
    process = run("train", "--resume", folder, *longer)
    assert process.returncode == 0, process.stderr
    assert (folder / "checkpoints" / "best.safetensors").read_bytes() == before
    assert "cannot be compared" in process.stderr and "?" not in process.stderr


def test_a_run_without_evaluation_is_measured_as_other_images_are(recipe, data, tmp_path):
    net, folder = scripted(tmp_path, "return x.float().flatten(1)"), tmp_path / "run"
    off = ["--set", "evaluation.every=0", "--set", f"evaluation.features={net}"]
    process = run("train", recipe, "--out", folder, *off)
    assert process.returncode == 0 and "no best weights" in process.stderr, process.stderr
    document = evaluate(folder, "--count", 40)
    assert document["features"]["name"].startswith("classifier-")
    one_line_error(run("evaluate", folder, "--metrics", ""), "--metrics")


def test_a_lost_log_does_not_lose_the_best_weights(evaluated, tmp_path):
    """The best of a run is the best of its lines and of its file."""
    folder = tmp_path / "run"
    shutil.copytree(evaluated[0], folder)
    best = folder / "checkpoints" / "best.safetensors"
    before = best.read_bytes()
    (folder / "metrics.jsonl").unlink()
    process = run("train", "--resume", folder, "--set", "training.iterations=16", "--set", "evaluation.every=1")
    assert process.returncode == 0, process.stderr
    _, metadata = tensors(best)
    name, value = metadata["best"].split(" = ")
    reached = min(line["metrics"][name] for line in lines(folder))
    kept = float(tensors(evaluated[0] / "checkpoints" / "best.safetensors")[1]["best"].split(" = ")[1])
    assert float(value) == min(kept, reached) and (best.read_bytes() == before) == (kept <= reached)
    assert f"best {float(value):.4g} at iteration {metadata['iteration']}" in process.stderr


def test_switched_off_on_resume_the_lines_stay(evaluated, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(evaluated[0], folder)
    before = lines(folder)
    for length in (14, 16):
        settings = ["--set", f"training.iterations={length}", "--set", "evaluation.every=0"]
        assert run("train", "--resume", folder, *settings).returncode == 0
    assert lines(folder) == before


@pytest.mark.parametrize(
    "setting, parts",
    [
        ("evaluation.metrics=[]", ["evaluation.metrics"]),
        ('evaluation.metrics=["fdi"]', ["'fdi'", "'fid'"]),
        ("evaluation.keep_best=pr", ["evaluation.keep_best", "'pr'"]),
        ("evaluation.features=/nowhere/extractor.safetensors", ["/nowhere/extractor.safetensors"]),
        ("evaluation.against=/nowhere/images", ["/nowhere/images"]),
        ("data.labels=false", ["accuracy"]),
        ("evaluation.kid.rbf_sigma=3", ["kid.rbf_sigma", "kid.kernel"]),
    ],
)
def test_wrong_evaluation_settings(recipe, tmp_path, setting, parts):
    arguments = ["train", recipe, "--out", tmp_path / "run", "--set", setting]
    one_line_error(run(*arguments), *parts)
    assert not (tmp_path / "run").exists()
