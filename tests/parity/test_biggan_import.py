"""The reference BigGAN's weights through `fqgan import`, `sample` and `score`, against what it made of them itself.

The records are those of fixtures/make_biggan_reference.py.
"""

import json
import os
import pathlib
import subprocess

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")) / "fqgan"
RECIPES = {
    "plain": """
family = "biggan"
[data]
resolution = 32
[model]
spectral_epsilon = 1e-6
[model.generator]
width = 2
latent = 6
[model.discriminator]
width = 2
[model.quantizer]
taps = ["block0", "block2"]
codes = 8
""",
    "hierarchical": """
family = "biggan"
[data]
resolution = 64
[model]
spectral_epsilon = 1e-6
[model.generator]
width = 1
latent = 11
hierarchical = true
shared_embedding = 5
attention = [16]
[model.discriminator]
width = 1
attention = [4]
[model.quantizer]
taps = ["block0", "block2"]
codes = 8
""",
}


def fqgan(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)


class Case:
    def __init__(self, variant, folder):
        self.record = load_file(ROOT / "tests" / "parity" / "fixtures" / f"biggan_{variant}.safetensors")
        self.folder = folder
        (folder / "recipe.toml").write_text(RECIPES[variant])
        for name in ("generator", "discriminator"):
            self.write(name, self.weights(name))

    def weights(self, name):
        prefix = name + "."
        return {key[len(prefix) :]: value for key, value in self.record.items() if key.startswith(prefix)}

    def write(self, name, weights):
        save_file(weights, self.folder / f"{name}.safetensors")

    def run_import(self, *more, discriminator=True):
        files = ["--generator", self.folder / "generator.safetensors"]
        files += ["--discriminator", self.folder / "discriminator.safetensors"] if discriminator else []
        out = self.folder / "imported.safetensors"
        recipe = self.folder / "recipe.toml"
        return fqgan("import", "--from", "biggan-pytorch", "--recipe", recipe, *files, "--out", out, *more), out


@pytest.fixture(params=list(RECIPES))
def case(request, tmp_path):
    return Case(request.param, tmp_path)


def refusal(result, *parts):
    assert result.returncode == 2 and result.stderr.count("\n") == 1, result.stderr
    for part in parts:
        assert part in result.stderr, result.stderr


def test_images_are_those_of_the_reference(case):
    result, imported = case.run_import()
    assert result.returncode == 0, result.stderr
    latents = {"z": case.record["z.0.0.0"].astype(np.float32), "y": case.record["y.0.0.0"]}
    save_file(latents, case.folder / "latents.safetensors")
    out = case.folder / "images.safetensors"
    result = fqgan("sample", imported, "--latents", case.folder / "latents.safetensors", "--out", out)
    assert result.returncode == 0, result.stderr
    np.testing.assert_allclose(load_file(out)["images"], case.record["use.images"], atol=1e-5)


def test_logits_and_codes_are_those_of_the_reference(case):
    _, imported = case.run_import()
    pixels, labels = case.record["use.pixels"], case.record["use.labels"]
    order = []
    for k in range(3):
        folder = case.folder / "images" / str(k)
        folder.mkdir(parents=True)
        for i in np.flatnonzero(labels == k):
            Image.fromarray(pixels[i].transpose(1, 2, 0)).save(folder / f"{i}.png")
            order.append(i)
    out = case.folder / "scores.safetensors"
    result = fqgan("score", imported, case.folder / "images", "--out", out, "--json")
    assert result.returncode == 0, result.stderr
    scores, document = load_file(out), json.loads(result.stdout)
    np.testing.assert_allclose(scores["logits"], case.record["use.logits"][order], rtol=1e-4, atol=1e-5)
    names = [pathlib.Path(entry["name"]).stem for entry in document["scores"]]
    assert names == [str(i) for i in order]
    np.testing.assert_allclose([entry["logit"] for entry in document["scores"]], scores["logits"], rtol=1e-6)
    for tap in ("block0", "block2"):
        assert (scores[f"codes.{tap}"] == case.record[f"use.codes.{tap}"][order]).mean() > 0.999
        assert document["taps"][tap]["used_codes"] == len(np.unique(scores[f"codes.{tap}"]))
        assert document["taps"][tap]["error"] == pytest.approx(scores[f"error.{tap}"].mean(), rel=1e-5)


def test_without_a_discriminator_it_samples_but_does_not_score(case):
    result, imported = case.run_import(discriminator=False)
    assert result.returncode == 0 and "without a trained discriminator" in result.stderr
    assert fqgan("sample", imported, "--out", case.folder / "grid.png").returncode == 0
    (case.folder / "images").mkdir()
    Image.new("RGB", (32, 32)).save(case.folder / "images" / "a.png")
    refusal(fqgan("score", imported, case.folder / "images"), "no trained discriminator")


def test_what_does_not_fit_is_listed(case):
    weights = case.weights("generator")
    weights["stray.weight"] = weights.pop("linear.bias")
    case.write("generator", weights)
    refusal(case.run_import()[0], "missing: 'linear.bias'", "left over: stray.weight", "generator.safetensors")
    case.write("generator", case.weights("generator"))
    wrong_codes = case.run_import("--set", "model.quantizer.codes=16")[0]
    refusal(wrong_codes, "'blocks.0.1.embed' has shape", "discriminator.safetensors")
    refusal(case.run_import("--set", "data.resolution=none")[0], "data.resolution")
    refusal(case.run_import("--set", "model.generator.width=4")[0], "another architecture")
    (case.folder / "generator.safetensors").write_bytes(b"not a checkpoint")
    refusal(case.run_import()[0], "generator.safetensors")


def test_conditional_scores_need_classes(case):
    _, imported = case.run_import()
    (case.folder / "flat").mkdir()
    Image.new("RGB", (32, 32)).save(case.folder / "flat" / "a.png")
    refusal(fqgan("score", imported, case.folder / "flat"), "a.png", "conditional")
