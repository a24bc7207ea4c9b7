"""fqgan profile: the table, the JSON, that layers and steps add up, and wrong input."""

import json
import re

import pytest

from conftest import RECIPE, one_line_error, run, write_idx


def write_recipe(folder, data=""):
    recipe = folder / "recipe.toml"
    recipe.write_text(RECIPE.format(data=data))
    return recipe


def test_layers_by_name_and_time(tmp_path):
    recipe = write_recipe(tmp_path)
    process = run("profile", recipe, "--iterations", 2, "--classes", 3, "--set", "data.channels=1", "--json")
    assert process.returncode == 0, process.stderr
    profile = json.loads(process.stdout)
    assert len(profile["seconds"]) == 2 and all(s > 0 for s in profile["seconds"])
    layers = {layer["name"]: layer for layer in profile["layers"]}
    assert {"generator.block0.conv1", "discriminator.block1.conv2", "discriminator.taps.block1"} <= set(layers)
    # conv2 of the second D block: 16 -> 16 channels, 2 x 2 maps from 4 x 4, folded into 4 x 4 taps; two D steps with 16
    # images (forward, two gradients) and one G step with 8 (forward, the images' gradient).
    one = 2 * 16 * 16 * 4 * 4 * 2 * 2 / 1e9
    ratio = layers["discriminator.block1.conv2"]["gflop"] / (one * (2 * 16 * 3 + 8 * 2))
    assert min(abs(ratio - 1), abs(ratio - 9 / 16)) < 1e-6  # Winograd's kernels need 9 of the 16 products
    assert layers["generator.block0.conv1"]["backward_seconds"] > 0
    peak = profile["peak_gflops"]["float32"]
    for layer in profile["layers"]:
        assert layer["at_peak_seconds"] == pytest.approx(layer["gflop"] / peak), layer["name"]
        assert (layer["bound_seconds"] > 0) == (layer["gflop"] > 0), layer["name"]
        assert layer["fraction_of_bound"] <= 1, layer["name"]
    for key in ("at_peak_seconds", "bound_seconds"):
        assert profile[key] == pytest.approx(sum(layer[key] for layer in profile["layers"]))
    assert 0 < profile["at_peak_seconds"] < profile["recorded_seconds"]
    # Arguments and results of the operator, not what it allocates: D's images and G's, of 8 pixels, at least once each.
    convolutions = [o for o in profile["operators"] if o["name"] == "fqgan::convolution"]
    conv1 = next(o for o in convolutions if o["shapes"].startswith("16x1x8x8, 8x1x3x3"))
    assert conv1["megabytes"] >= conv1["calls"] / 2 * 16 * 4 * (8 * 8 + 8 * 8 * 8) / 1e6
    covered = sum(layer["forward_seconds"] + layer["backward_seconds"] for layer in profile["layers"])
    assert 0.3 * profile["recorded_seconds"] < covered <= 1.01 * profile["recorded_seconds"]
    assert profile["peak_gflops"]["float32"] > 1 and profile["peak_memory_mib"] > 10
    assert set(profile["losses"]) == {"loss/discriminator", "loss/generator"}


def test_table_and_steps_only(tmp_path):
    recipe = write_recipe(tmp_path, write_idx(tmp_path / "data"))
    table = run("profile", recipe, "--iterations", 1, "--rows", 3)
    assert table.returncode == 0, table.stderr
    assert "layer (ms, per iteration)" in table.stdout and "aten::" in table.stdout and "bound:" in table.stdout
    steps = run("profile", recipe, "--iterations", 3, "--warmup", 0, "--steps-only", "--json")
    assert set(json.loads(steps.stdout)) == {
        "seconds",
        "phases",
        "losses",
        "peak_memory_mib",
        "estimated_memory_mib",
        "estimated_seconds",
        "threads",
    }
    seconds, phases = json.loads(steps.stdout)["seconds"], json.loads(steps.stdout)["phases"]
    assert len(seconds) == 3
    assert [(phase["name"], phase["interval"]) for phase in phases] == [("discriminator", 1), ("generator", 1)]
    assert 0.5 * sum(seconds) / 3 < sum(phase["seconds"] for phase in phases) <= sum(seconds) / 3


def test_losses_are_those_of_the_reference(tmp_path):
    recipe = write_recipe(tmp_path, write_idx(tmp_path / "data"))
    found, exact = (
        json.loads(run("profile", recipe, "--steps-only", "--json", "--set", f"precision={precision}").stdout)["losses"]
        for precision in ("float32", "float64")
    )
    for name, value in exact.items():
        assert abs(found[name] - value) < 1e-4, name


def test_wrong_input(tmp_path):
    recipe = write_recipe(tmp_path)
    one_line_error(run("profile", tmp_path / "none.toml"), "none.toml")
    one_line_error(run("profile", recipe, "--set", "precision=int8"), "int8")
    one_line_error(run("profile", recipe, "--iterations", 0), "--iterations")
    text = recipe.read_text().replace("resolution = 8\n", "")
    recipe.write_text(text)
    one_line_error(run("profile", recipe), "data.resolution", "--data")


def test_training_estimates_memory_and_time_and_warns(tmp_path):
    images = 65536
    recipe = write_recipe(tmp_path, write_idx(tmp_path / "data", images=images, size=2))

    def estimated(*settings):
        process = run("train", recipe, "--dry-run", *settings)
        assert process.returncode == 0, process.stderr
        amounts = re.search(r"estimated memory: ([\d.]+) (\w+) \(([\d.]+) (\w+) are free", process.stderr)
        unit = {"MiB": 1, "GiB": 1024}
        needed, free = (float(amounts[i]) * unit[amounts[i + 1]] for i in (1, 3))
        seconds = re.search(r"estimated time: ([\d.]+) \w+ per iteration, .* for (\d+) iterations", process.stderr)
        assert float(seconds[1]) > 0 and int(seconds[2]) == 12
        fitting = re.search(rf"model.batch.*{images}.*model.batch = (\d+)", process.stderr)
        return needed, free, fitting and int(fitting[1])

    needed, free, fitting = estimated()
    assert needed < 100 and fitting is None
    wide = ["--set", "model.generator.width=64", "--set", "model.discriminator.width=64"]
    needed, free, fitting = estimated("--set", f"model.batch={images}", *wide)
    assert needed > 10000
    assert (fitting is not None) == (needed > free)
    if fitting:
        assert fitting < images and estimated("--set", f"model.batch={fitting}", *wide)[2] is None
