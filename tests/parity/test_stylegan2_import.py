"""NVIDIA's StyleGAN2 weights through `fqgan import`, `sample` and `export --to`, against what NVIDIA's code made of
them itself, as recorded in fixtures/stylegan2."""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from program import one_line_error

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release"))
FIXTURES = pathlib.Path(__file__).resolve().parent / "fixtures" / "stylegan2"
PAIRS = [
    ("generator_r8_gray_c3", "discriminator_r8_gray_c3_orig"),
    ("generator_r8_rgb_c0", "discriminator_r8_rgb_c0_resnet"),
    ("generator_r16_rgb_c0", "discriminator_r16_rgb_c0_orig"),
    ("generator_r16_gray_c3", None),
]
FILTER = "resample_filter"
RECIPE = """
family = "stylegan2"
[model]
batch = 33
channel_base = 128
channel_max = 16
[model.generator]
latent = 16
style = 16
mapping.layers = 3
[model.discriminator]
architecture = "orig"
group = 3
"""


def fqgan(*arguments):
    return subprocess.run([BUILD / "fqgan", *map(str, arguments)], capture_output=True, text=True)


def done(*arguments):
    result = fqgan(*arguments)
    assert result.returncode == 0, result.stderr
    return result.stderr


class Case:
    """The recorded networks as files of `python -m fqgan.convert`."""

    def __init__(self, folder, generator, discriminator, **arguments):
        self.folder, self.out = folder, folder / "imported.safetensors"
        self.g = load_file(FIXTURES / f"{generator}.safetensors")
        self.d = load_file(FIXTURES / f"{discriminator}.safetensors") if discriminator else None
        self.arguments = {"synthesis_kwargs": {"conv_clamp": 256}, "mapping_kwargs": {"num_layers": 3}} | arguments
        self.write("G", self.weights("G"), self.arguments)
        if self.d:
            with safe_open(FIXTURES / f"{discriminator}.safetensors", "pt") as file:
                group = int(file.metadata()["group"])
            self.d_arguments = {"conv_clamp": 256, "epilogue_kwargs": {"mbstd_group_size": group}}
            self.write("D", self.weights("D"), self.d_arguments)

    def weights(self, name):
        record = self.g if name == "G" else self.d
        return {key[2:]: value.clone() for key, value in record.items() if key.startswith(f"{name}.")}

    def write(self, name, weights, arguments=None):
        metadata = {} if arguments is None else {"class_name": name, "init_kwargs": json.dumps(arguments)}
        save_file(weights, self.folder / f"{name}.safetensors", metadata)

    def run(self, *more, discriminator=True):
        files = ["--generator", self.folder / "G.safetensors"]
        files += ["--discriminator", self.folder / "D.safetensors"] if discriminator and self.d else []
        return fqgan("import", "--from", "stylegan2-ada-pytorch", *files, "--out", self.out, "--force", *more)

    def imported(self, *more, **options):
        result = self.run(*more, **options)
        assert result.returncode == 0, result.stderr
        return load_file(self.out)

    def latents(self, name="latents"):
        given, path = {"z": self.g["z"].clone()}, self.folder / f"{name}.safetensors"
        if self.g["c"].numel():
            given["y"] = self.g["c"].argmax(1)
        save_file(given, path)
        return path

    def sample(self, *flags, model=None):
        out = self.folder / "images.safetensors"
        done("sample", model or self.out, "--latents", self.latents(), "--out", out, "--force", *flags)
        return load_file(out)["images"]


@pytest.fixture(params=PAIRS, ids=lambda pair: pair[0])
def case(request, tmp_path):
    return Case(tmp_path, *request.param)


@pytest.fixture
def gray(tmp_path):
    return Case(tmp_path, *PAIRS[0])


def difference(found, expected):
    assert found.shape == expected.shape
    return (found.double() - expected.double()).abs().max().item()


def metadata_of(path):
    with safe_open(path, "pt") as file:
        return file.metadata()


def test_tensors_are_those_of_the_file(case):
    imported = case.imported()
    for network in ["network.generator", "average.generator", *(["network.discriminator"] if case.d else [])]:
        theirs = case.weights("D" if "discriminator" in network else "G")
        for name, value in theirs.items():
            assert FILTER in name or torch.equal(imported[f"{network}.{name}"], value), name


@pytest.mark.parametrize("precision, tolerance", [("float64", 1e-8), ("float32", 1e-4)])
def test_images_w_and_logits(case, precision, tolerance):
    if not case.d:
        pytest.skip("no discriminator is recorded for this generator")
    case.imported()
    given = {"z": case.g["z"], "c": case.g["c"], "x": case.d["x"], "x_c": case.d["c"]}
    source, out = case.folder / "in.safetensors", case.folder / "out.safetensors"
    save_file({name: value.clone() for name, value in given.items()}, source, {"model": str(case.out)})
    more = ["float32"] if precision == "float32" else []
    subprocess.run([BUILD / "tests" / "fqgan_stylegan2_dump", "model", source, out, *more], check=True)
    found = load_file(out)
    assert difference(found["ws"], case.g["ws"]) < tolerance
    assert difference(found["image.const"], case.g["image.const"].clamp(-1, 1)) < tolerance
    assert difference(found["logits"], case.d["logits"].squeeze(1)) < tolerance


@pytest.mark.parametrize("type", [torch.float64, torch.float32])
def test_images_of_the_program(case, type):
    case.write("G", {name: value.to(type) for name, value in case.weights("G").items()}, case.arguments)
    case.imported(discriminator=False)
    for flags, name in (
        (["--noise", "constant"], "image.const"),
        (["--noise", "none"], "image.none"),
        (["--noise", "constant", "--truncation", "0.7"], "image.truncated_all"),
    ):
        expected = case.g[name].clamp(-1, 1)
        assert difference(case.sample(*flags), expected) < 1e-4
        if type == torch.float64:  # the file of images is float32
            assert difference(case.sample(*flags, "--precision", "float64"), expected) < 1e-6


def test_the_clamp_is_in_the_metadata(tmp_path):
    """For both projects: stylegan3 gives the arguments of the synthesis to the generator itself. None: no clamp."""
    for arguments, name in (
        ({"synthesis_kwargs": {"conv_clamp": 0.5}}, "image.clamped"),
        ({"conv_clamp": 0.5, "synthesis_kwargs": {}}, "image.clamped"),
        ({"synthesis_kwargs": {"conv_clamp": None}}, "image.const"),
        ({"synthesis_kwargs": {}}, "image.const"),
    ):
        case = Case(tmp_path, "generator_r8_rgb_c0", None, **arguments)
        case.imported()
        assert difference(case.sample("--noise", "constant"), case.g[name].clamp(-1, 1)) < 1e-4
        assert ("clamp = 0.0" in metadata_of(case.out)["model"]) == (name == "image.const")
    case.write("G", case.weights("G"))  # without metadata: the default, 256
    case.imported()
    assert "clamp = 256.0" in metadata_of(case.out)["model"]


def test_the_average_and_a_generator_alone(gray):
    other = {name: value + 1 for name, value in gray.weights("G").items() if FILTER not in name}
    gray.write("G_ema", other, gray.arguments)
    imported = gray.imported("--average", gray.folder / "G_ema.safetensors", discriminator=False)
    name = "generator.synthesis.b8.conv1.weight"
    assert torch.equal(imported[f"average.{name}"], imported[f"network.{name}"] + 1)
    assert metadata_of(gray.out)["untrained"] == "discriminator"
    (gray.folder / "images").mkdir()
    one_line_error(fqgan("score", gray.out, gray.folder / "images"), "discriminator")


def test_with_a_recipe(gray):
    recipe = gray.folder / "recipe.toml"
    recipe.write_text(RECIPE)
    gray.imported("--recipe", recipe, "--set", 'data.class_names=["a","b","c"]')
    assert '"a"' in metadata_of(gray.out)["data"]
    quantizer = ("--set", 'model.quantizer.taps=["b8"]', "--set", "model.quantizer.codes=4")
    quantized = gray.imported("--recipe", recipe, *quantizer)
    assert "network.discriminator.taps.b8.codebook" in quantized
    for setting, *parts in (
        ("model.channel_max=8", "G.safetensors", "'synthesis.b4.const' has shape [16, 4, 4], expected"),
        ("model.generator.mapping.layers=2", "left over", "mapping.fc2.weight"),
        ("model.generator.mapping.layers=4", "missing", "mapping.fc3.weight"),
        ("model.conditional=false", "mapping.embed.weight"),
        ("model.discriminator.architecture='resnet'", "D.safetensors", "b8.skip.weight"),
        ("model.clamp=0", "model.clamp", "256"),
        ("model.discriminator.group=4", "model.discriminator.group", "D.safetensors"),
        ("model.generator.mapping.learning_rate_multiplier=1", "learning_rate_multiplier", "0.01"),
        ("data.resolution=16", "data.resolution", "8 x 8"),
    ):
        one_line_error(gray.run("--recipe", recipe, "--set", setting), *parts)
    recipe.write_text('family = "biggan"')
    one_line_error(gray.run("--recipe", recipe), "--from", "stylegan2", "biggan")


def test_what_does_not_fit(gray):
    weights = gray.weights("G")
    without = {name: value for name, value in weights.items() if name != "synthesis.b8.conv0.bias"}
    gray.write("G", without | {"stray": torch.ones(1)}, gray.arguments)
    one_line_error(gray.run(), "G.safetensors", "'synthesis.b8.conv0.bias'", "'stray'")
    gray.write("G", weights | {"synthesis.b8.conv0.bias": torch.ones(3)}, gray.arguments)
    one_line_error(gray.run(), "'synthesis.b8.conv0.bias'", "[3]", "[16]")
    gray.write("G", weights | {f"synthesis.b8.{FILTER}": torch.ones(4, 4) / 16}, gray.arguments)
    one_line_error(gray.run(), FILTER, "[1, 3, 3, 1]")
    gray.write("G", weights, gray.arguments | {"mapping_kwargs": {"activation": "relu"}})
    one_line_error(gray.run(), "activation", "relu")
    gray.write("G", weights, gray.arguments | {"synthesis_kwargs": {"conv_clamp": "much"}})
    one_line_error(gray.run(), "conv_clamp")
    for name in ("img_resolution", "img_channels", "c_dim", "z_dim", "w_dim"):
        gray.write("G", weights, gray.arguments | {name: 77})
        one_line_error(gray.run(), "init_kwargs", name, "77")
    save_file(weights, gray.folder / "G.safetensors", {"init_kwargs": "no JSON"})
    one_line_error(gray.run(), "init_kwargs")
    gray.write("G", weights, gray.arguments)
    gray.write("D", gray.weights("D"), gray.d_arguments | {"conv_clamp": 1})
    one_line_error(gray.run(), "model.clamp", "D.safetensors")
    gray.write("D", weights)
    one_line_error(gray.run(), "D.safetensors", "discriminator")
    gray.write("G", gray.weights("D"))
    one_line_error(gray.run(), "G.safetensors", "generator", "convert")
    small = Case(gray.folder, "generator_r4_gray_c0", None)
    one_line_error(small.run(), "data.resolution", "4 x 4")
    one_line_error(small.run("--set", "seed=1"), "--set", "--recipe")
    one_line_error(fqgan("import", "--from", "stylegan2", "--generator", "x", "--out", "y"), "--from", "stylegan2-ada")


def test_a_group_that_does_not_divide_the_usual_batch(gray):
    gray.imported()  # a group of 3
    assert "batch = 33" in metadata_of(gray.out)["model"]


def test_back_to_the_names_of_nvidia(case):
    """The files that were imported come out again, with the filters, and the arguments describe the same networks."""
    case.imported()
    back = case.folder / "back"
    done("export", case.out, "--to", "stylegan2-ada-pytorch", "--out", back)
    assert sorted(path.stem for path in back.iterdir()) == (["D"] if case.d else []) + ["G", "G_ema"]
    for name in ("G", "G_ema", *(["D"] if case.d else [])):
        theirs, ours = case.weights(name[0]), load_file(back / f"{name}.safetensors")
        assert ours.keys() == theirs.keys()
        for key, value in theirs.items():
            assert torch.equal(ours[key], value), key
    arguments = json.loads(metadata_of(back / "G.safetensors")["init_kwargs"])
    size = case.g["image.const"].shape
    assert (arguments["img_channels"], arguments["img_resolution"]) == (size[1], size[2])
    assert arguments["c_dim"] == case.g["c"].shape[1] and arguments["z_dim"] == arguments["w_dim"] == 16
    assert arguments["synthesis_kwargs"]["conv_clamp"] == 256
    for resolution in (4, 8):
        channels = ours_channels(case, resolution)
        widths = arguments["synthesis_kwargs"]
        assert min(widths["channel_base"] // resolution, widths["channel_max"]) == channels
    again = case.folder / "again.safetensors"
    files = ["--generator", back / "G.safetensors", "--average", back / "G_ema.safetensors"]
    files += ["--discriminator", back / "D.safetensors"] if case.d else []
    done("import", "--from", "stylegan2-ada-pytorch", *files, "--out", again)
    assert metadata_of(again)["model"] == metadata_of(case.out)["model"]
    one_line_error(fqgan("export", case.out, "--to", "stylegan2-ada-pytorch", "--out", back), "--force")


def test_a_seed_without_effect(gray):
    gray.imported(discriminator=False)
    flags = ["--latents", gray.latents(), "--out", gray.folder / "x.png", "--seed", "1"]
    one_line_error(fqgan("sample", gray.out, *flags, "--noise", "constant"), "--seed")
    done("sample", gray.out, *flags)


def ours_channels(case, resolution):
    return case.weights("G")[f"synthesis.b{resolution}.conv1.weight"].shape[0]


def test_images_that_nvidia_does_not_make(tmp_path):
    draw, data = np.random.default_rng(1), tmp_path / "data"
    data.mkdir()
    for i in range(8):
        Image.fromarray(draw.integers(0, 256, (8, 16, 3), dtype=np.uint8)).save(data / f"{i}.png")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    settings = (f"data.path={data}", "data.resolution=8", "data.width=16", "model.batch=6", "training.iterations=1")
    sets = [word for setting in settings for word in ("--set", setting)]
    done("train", tmp_path / "recipe.toml", "--out", tmp_path / "run", *sets)
    result = fqgan("export", tmp_path / "run", "--to", "stylegan2-ada-pytorch", "--out", tmp_path / "back")
    one_line_error(result, "--to", "8 x 16")
