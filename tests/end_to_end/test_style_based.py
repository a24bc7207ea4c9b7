"""StyleGAN2 in the program: the settings of NVIDIA's configurations and of FQ-GAN, a training that resumes to the bit,
images of any shape, truncation, and wrong options."""

import random
import tomllib

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from conftest import ROOT, one_line_error, run

RECIPES = ROOT / "recipes" / "stylegan2"
# NVlabs/stylegan2-ada-pytorch, train.py: cfg_specs. FFHQ: the README of FQ-GAN's FQ-StyleGAN, config E.
COMMON = {
    "model.channel_max": 512,
    "model.generator.latent": 512,
    "model.generator.style": 512,
    "model.generator.mapping.layers": 8,
    "model.generator.style_mixing": 0.9,
    "model.generator.path_length.weight": 2.0,
    "model.generator.path_length.interval": 4,
    "model.generator.adam.beta1": 0.0,
    "model.generator.adam.beta2": 0.99,
    "model.discriminator.adam.beta2": 0.99,
    "model.discriminator.r1.interval": 16,
    "model.discriminator.architecture": "resnet",
}


def settings(images, batch, group, base, rate, gamma, half_life, ramp, layers=8, clamp=256.0, **more):
    rates = {f"model.{player}.adam.learning_rate": rate for player in ("generator", "discriminator")}
    found = COMMON | rates | {"training.iterations": round(images / batch), "model.batch": batch}
    found |= {"model.discriminator.group": group, "model.channel_base": base, "model.clamp": clamp}
    found |= {"model.average.ramp": ramp, "model.generator.mapping.layers": layers}
    if gamma is not None:
        found |= {"model.discriminator.r1.gamma": gamma, "model.average.half_life": half_life}
    return found | {key.replace("__", "."): value for key, value in more.items()}


CIFAR = {
    "model__discriminator__architecture": "orig",
    "model__generator__path_length__weight": 0.0,
    "model__generator__style_mixing": 0.0,
}
FFHQ = dict(clamp=0.0, data__flip=True)
FQ = {
    "model.quantizer.taps": ["b32", "b16"],
    "model.quantizer.codes": 128,
    "model.quantizer.decay": 0.8,
    "model.quantizer.commitment": 0.25,
    "model.quantizer.average": "zero_debiased",
    "model.quantizer.mode": "loss_only",
}
M = 1_000_000
EXPECTED = {
    "auto": settings(25 * M, 32, 4, 0, 0.0025, None, None, 0.05, layers=2),
    "stylegan2": settings(25 * M, 32, 4, 32768, 0.002, 10.0, 10000.0, 0.0),
    "paper256": settings(25 * M, 64, 8, 16384, 0.0025, 1.0, 20000.0, 0.0),
    "paper512": settings(25 * M, 64, 8, 32768, 0.0025, 0.5, 20000.0, 0.0),
    "paper1024": settings(25 * M, 32, 4, 32768, 0.002, 2.0, 10000.0, 0.0),
    "cifar": settings(100 * M, 64, 32, 32768, 0.0025, 0.01, 500000.0, 0.05, layers=2, **CIFAR),
}
for size in (32, 64, 128, 1024):
    ffhq = settings(25 * M, 32, 4, 16384, 0.002, 100.0, 10000.0, 0.0, data__resolution=size, **FFHQ)
    EXPECTED |= {f"ffhq{size}": ffhq, f"ffhq{size}-fq": ffhq | FQ}

TINY = """
family = "stylegan2"
seed = 3
threads = 2
[data]
path = "{data}"
resolution = 16
{more}
[training]
iterations = 18
log_every = 3
sample_every = 0
checkpoint_every = 9
[model]
batch = 4
channel_base = 128
channel_max = 16
[model.generator]
latent = 16
style = 16
mapping = {{ layers = 2 }}
[model.discriminator]
group = 2
[model.quantizer]
taps = ["b16"]
codes = 8
"""


LAYERS = 6  # of the generator of TINY, each with a w of its own


def flat(table, prefix=""):
    found = {}
    for key, value in table.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return found


def write_images(folder, width=24, height=24, mode="RGB", classes=2, count=24):
    draw = random.Random(1)
    for i in range(count):
        path = folder / f"class{i % classes}" / f"{i}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        colour = tuple(draw.randrange(256) for _ in mode)
        Image.new(mode, (width, height), colour if len(mode) > 1 else colour[0]).save(path)
    return folder


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_images(tmp_path_factory.mktemp("images"))


def tiny(folder, images, more=""):
    path = folder / "tiny.toml"
    path.write_text(TINY.format(data=images, more=more))
    return path


@pytest.fixture(scope="module")
def trained(tmp_path_factory, images):
    folder = tmp_path_factory.mktemp("trained")
    process = run("train", tiny(folder, images), "--out", folder / "run")
    assert process.returncode == 0, process.stderr
    return folder / "run"


def test_every_recipe_is_here():
    assert {path.stem for path in RECIPES.glob("*.toml")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_settings(name, images, tmp_path):
    small = ["model.channel_max=4", "training.iterations=1", "model.batch=4", "training.sample_every=0"]
    small += ["model.generator.latent=8", "model.generator.style=8", "data.resolution=32"]
    small += ["model.discriminator.group=4"]
    words = [word for option in small for word in ("--set", option)]
    process = run("train", RECIPES / f"{name}.toml", "--data", images, "--out", tmp_path / "run", *words)
    assert process.returncode == 0, process.stderr
    found = flat(tomllib.loads((tmp_path / "run" / "recipe.toml").read_text()))
    changed = {option.split("=")[0] for option in small}
    for key, value in EXPECTED[name].items():
        if key not in changed:
            assert found[key] == value, key
    written = {}
    for recipe in inherited(name):
        written = flat(tomllib.loads((RECIPES / f"{recipe}.toml").read_text())) | written
    for key in changed & EXPECTED[name].keys() & written.keys():
        assert written[key] == EXPECTED[name][key], key


def inherited(name):
    while name:
        yield name
        name = tomllib.loads((RECIPES / f"{name}.toml").read_text()).get("extends", "").removesuffix(".toml")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ffhq64-fq", "ffhq1024-fq"])
def test_full_width_trains_one_iteration(name, tmp_path):
    images = write_images(tmp_path / "images", width=80, height=80)
    words = ("--set", "training.iterations=1", "--set", "model.batch=4", "--set", "training.sample_every=0")
    process = run("train", RECIPES / f"{name}.toml", "--data", images, "--out", tmp_path / "run", *words)
    assert process.returncode == 0, process.stderr


def test_a_resumed_training_has_the_same_bits(trained, images, tmp_path):
    interrupted = tmp_path / "run"
    recipe = tiny(tmp_path, images)
    assert run("train", recipe, "--out", interrupted, "--set", "training.iterations=9").returncode == 0
    process = run("train", "--resume", interrupted, "--set", "training.iterations=18")
    assert process.returncode == 0, process.stderr
    last = [max((folder / "checkpoints").glob("step-*18.safetensors")) for folder in (trained, interrupted)]
    first, second = map(load_file, last)
    assert "state.path_length_mean" in first and first["state.path_length_mean"] != 0
    assert first.keys() == second.keys()
    assert [key for key in first if not first[key].equal(second[key])] == []


@pytest.mark.parametrize(
    "width, height, mode, options",
    [(48, 32, "RGB", ("resolution = 16\nwidth = 24",)), (20, 20, "L", ("resolution = 20",)),
     (28, 28, "RGBA", ('resolution = 28\nalpha = "keep"',)), (10, 12, "RGB", ("resolution = 12\nwidth = 10",))],
)  # fmt: skip
def test_other_shapes_and_channels(width, height, mode, options, tmp_path):
    images = write_images(tmp_path / "images", width, height, mode)
    recipe = tmp_path / "recipe.toml"
    text = TINY.format(data=images, more="").replace("resolution = 16\n", options[0] + "\n")
    recipe.write_text(text.replace('taps = ["b16"]', "taps = []"))
    process = run("train", recipe, "--out", tmp_path / "run", "--set", "training.iterations=2")
    assert process.returncode == 0, process.stderr
    assert run("sample", tmp_path / "run", "--out", tmp_path / "out", "--count", 2).returncode == 0
    with Image.open(next((tmp_path / "out").rglob("*.png"))) as image:
        assert len(image.getbands()) == len(mode)


def samples(trained, out, *words):
    process = run("sample", trained, "--out", out, "--count", 4, *words)
    assert process.returncode == 0, process.stderr
    return load_file(out)["images"].float()


def test_truncation_moves_towards_the_mean(trained, tmp_path):
    full = samples(trained, tmp_path / "full.safetensors")
    none = samples(trained, tmp_path / "none.safetensors", "--truncation", 0, "--class", "class0")
    half = samples(trained, tmp_path / "half.safetensors", "--truncation", 0.5)
    assert (full - half).abs().max() > 0
    assert full.shape == none.shape == half.shape
    again = samples(trained, tmp_path / "again.safetensors", "--truncation", 0.5)
    assert half.equal(again)


def latents_file(folder, **tensors):
    save_file(tensors, folder / "latents.safetensors")
    return folder / "latents.safetensors"


def drawn(trained, folder, *words):
    out = folder / "images.safetensors"
    process = run("sample", trained, "--out", out, "--noise", "constant", "--force", *words)
    assert process.returncode == 0, process.stderr
    return load_file(out)


def test_given_w(trained, tmp_path):
    """One row of w for all layers, or one for each; only the first layers are truncated."""
    w = torch.randn(3, 16, generator=torch.Generator().manual_seed(1))
    rows = w.unsqueeze(1).repeat(1, LAYERS, 1)
    shared = drawn(trained, tmp_path, "--latents", latents_file(tmp_path, w=w))
    assert shared.keys() == {"images"}  # w contains the class already
    assert shared["images"].equal(drawn(trained, tmp_path, "--latents", latents_file(tmp_path, w=rows))["images"])
    mean = load_file(max((trained / "checkpoints").glob("step-*18.safetensors")))["average.generator.mapping.w_avg"]
    rows[:, :3] = mean + 0.5 * (rows[:, :3] - mean)
    given = drawn(trained, tmp_path, "--latents", latents_file(tmp_path, w=rows))["images"]
    words = ("--truncation", 0.5, "--truncation-cutoff", 3, "--latents", latents_file(tmp_path, w=w.double()))
    assert torch.allclose(drawn(trained, tmp_path, *words)["images"], given, atol=1e-5)
    assert (given - shared["images"]).abs().max() > 1e-4
    assert run("sample", trained, "--out", tmp_path / "files", *words).returncode == 0
    assert [path.name for path in sorted((tmp_path / "files").glob("*.png"))] == [f"0000{i}.png" for i in range(3)]


@pytest.mark.parametrize(
    "tensors, words, names",
    [
        ({"w": torch.zeros(2, 15)}, (), ("latents", "[N, 16]", "[2, 15]")),
        ({"w": torch.zeros(2, 5, 16)}, (), ("latents", "[N, 6, 16]", "[2, 5, 16]")),
        ({"w": torch.zeros(2, 6, 16), "z": torch.zeros(2, 16)}, (), ("'z'", "'w'", "both")),
        ({"y": torch.zeros(2, dtype=torch.int64)}, (), ("'z'", "'w'", "neither")),
        ({"w": torch.zeros(2, 16), "y": torch.tensor([0, 1])}, (), ("'y'", "'w'")),
        ({"w": torch.zeros(2, 16)}, ("--class", "class0"), ("--class", "w")),
        ({"w": torch.full((1, 6, 16), float("nan"))}, (), ("'w'", "row 0")),
        ({"w": torch.zeros(2, 16, dtype=torch.int32)}, (), ("'w'", "int32")),
        ({"w": torch.zeros(16)}, (), ("'w'", "[16]")),
        ({"w": torch.zeros(2, 16)}, ("--noise", "none", "--seed", 1), ("--seed",)),
    ],
)
def test_w_that_makes_no_images(trained, tmp_path, tensors, words, names):
    file = latents_file(tmp_path, **tensors)
    one_line_error(run("sample", trained, "--latents", file, "--out", tmp_path / "x.png", *words), *names)


@pytest.mark.parametrize(
    "words, names",
    [
        (("--truncation-cutoff", 2), ("truncation-cutoff", "no truncation")),
        (("--truncation", 0.5, "--truncation-cutoff", LAYERS + 1), ("truncation-cutoff", "6", "7")),
        (("--truncation", 0.5, "--truncation-cutoff", 0), ("truncation-cutoff", "0")),
    ],
)
def test_cutoffs_without_meaning(trained, tmp_path, words, names):
    one_line_error(run("sample", trained, "--out", tmp_path / "x.png", *words), *names)


@pytest.mark.parametrize(
    "option, names",
    [
        ("model.batch=6", ("model.discriminator.group", "6")),
        ("model.discriminator.r1.gamma=-1", ("gamma", "-1")),
        ("data.resolution=36", ("data.resolution", "36 x 36")),
        ("model.quantizer.taps=[\"b8\", \"b64\"]", ("model.quantizer.taps", "b64", "b16")),
        ("model.channel_base=8", ("model.channel_base", "16", "8")),
        ("model.discriminator.group_channels=5", ("model.discriminator.group_channels", "5")),
        ("model.generator.style_mixing=1.5", ("style_mixing", "1.5")),
        ("model.discriminator.architecture=skip", ("architecture", "skip", "resnet")),
        ("model.generator.path_length.batch_fraction=8", ("batch_fraction", "8")),
    ],
)  # fmt: skip
def test_wrong_options_are_refused_before_the_training(option, names, images, tmp_path):
    group = () if "batch=6" not in option else ("--set", "model.discriminator.group=4")
    process = run("train", tiny(tmp_path, images), "--out", tmp_path / "run", "--set", option, *group)
    one_line_error(process, *names)
    assert not (tmp_path / "run").exists()


def test_frozen_layers_do_not_change(trained, images, tmp_path):
    before = load_file(max((trained / "checkpoints").glob("step-*18.safetensors")))
    words = ("--set", "model.discriminator.frozen=3", "--set", "training.iterations=2")
    process = run("train", tiny(tmp_path, images), "--from", trained, "--out", tmp_path / "run", *words)
    assert process.returncode == 0, process.stderr
    after = load_file(max((tmp_path / "run" / "checkpoints").glob("step-*2.safetensors")))
    changed = {key for key in before if key.startswith("network.discriminator.b") and not before[key].equal(after[key])}
    frozen = {f"network.discriminator.b16.{layer}" for layer in ("fromrgb", "conv0", "conv1")}
    assert not [key for key in changed if key.rsplit(".", 1)[0] in frozen]
    assert "network.discriminator.b16.skip.weight" in changed


def test_weights_of_another_architecture_are_refused(trained, images, tmp_path):
    words = ("--set", "model.generator.mapping.layers=3")
    process = run("train", tiny(tmp_path, images), "--from", trained, "--out", tmp_path / "run", *words)
    one_line_error(process, "fc2")


def test_a_start_from_another_architecture_names_every_tensor(trained, images, tmp_path):
    def refused(*settings):
        words = [word for setting in settings for word in ("--set", setting)]
        process = run("train", tiny(tmp_path, images), "--from", trained, "--dry-run", *words)
        return one_line_error(process, "Hint")

    larger = refused("data.resolution=32")
    assert "expected a model of images of 3 x 32 x 32" in larger and "data.resolution=16" in larger
    last = max((trained / "checkpoints").glob("step-*.safetensors"))
    new = ("synthesis.b32.conv0.weight", "synthesis.b32.torgb.affine.bias")
    assert all(f"'network.generator.{name}'" in larger for name in new)
    narrower = refused("model.channel_max=8")
    for name, tensor in load_file(last).items():
        if name.startswith("network.generator.synthesis") and tensor.dim() == 4 and max(tensor.shape[:2]) > 8:
            assert f"'{name}' has shape" in narrower
    assert "'average." not in narrower
    deeper = refused("model.generator.mapping.layers=3")
    assert "missing: 'network.generator.mapping.fc2.bias'" in deeper


def test_quantizers_can_be_added_to_a_trained_model(images, tmp_path):
    plain = tmp_path / "plain"
    recipe = tiny(tmp_path, images)
    words = ("--set", "training.iterations=2")
    assert run("train", recipe, "--out", plain, "--set", "model.quantizer.taps=[]", *words).returncode == 0
    process = run("train", recipe, "--from", plain, "--out", tmp_path / "quantized", *words)
    assert process.returncode == 0, process.stderr
    anew = {line.split(": ")[-1] for line in process.stderr.splitlines() if "no such quantizer" in line}
    first = load_file(tmp_path / "quantized/checkpoints/step-00000000.safetensors")
    assert anew == {name for name in first if ".taps." in name}
