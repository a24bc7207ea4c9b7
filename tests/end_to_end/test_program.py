"""The program as its users meet it: train, sample, inspect, options, fine-tune, weights only."""

import json
import random
import re
import shutil
import struct

from PIL import Image
import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file
import torch

from conftest import one_line_error, run, write_class_folders


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def test_a_run_folder_holds_what_it_should(trained):
    for name in ("recipe.toml", "log.jsonl"):
        assert (trained / name).stat().st_size > 0
    assert [p.name for p in sorted((trained / "checkpoints").iterdir())] == [
        f"step-{n:08d}.safetensors" for n in (6, 9, 12)
    ]  # keep_checkpoints = 3
    assert [p.name for p in sorted((trained / "samples").iterdir())] == [f"step-{n:08d}.png" for n in (0, 4, 8, 12)]
    assert len(list(trained.glob("events.out.tfevents.*"))) == 1
    log = [json.loads(line) for line in (trained / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == [2, 4, 6, 8, 10, 12]
    assert log[-1]["images"] == 12 * 2 * 8 + 8  # two D steps, and the dictionary's first batch
    for key in ("loss/discriminator", "loss/generator", "fq/block1/real/perplexity", "fq/block1/fake/dead_codes"):
        assert key in log[-1]


def test_two_runs_give_the_same_bits(tiny, tmp_path, trained):
    recipe, _ = tiny
    assert run("train", recipe, "--out", tmp_path / "again").returncode == 0
    ours, others = (load_file(r / "checkpoints" / "step-00000012.safetensors") for r in (trained, tmp_path / "again"))
    assert all(ours[key].equal(others[key]) for key in ours)


def test_the_training_draws_the_grid_that_sample_draws(trained, tmp_path):
    assert run("sample", trained, "--out", tmp_path / "grid.png", "--seed", 3).returncode == 0  # the recipe's seed
    assert (tmp_path / "grid.png").read_bytes() == (trained / "samples" / "step-00000012.png").read_bytes()


def test_sample_targets(trained, tmp_path):
    assert run("sample", trained, "--out", tmp_path / "grid.png").returncode == 0
    width, height = png_size(tmp_path / "grid.png")
    assert width > height  # ten columns, three rows
    assert (
        run("sample", trained, "--out", tmp_path / "files", "--count", 7, "--class", "two", "--class", 0).returncode
        == 0
    )
    assert sorted(p.parent.name for p in (tmp_path / "files").rglob("*.png")) == ["two"] * 4 + ["zero"] * 3
    assert run("sample", trained, "--out", tmp_path / "x.zip", "--count", 5).returncode == 0
    assert run("sample", trained, "--out", tmp_path / "x.safetensors", "--count", 5, "--seed", 4).returncode == 0
    images = load_file(tmp_path / "x.safetensors")["images"]
    assert images.shape == (5, 1, 8, 8) and images.abs().max() <= 1
    assert run("sample", trained, "--out", tmp_path / "y.safetensors", "--count", 2, "--seed", 4).returncode == 0
    assert torch.allclose(load_file(tmp_path / "y.safetensors")["images"], images[:2], atol=1e-5)


def test_sample_from_given_latents(trained, tmp_path):
    save_file({"z": torch.zeros(4, 8), "y": torch.tensor([0, 1, 2, 0])}, tmp_path / "z.safetensors")
    process = run("sample", trained, "--latents", tmp_path / "z.safetensors", "--out", tmp_path / "x.safetensors")
    assert process.returncode == 0, process.stderr
    images = load_file(tmp_path / "x.safetensors")["images"]
    assert images.shape[0] == 4 and torch.allclose(images[0], images[3], atol=1e-6)


def test_given_latents_are_truncated(trained, tmp_path):
    z = torch.tensor([[-4.0, -2.0, -0.7, 0.0, 0.1, 1.0, 2.5, 4.0], [3.0, 0.0, -0.2, 0.4, -1.5, 0.9, 2.0, -3.0]])
    inside = torch.erf(torch.tensor(0.5, dtype=torch.float64) / 2**0.5)
    truncated = torch.erfinv(torch.erf(z.double() / 2**0.5) * inside).float() * 2**0.5
    assert truncated.abs().max() <= 0.5
    images = {}
    for name, latents, more in (("cut", z, ["--truncation", 0.5]), ("same", truncated, []), ("whole", z, [])):
        save_file({"z": latents, "y": torch.tensor([0, 2])}, tmp_path / "z.safetensors")
        out = tmp_path / f"{name}.safetensors"
        process = run("sample", trained, "--latents", tmp_path / "z.safetensors", "--out", out, *more)
        assert process.returncode == 0, process.stderr
        images[name] = load_file(out)["images"]
    assert torch.allclose(images["cut"], images["same"], atol=1e-5)
    assert not torch.allclose(images["cut"], images["whole"], atol=1e-3)


@pytest.mark.parametrize(
    "tensors, parts",
    [
        ({"z": torch.tensor([[0.0] * 8, [float("nan")] + [0.0] * 7])}, ("'z'", "row 1")),
        ({"z": torch.full((1, 8), float("inf"))}, ("'z'", "row 0")),
        ({"z": torch.full((1, 8), 1e300, dtype=torch.float64)}, ("'z'", "row 0")),
        ({"z": torch.zeros(2, 8, dtype=torch.int64)}, ("'z'", "int64")),
        ({"z": torch.zeros(0, 8)}, ("'z'", "[0, 8]")),
        ({"z": torch.zeros(2, 8), "y": torch.tensor([0.0, 1.5])}, ("'y'", "float32")),
        ({"z": torch.zeros(2, 8), "y": torch.tensor([True, False])}, ("'y'", "Bool")),
        ({"z": torch.zeros(2, 8), "y": torch.tensor([0])}, ("'y'", "2")),
        ({"z": torch.zeros(2, 8), "y": torch.tensor([0, 3])}, ("class", "2", "3")),
        ({"z": torch.zeros(2, 7)}, ("latents", "[any, 8]")),
        ({"w": torch.zeros(2, 8)}, ("latents", "z", "w")),
    ],
)
def test_latents_that_make_no_images(trained, tmp_path, tensors, parts):
    save_file(tensors, tmp_path / "z.safetensors")
    out = tmp_path / "x.safetensors"
    one_line_error(run("sample", trained, "--latents", tmp_path / "z.safetensors", "--out", out), *parts)
    assert not out.exists()


def write_classes(folder, names):
    """The same two images of noise a class, under the given names of the classes."""
    draw = random.Random(2)
    for name in names:
        (folder / name).mkdir(parents=True)
        for i in range(2):
            image = Image.new("L", (8, 8))
            image.putdata([draw.randrange(256) for _ in range(64)])
            image.save(folder / name / f"{i}.png")
    return folder


def test_score_finds_classes_by_name(trained, tmp_path):
    def logits(*names):
        process = run("score", trained, write_classes(tmp_path / "-".join(names), names), "--json")
        assert process.returncode == 0, process.stderr
        scores = json.loads(process.stdout)["scores"]
        order = {name: [entry["logit"] for entry in scores if f"{name}/" in entry["name"]] for name in names}
        return [order[name] for name in names]

    zero, two = logits("zero", "two")
    first, second = logits("0", "1")
    assert first == pytest.approx(zero, rel=1e-4), "numbers are indices"
    assert second != pytest.approx(two, rel=1e-4), "'two' is class 2, not the second of the folders"
    assert logits("zero", "one", "two")[0] == pytest.approx(zero, rel=1e-4)
    some = run("score", trained, tmp_path / "zero-two", "--json", "--set", "data.limit=3")
    assert json.loads(some.stdout)["images"] == 3
    folder = write_classes(tmp_path / "wrong", ["zero", "tow"])
    one_line_error(run("score", trained, folder), "'tow'", "'two'")


@pytest.mark.parametrize("style", ["glorot", "xavier", "orthogonal", "normal"])
def test_initialisations_by_name(tiny, style):
    process = run("train", tiny[0], "--dry-run", "--set", f"model.initialisation={style}")
    assert process.returncode == 0, process.stderr
    one_line_error(run("train", tiny[0], "--dry-run", "--set", "model.initialisation=glorott"), "'glorot'")


def test_inspect(trained, tmp_path):
    found = json.loads(run("inspect", trained, "--json").stdout)
    assert found["last"]["step"] == 12
    assert found["newest_checkpoint"]["data"]["train"]["class_names"] == ["zero", "one", "two"]
    checkpoint = trained / "checkpoints" / "step-00000012.safetensors"
    found = json.loads(run("inspect", checkpoint, "--json").stdout)
    assert found["kind"] == "full" and found["iteration"] == "12"
    assert {"network.generator", "network.discriminator", "average.generator", "optimizer.generator"} <= set(
        found["contents"]
    )
    assert "network.generator" in run("inspect", checkpoint).stdout


def test_inspect_is_short_and_begins_with_what_matters(trained):
    lines = run("inspect", trained).stdout.splitlines()
    place = {key: i for i, line in enumerate(lines) for key in ("step:", "loss/", "logit/", "fq/") if key in line}
    assert sorted(place, key=place.get) == ["step:", "loss/", "logit/", "fq/"]
    assert sum("fq/" in line for line in lines) == 2  # one for each kind of images
    assert not re.search(r"\.\d{8}", "\n".join(lines))
    last = json.loads(run("inspect", trained, "--json").stdout)["last"]
    assert sum(key.startswith("fq/") for key in last) > 10
    assert last["loss/generator"] != round(last["loss/generator"], 6)


def test_inspect_lists_the_runs_of_a_folder(trained, tmp_path):
    runs = tmp_path / "runs"
    for name in ("b", "a"):
        shutil.copytree(trained, runs / name)
    found = json.loads(run("inspect", runs, "--json").stdout)["runs"]
    assert [(entry["run"], entry["iteration"]) for entry in found] == [(str(runs / name), 12) for name in "ab"]
    text = run("inspect", f"{runs}/").stdout
    assert "2 runs" in text and "images" not in text
    one_line_error(run("inspect", runs, "--pictures", tmp_path / "x"), "runs", "--pictures")
    (runs / "cat").mkdir()
    shutil.copy(trained / "samples/step-00000004.png", runs / "cat/1.png")
    assert "data set" in run("inspect", runs).stdout


def test_options_are_a_recipe(tmp_path, tiny):
    listed = {field["key"]: field for field in json.loads(run("options", "biggan", "--json").stdout)}
    assert listed["model.quantizer.codes"]["default"] == "256"
    assert listed["training.iterations"]["changeable_on_resume"]
    table = run("options", "biggan").stdout
    assert "model.generator.width" in table and "channels" in table
    (tmp_path / "defaults.toml").write_text(run("options", "biggan", "--toml").stdout)
    process = run(
        "train",
        tmp_path / "defaults.toml",
        "--data",
        tiny[1],
        "--set",
        "data.resolution=32",
        "--set",
        "model.batch=4",
        "--set",
        "model.generator.width=2",
        "--set",
        "model.discriminator.width=2",
        "--dry-run",
        cwd=tmp_path,
    )
    assert process.returncode == 0, process.stderr
    assert not (tmp_path / "runs").exists()


def test_weights_only_and_fine_tuning(trained, tiny, tmp_path):
    small = tmp_path / "small.safetensors"
    assert run("export", trained, "--weights-only", "--out", small).returncode == 0
    with safe_open(small, "pt") as file:
        assert all(key.startswith(("network.", "average.")) for key in file.keys())
        assert file.metadata()["kind"] == "weights"
    assert run("sample", small, "--out", tmp_path / "grid.png").returncode == 0
    process = run(
        "train",
        tiny[0],
        "--from",
        small,
        "--out",
        tmp_path / "tuned",
        "--set",
        "training.iterations=1",
        "--set",
        "model.generator.adam.learning_rate=1e-30",
        "--set",
        "training.checkpoint_every=0",
    )
    assert process.returncode == 0, process.stderr
    tuned = load_file(tmp_path / "tuned" / "checkpoints" / "step-00000001.safetensors")
    before = load_file(small)
    key = "network.generator.block0.conv1.weight"
    assert torch.allclose(tuned[key], before[key], atol=1e-20)
    assert tuned["optimizer.generator.step.generator.block0.conv1.weight"].item() == 1


@pytest.mark.parametrize(
    "settings",
    [
        [
            "data.labels=false",
            "model.generator.attention=[4]",
            "model.discriminator.attention=[4]",
            "model.quantizer.mode=straight_through",
            "precision=bfloat16",
        ],
        ["model.conditional=false"],
    ],
    ids=["unconditional with attention", "an unconditional model on labelled images"],
)
def test_variants_train_and_sample(tiny, tmp_path, settings):
    overrides = [word for setting in ["training.iterations=2", *settings] for word in ("--set", setting)]
    process = run("train", tiny[0], "--out", tmp_path / "run", *overrides)
    assert process.returncode == 0, process.stderr
    assert run("sample", tmp_path / "run", "--out", tmp_path / "grid.png").returncode == 0


def test_fine_tuning_survives_an_early_end(trained, tiny, tmp_path):
    """--from writes its first checkpoint before the first step, so that a resume never starts from initial weights."""
    process = run("train", tiny[0], "--from", trained, "--out", tmp_path / "run", "--set", "training.iterations=2")
    assert process.returncode == 0, process.stderr
    first = load_file(tmp_path / "run" / "checkpoints" / "step-00000000.safetensors")
    before = load_file(trained / "checkpoints" / "step-00000012.safetensors")
    for key in before:
        if key.startswith(("network.", "average.")):
            assert first[key].equal(before[key]), key


def test_fine_tuning_to_another_number_of_classes(trained, tiny, tmp_path):
    """Shared weights are taken, and layers with a row for each class start anew, which is said tensor by tensor."""
    images = write_class_folders(tmp_path / "images", ["a", "b", "c", "d", "e"])
    settings = ["--set", "training.iterations=2", "--set", "data.channels=1"]
    process = run("train", tiny[0], "--data", images, "--from", trained, "--out", tmp_path / "run", *settings)
    assert process.returncode == 0, process.stderr
    first = load_file(tmp_path / "run" / "checkpoints" / "step-00000000.safetensors")
    before = load_file(trained / "checkpoints" / "step-00000012.safetensors")
    taken = {key for key in first if key.startswith(("network.", "average.")) and first[key].equal(before[key])}
    anew = {key for key in first if key.startswith("network.")} - taken
    assert anew == {line.split(": ")[-1] for line in process.stderr.splitlines() if "starts anew" in line}
    assert len(taken) > 2 * len(anew) > 0
    for key in anew:
        if key.endswith(".weight"):
            assert 5 in first[key].shape and 3 in before[key].shape, key
        average = key.replace("network.generator", "average.generator")
        assert average == key or first[average].equal(first[key]), key
    assert run("train", "--resume", tmp_path / "run", "--set", "training.iterations=3").returncode == 0
    wider = [*settings, "--set", "model.generator.width=8"]
    one_line_error(run("train", tiny[0], "--data", images, "--from", trained, "--dry-run", *wider), "generator")


def test_a_run_inside_its_own_data_is_refused(tiny, tmp_path):
    images = write_class_folders(tmp_path / "images", ["bag", "boot", "coat"])
    for data, *out in (["."], [images, "--out", images / "boot"], ["bag/..", "--out", "x"]):
        one_line_error(run("train", tiny[0], "--data", data, *out, cwd=images), "--out", "outside the data")
    assert {path.name for path in images.iterdir()} == {"bag", "boot", "coat"}
    (tmp_path / "link").symlink_to(images)
    one_line_error(run("train", tiny[0], "--data", images, "--out", tmp_path / "link" / "run"), "--out")
    beside = ["--out", tmp_path / "images-run", "--set", "training.iterations=1"]
    assert run("train", tiny[0], "--data", images, *beside).returncode == 0


def test_a_training_with_losses_in_the_millions_has_not_succeeded(tiny, tmp_path):
    settings = ["--set", "model.loss=wasserstein", "--set", "model.quantizer.taps=[]"]
    rates = ["model.discriminator.adam.learning_rate=0.1", "model.discriminator.weight_normalization=none"]
    settings += [word for rate in [*rates, "training.iterations=20"] for word in ("--set", rate)]
    process = run("train", tiny[0], "--out", tmp_path / "run", *settings)
    one_line_error(process, "loss/", "diverged", code=3)
    one_line_error(run("train", "--resume", tmp_path / "run"), "loss/", "diverged", code=3)  # nothing is left to do


def test_networks_for_smaller_images_are_refused_with_what_to_write(tiny):
    def dry_run(resolution, *settings):
        words = [word for text in [f"data.resolution={resolution}", *settings] for word in ("--set", text)]
        return run("train", tiny[0], "--dry-run", *words)

    assert dry_run(16).returncode == 0  # a first map of 4 x 4
    few = "model.discriminator.downsample=[false,false]"
    message = one_line_error(dry_run(32, few), "8 x 8", "32 x 32")
    keys = ("model.generator.multipliers", "model.discriminator.downsample", "model.discriminator.multipliers")
    assert all(key in message for key in keys), message
    lists = [text for text in re.findall(r"\[[^\]]*\]", message) if "," in text]
    fitting = [f"{key}={text}" for key, text in zip(keys, lists, strict=True)]
    process = dry_run(32, *fitting)
    assert process.returncode == 0, process.stderr
    assert dry_run(32, *(f"{key}=[]" for key in keys)).returncode == 0


def test_help_names_the_commands():
    text = run("--help").stdout
    for command in ("train", "sample", "mix", "interpolate", "inspect", "options", "export"):
        assert command in text


def test_score_refuses_a_file_that_it_cannot_write_before_it_scores(trained, tmp_path):
    images = write_classes(tmp_path / "images", ["zero", "two"])
    for out in (tmp_path / "x.csv", images):
        one_line_error(run("score", trained, images, "--out", out), "--out", ".safetensors", out.name)
    folder = tmp_path / "x.safetensors"
    folder.mkdir()
    one_line_error(run("score", trained, images, "--out", folder), "--out")
