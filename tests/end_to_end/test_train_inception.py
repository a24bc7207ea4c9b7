"""A training that measures itself with Inception, on random weights; a second training with the same data reads no
reference image."""

import importlib.util
import json
import os
import pathlib
import sys

import pytest
from conftest import RECIPE, run, write_idx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "parity"))

TABLE = '[evaluation]\nevery = 6\ncount = 20\nmetrics = ["fid"]\nfeatures = "inception"\n[model]\n'


@pytest.fixture
def environment(tmp_path):
    """Random weights of Inception where `evaluation.features = "inception"` looks for them."""
    if not importlib.util.find_spec("torch_fidelity"):
        pytest.skip("torch-fidelity, which names the weights of Inception, is not installed")
    import outside_tools
    from safetensors.torch import save_file

    (tmp_path / "cache" / "features").mkdir(parents=True)
    with outside_tools.stand_in_torchvision():
        save_file(outside_tools.random_inception(seed=1), tmp_path / "cache" / "features" / "inception.safetensors")
    return {**os.environ, "FQGAN_CACHE": str(tmp_path / "cache")}


def test_a_second_training_reads_no_reference_image(environment, tmp_path):
    data = write_idx(tmp_path / "data")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(RECIPE.format(data=data).replace("[model]\n", TABLE, 1))
    said = []
    for seed in (1, 2):
        options = ["--set", "data.held_out=12", "--set", f"seed={seed}"]
        process = run("-v", "train", recipe, "--out", tmp_path / f"run{seed}", *options, env=environment)
        assert process.returncode == 0, process.stderr
        said.append(process.stderr)
        metrics = [json.loads(line) for line in (tmp_path / f"run{seed}" / "metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in metrics] == [0, 6, 12]
        assert all(name.startswith("fid/inception@fqgan-") for line in metrics for name in line["metrics"])
    assert said[0].count("are kept in") == 1 and "they are of 12 images" not in said[0]
    assert said[1].count("are kept in") == 0 and "they are of 12 images, in" in said[1]
