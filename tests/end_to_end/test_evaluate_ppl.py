"""fqgan evaluate --metrics ppl: the perceptual path length of a run, in the features of TorchScript files, and what is
refused."""

import json

import pytest
import torch

from conftest import RECIPE, one_line_error, run, write_class_folders, write_idx
from test_evaluate import evaluate, scripted, value

LPIPS = """
def forward(self, img, resize_images: bool=True, return_lpips: bool=False):
    assert return_lpips and not resize_images
    return img.flatten(1)[:, ::3] * 2
"""


@pytest.fixture(scope="module")
def net(tmp_path_factory):
    return scripted(tmp_path_factory.mktemp("net"), "return x.float().flatten(1)")


def ppl(folder, net, *arguments):
    return evaluate(folder, "--metrics", "ppl", "--features", net, "--count", 40, *arguments)


def test_a_run_has_a_path_length(trained, net):
    found = ppl(trained, net)
    name = found["features"]["name"]
    assert list(found["metrics"]) == [f"ppl/{name}", f"ppl_std/{name}"]
    assert found["counts"] == {"generated": 40, "against": None}
    assert value(found, "ppl") > 0 and value(found, "ppl_std") > 0
    assert ppl(trained, net)["metrics"] == found["metrics"], "the same seed"
    assert ppl(trained, net, "--seed", 9)["metrics"] != found["metrics"]
    ends = ppl(trained, net, "--set", "ppl.sampling=end")["metrics"]
    assert list(ends) == [f"ppl[sampling=end]/{name}", f"ppl_std[sampling=end]/{name}"]
    both = evaluate(trained, "--metrics", "ppl,fid", "--features", net, "--count", 40)
    assert value(both, "ppl") == value(found, "ppl") and value(both, "fid") > 0
    exact = value(ppl(trained, net, "--precision", "float64"), "ppl")
    assert value(found, "ppl") == pytest.approx(exact, rel=1e-3), "rounding of the generator"
    assert value(ppl(trained, net, "--precision", "bfloat16"), "ppl") == pytest.approx(exact, rel=2e-2)


def test_seeds(trained, net):
    found = ppl(trained, net, "--seeds", 2)["metrics"]
    own = [value(ppl(trained, net, "--seed", seed), "ppl") for seed in (0, 1)]
    assert next(iter(found.values())) == pytest.approx(sum(own) / 2)


def test_features_for_lpips_are_asked_for(trained, net, tmp_path):
    module = type("Vgg", (torch.jit.ScriptModule,), {})()
    module.define(LPIPS)
    module.save(str(tmp_path / "vgg16.pt"))
    thirds = scripted(tmp_path, "return x.float().flatten(1)[:, ::3]")
    of_lpips, of_thirds = (value(ppl(trained, file), "ppl") for file in (tmp_path / "vgg16.pt", thirds))
    assert of_lpips == pytest.approx(4 * of_thirds, rel=1e-5)


def test_a_training_measures_it(tmp_path, net):
    data = write_idx(tmp_path / "data")
    (tmp_path / "tiny.toml").write_text(RECIPE.format(data=data))
    settings = ["evaluation.every=12", "evaluation.count=20", f"evaluation.features={net}"]
    settings.append('evaluation.metrics=["ppl"]')
    folder = tmp_path / "run"
    process = run("train", tmp_path / "tiny.toml", "--out", folder, *(f"--set={setting}" for setting in settings))
    assert process.returncode == 0, process.stderr
    last = json.loads((folder / "metrics.jsonl").read_text().splitlines()[-1])["metrics"]
    assert evaluate(folder)["metrics"] == last


def test_what_is_refused(trained, net, tmp_path):
    images = write_class_folders(tmp_path / "images", ["a", "b"])
    statistics = tmp_path / "saved.safetensors"
    process = run("evaluate", images, "--features", net, "--save-statistics", statistics)
    assert process.returncode == 0, process.stderr
    for side in (images, statistics):
        process = run("evaluate", side, "--against", images, "--metrics", "ppl", "--features", net)
        one_line_error(process, side, "ppl", "latents")
    process = run("evaluate", images, "--metrics", "ppl", "--features", net)
    one_line_error(process, images, "ppl", "latents")
    process = run("evaluate", trained, "--metrics", "fid", "--features", net, "--set", "ppl.sampling=end")
    one_line_error(process, "ppl.sampling", "fid")
    process = run("evaluate", trained, "--metrics", "ppl", "--features", net, "--set", "ppl.sampling=middle")
    one_line_error(process, "sampling", "middle")
    bytes_only = scripted(tmp_path, "assert x.dtype == 0\n    return x.float().flatten(1)")  # torch.uint8
    process = run("evaluate", trained, "--metrics", "ppl", "--features", bytes_only, "--count", 4)
    one_line_error(process, bytes_only, "float32")


def test_an_extractor_that_rounds_its_images_is_named(trained, tmp_path):
    rounding = scripted(tmp_path, "return (x * 0).float().flatten(1)")
    process = run("evaluate", trained, "--metrics", "ppl", "--features", rounding, "--count", 4)
    assert process.returncode == 0 and "ppl is 0" in process.stderr
