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
        files += ["--recipe", self.folder / "recipe.toml", "--out", out, "--force"]
        return fqgan("import", "--from", "biggan-pytorch", *files, *more), out


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
    result = fqgan("sample", imported, "--latents", case.folder / "latents.safetensors", "--out", out, "--force")
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
    result = fqgan("score", imported, case.folder / "images", "--out", out, "--force", "--json")
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
        counts = np.bincount(case.record[f"use.codes.{tap}"].flatten())
        perplexity = document["taps"][tap]["perplexity"]
        fraction = counts[counts > 0] / counts.sum()
        assert perplexity == pytest.approx(np.exp(-(fraction * np.log(fraction)).sum()), rel=1e-2)
        ours = np.bincount(scores[f"codes.{tap}"].flatten())
        fraction = ours[ours > 0] / ours.sum()
        assert perplexity == pytest.approx(np.exp(-(fraction * np.log(fraction)).sum()), rel=1e-6)


def sample(case, imported):
    """Images of the record's latents."""
    latents = {"z": case.record["z.0.0.0"].astype(np.float32), "y": case.record["y.0.0.0"]}
    save_file(latents, case.folder / "latents.safetensors")
    out = case.folder / "images.safetensors"
    result = fqgan("sample", imported, "--latents", case.folder / "latents.safetensors", "--out", out, "--force")
    assert result.returncode == 0, result.stderr
    return load_file(out)["images"]


def score(case, imported, names="012"):
    """(logits of the record's images, the record's logits, what stood on stderr)"""
    pixels, labels = case.record["use.pixels"], case.record["use.labels"]
    order, folder = [], case.folder / "".join(names)
    for k, name in enumerate(names):
        (folder / name).mkdir(parents=True)
        for i in np.flatnonzero(labels == k):
            Image.fromarray(pixels[i].transpose(1, 2, 0)).save(folder / name / f"{i}.png")
            order.append(i)
    result = fqgan("score", imported, folder, "--out", case.folder / "scores.safetensors", "--force")
    assert result.returncode == 0, result.stderr
    return load_file(case.folder / "scores.safetensors")["logits"], case.record["use.logits"][order], result.stderr


def test_batch_norms_with_a_module_of_their_own(case):
    """--mybn (with standing statistics too: sums over a counter of batches) and --cross_replica name them otherwise."""
    for mean, var, batches, counter in (
        ("bn.stored_mean", "bn.stored_var", 1, {"bn.accumulation_counter": np.zeros(1)}),
        ("bn.stored_mean", "bn.stored_var", 7, {"bn.accumulation_counter": np.full(1, 7.0)}),
        ("bn.running_mean", "bn.running_var", 1, {"bn.num_batches_tracked": np.array(5)}),
    ):
        weights = {}
        for key, value in case.weights("generator").items():
            place, _, last = key.rpartition(".")
            if last in ("stored_mean", "stored_var"):
                weights[f"{place}.{mean if last == 'stored_mean' else var}"] = value * batches
                weights |= {f"{place}.{name}": number for name, number in counter.items()}
            else:
                weights[key] = value
        case.write("generator", weights)
        result, imported = case.run_import()
        assert result.returncode == 0, result.stderr
        np.testing.assert_allclose(sample(case, imported), case.record["use.images"], atol=1e-5)


def test_a_discriminator_without_quantizers(case):
    weights, quantizers = case.weights("discriminator"), ("blocks.0.1.", "blocks.2.1.")
    weights = {key: value for key, value in weights.items() if not key.startswith(quantizers)}
    assert len(weights) == len(case.weights("discriminator")) - 6
    case.write("discriminator", weights)
    refusal(case.run_import()[0], "'blocks.0.1.")
    result, imported = case.run_import("--set", "model.quantizer.taps=[]")
    assert result.returncode == 0, result.stderr
    ours, theirs, _ = score(case, imported)  # FQ-GAN's quantizers change no logit
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_attention_after_a_quantizer(tmp_path):
    """In a block with both, the reference numbers the quantizer 1 and attention 2."""
    case = Case("hierarchical", tmp_path)
    weights = case.weights("discriminator")
    attention = [key for key in weights if key.startswith("blocks.3.1.")]
    assert "blocks.3.1.gamma" in attention
    for key in attention:
        weights[key.replace("blocks.3.1.", "blocks.3.2.")] = weights.pop(key)
    draw = np.random.default_rng(1)
    weights["blocks.3.1.embed"] = draw.normal(size=(8, 8))
    weights |= {"blocks.3.1.embed_avg": weights["blocks.3.1.embed"], "blocks.3.1.cluster_size": np.ones(8)}
    case.write("discriminator", weights)
    result, imported = case.run_import("--set", 'model.quantizer.taps=["block0", "block2", "block3"]')
    assert result.returncode == 0, result.stderr
    ours, theirs, _ = score(case, imported)
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


def test_classes_of_a_model_without_names(case):
    """Imported weights know no names of classes: folders count in the order of their names, and a line says so."""
    _, imported = case.run_import()
    ours, theirs, log = score(case, imported, ["ant", "bee", "cat"])
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert "'ant' for class 0" in log
    assert "'ant'" not in score(case, imported)[2]


def test_without_a_discriminator_it_samples_but_does_not_score(case):
    result, imported = case.run_import(discriminator=False)
    assert result.returncode == 0 and "discriminator" in result.stderr
    assert fqgan("sample", imported, "--out", case.folder / "grid.png").returncode == 0
    refusal(fqgan("sample", imported, "--noise", "none", "--out", case.folder / "other.png"), "--noise")
    (case.folder / "images").mkdir()
    Image.new("RGB", (32, 32)).save(case.folder / "images" / "a.png")
    refusal(fqgan("score", imported, case.folder / "images"), "discriminator")


def test_what_does_not_fit_is_listed(case):
    weights = case.weights("generator")
    weights["stray.weight"] = weights.pop("linear.bias")
    case.write("generator", weights)
    refusal(case.run_import()[0], "'linear.bias'", "stray.weight", "generator.safetensors")
    case.write("generator", case.weights("generator"))
    wrong_codes = case.run_import("--set", "model.quantizer.codes=16")[0]
    refusal(wrong_codes, "'blocks.0.1.embed'", "discriminator.safetensors")
    refusal(case.run_import("--set", "data.resolution=none")[0], "data.resolution")
    refusal(case.run_import("--set", "model.generator.width=4")[0], "generator.safetensors", "blocks.0.0.conv1.weight")
    without_recipe = ("--generator", case.folder / "generator.safetensors", "--out", case.folder / "x.safetensors")
    refusal(fqgan("import", "--from", "biggan-pytorch", *without_recipe), "--recipe")
    (case.folder / "generator.safetensors").write_bytes(b"not a checkpoint")
    refusal(case.run_import()[0], "generator.safetensors")


def test_conditional_scores_need_classes(case):
    _, imported = case.run_import()
    (case.folder / "flat").mkdir()
    Image.new("RGB", (32, 32)).save(case.folder / "flat" / "a.png")
    refusal(fqgan("score", imported, case.folder / "flat"), "a.png", "conditional")
