"""`python -m fqgan.convert`: .pth state dicts become safetensors for `fqgan import`, and nothing in them runs."""

import argparse
import errno
import importlib
import os
import pathlib
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections import OrderedDict

import numpy
import pytest
import torch
from program import refused_by
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
PACKAGE = ROOT / "python"
sys.path.insert(0, str(PACKAGE))
os.environ.setdefault("FQGAN_OPS", str(BUILD / "libfqgan_ops.so"))
convert = importlib.import_module("fqgan.convert")

RECIPE = """
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
"""


class Harmful:
    """Makes a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def refused(capsys, arguments, *parts):
    refused_by(convert, capsys, arguments, *parts)


@pytest.mark.parametrize("zipped", [False, True])
def test_the_inception_weights_of_pytorch_fid(tmp_path, zipped):
    """pt_inception-2015-12-05-6726825d.pth: 94 convolutions with batch norm, and a last layer. Here they are tiny."""
    blocks = {}
    for i in range(94):
        norm = torch.nn.BatchNorm2d(2, eps=0.001)
        norm.num_batches_tracked += i
        conv = torch.nn.Conv2d(2, 2, 1, bias=False)
        blocks[f"Mixed_{i}"] = torch.nn.ModuleDict(OrderedDict(conv=conv, bn=norm))
    state = torch.nn.ModuleDict({**blocks, "fc": torch.nn.Linear(2, 1008)}).state_dict()  # with the attribute _metadata
    assert len(state) == 566
    source, target = tmp_path / "inception.pth", tmp_path / "inception.safetensors"
    torch.save(state, source, _use_new_zipfile_serialization=zipped)
    assert convert.convert(source, target) == 566
    tensors = load_file(target)
    assert tensors.keys() == state.keys() and all(torch.equal(tensors[name], state[name]) for name in state)
    counters = [tensor for tensor in tensors.values() if tensor.dtype == torch.int64]
    assert len(counters) == 94 and all(tensor.shape == () for tensor in counters)


def test_weights_of_the_reference_are_imported(tmp_path):
    """In both formats that PyTorch has written, of a network inside DataParallel and of one without."""
    record = load_file(ROOT / "tests" / "parity" / "fixtures" / "biggan_plain.safetensors")
    files, names = [], {"generator": ("module.", False), "discriminator": ("", True)}
    for network, (prefix, zipped) in names.items():
        start = network + "."
        state = {key[len(start) :]: value for key, value in record.items() if key.startswith(start)}
        state = OrderedDict((prefix + key, value) for key, value in state.items())
        files += [tmp_path / f"{network}.pth", tmp_path / f"{network}.safetensors"]
        torch.save(state, files[-2], _use_new_zipfile_serialization=zipped)
    command = [sys.executable, "-m", "fqgan.convert", *files]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(PACKAGE)})
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert done.stdout.count("wrote ") == 2
    for network, file in zip(names, files[1::2]):
        tensors = load_file(file)
        assert len(tensors) == sum(key.startswith(network + ".") for key in record)
        for key, value in tensors.items():
            expected = record[f"{network}.{key}"]
            assert value.dtype == expected.dtype and torch.equal(value, expected)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    weights = ["--generator", files[1], "--discriminator", files[3]]
    command = [BUILD / "fqgan", "import", "--from", "biggan-pytorch", "--recipe", tmp_path / "recipe.toml", *weights]
    done = subprocess.run([*command, "--out", tmp_path / "x.safetensors"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_layout_and_names(tmp_path):
    """Tensors that share memory or lie in another order; "module." in front of some names is theirs."""
    whole = torch.arange(24.0).reshape(2, 3, 4)
    state = {
        "module.a": whole.permute(2, 0, 1),
        "b": whole[1],
        "c": whole,
        "count": torch.tensor(7),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(torch.ones(3)),
    }
    torch.save(state, tmp_path / "x.pth")
    convert.main([str(tmp_path / "x.pth"), str(tmp_path / "x.safetensors")])
    tensors = load_file(tmp_path / "x.safetensors")
    assert tensors.keys() == state.keys()
    for key, value in state.items():
        assert tensors[key].dtype == value.dtype and torch.equal(tensors[key], value.detach())
    assert (tmp_path / "x.safetensors").stat().st_mode & 0o044 == 0o044 & ~umask()


WEIGHTS = {"blocks.0.weight": torch.arange(6.0).reshape(2, 3), "bias": torch.ones(2)}


def within(prefix):
    return {prefix + name: value for name, value in WEIGHTS.items()}


@pytest.mark.parametrize(
    "content, options",
    [
        (WEIGHTS, []),
        ({"state_dict": WEIGHTS, "epoch": 3, "best": numpy.float64(1.5), "args": argparse.Namespace(lr=1)}, []),
        ({"model": within("module.")}, []),
        ({"G": OrderedDict(within("module."))}, []),
        ({"netG": WEIGHTS, "optimizerG": {"w": torch.ones(1)}}, []),
        ({"state": {"generator": WEIGHTS}, "iteration": 7}, []),
        (within("module.module."), []),
        (within("_orig_mod."), []),
        (within("module._orig_mod."), []),
        (within("_orig_mod.module."), []),
        ({"G": WEIGHTS, "D": {"w": torch.ones(1)}}, ["--key", "G"]),
        ({"state": {"netG": WEIGHTS, "netD": {"w": torch.ones(1)}}}, ["--key", "netG"]),
        ({"state_dict": within("netG.") | {"netD.w": torch.ones(1)}}, ["--key", "netG"]),
    ],
    ids=str,
)
def test_checkpoints_that_contain_a_state_dict(tmp_path, content, options):
    torch.save(content, tmp_path / "x.pth")
    convert.main([str(tmp_path / "x.pth"), str(tmp_path / "x.safetensors"), *options])
    tensors = load_file(tmp_path / "x.safetensors")
    assert tensors.keys() == WEIGHTS.keys() and all(torch.equal(tensors[name], WEIGHTS[name]) for name in WEIGHTS)


def test_no_operators_are_needed(tmp_path):
    """Nor for the package and for fqgan.export; a layer says what is missing."""
    torch.save(WEIGHTS, tmp_path / "x.pth")
    environment = {name: value for name, value in os.environ.items() if name != "FQGAN_OPS"}
    environment["PYTHONPATH"] = str(PACKAGE)

    def python(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path)

    assert python("-m", "fqgan.convert", "x.pth", "x.safetensors").returncode == 0
    assert load_file(tmp_path / "x.safetensors").keys() == WEIGHTS.keys()
    assert python("-m", "fqgan.export", "--help").returncode == 0
    codes = ("from fqgan import FeatureQuantizer", "import fqgan; fqgan.compat", "from fqgan.compat import Quantize")
    for code in codes:
        done = python("-c", code)
        assert done.returncode == 1 and "ImportError: [fqgan] expected libfqgan_ops.so in " in done.stderr, done.stderr


def umask():
    value = os.umask(0)
    os.umask(value)
    return value


def test_nothing_runs(tmp_path, capsys):
    for zipped in (True, False):
        trap = tmp_path / "ran"
        torch.save({"w": torch.zeros(1), "x": Harmful(trap)}, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
        refused(capsys, [tmp_path / "x.pth", tmp_path / "x.safetensors"], "x.pth", "'io.open'")
        assert not trap.exists() and not (tmp_path / "x.safetensors").exists()
    (tmp_path / "x.pth").write_bytes(pickle.dumps(Harmful(trap)))
    refused(capsys, [tmp_path / "x.pth", tmp_path / "x.safetensors"], "x.pth")
    assert not trap.exists()
    torch.save(torch.nn.Linear(2, 2), tmp_path / "x.pth")  # a whole module
    refused(capsys, [tmp_path / "x.pth", tmp_path / "x.safetensors"], "Linear", "state_dict")


def test_outputs_are_checked_before_anything_is_written(tmp_path, capsys):
    source, other, target = tmp_path / "x.pth", tmp_path / "y.pth", tmp_path / "x.safetensors"
    for path in (source, other):
        torch.save({"weight": torch.ones(2)}, path)
    refused(capsys, [source, target, other, target], "x.safetensors", "twice")
    (tmp_path / "link").symlink_to(tmp_path)
    refused(capsys, [source, target, other, tmp_path / "link" / "x.safetensors"], "x.safetensors", "twice")
    named = tmp_path / "z.safetensors"
    os.link(source, named)
    refused(capsys, [other, target, source, named, "--force"], "z.safetensors", "input")
    assert not target.exists()
    convert.main([str(source), str(target)])
    target.write_text("precious")
    refused(capsys, [other, tmp_path / "new.safetensors", source, target], "x.safetensors", "--force")
    assert target.read_text() == "precious" and not (tmp_path / "new.safetensors").exists()
    convert.main([str(source), str(target), "--force"])
    assert load_file(target)["weight"].tolist() == [1, 1]
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "recipe.toml").write_text("")
    refused(capsys, [source, tmp_path / "run" / "checkpoints" / "step-00000001.safetensors"], "step-", "run folder")


def test_bad_input(tmp_path, capsys):
    source, target = tmp_path / "x.pth", tmp_path / "x.safetensors"
    refused(capsys, [source, target], "x.pth", os.strerror(errno.ENOENT))
    refused(capsys, [tmp_path, target], tmp_path)
    refused(capsys, [tmp_path / "\x1b[31m.pth", target], r"\x1b[31m.pth")
    for content in (b"", b"no pickle at all", b"PK\3\4 cut off", b"\x80\4 cut off", pickle.dumps({"a": 1}, 0)):
        source.write_bytes(content)
        refused(capsys, [source, target], "x.pth", "torch.save")
    save_file({"w": torch.ones(1)}, source)
    refused(capsys, [source, target], "x.pth", "safetensors", "fqgan import")
    with zipfile.ZipFile(source, "w") as archive:
        archive.writestr("cat/0.png", "image")
    refused(capsys, [source, target], "x.pth", "zip")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), str(source))
    refused(capsys, [source, target], "x.pth", "TorchScript")
    weights = {"w": torch.ones(1)}
    for value, part in (
        ([1, 2], "list"),
        (torch.ones(3), "Tensor"),
        ({}, "empty"),
        ({"step": 3}, "'step'"),
        (weights | {"step": 3}, "'step'"),
        ({"state_dict": {}, "epoch": 3}, "'epoch'"),
        ({"model": weights | {"step": 3}}, "'model'"),
        ({"netG": weights, "netD": weights}, "--key netG"),
    ):
        torch.save(value, source)
        refused(capsys, [source, target], "x.pth", part)
    refused(capsys, [source, target, "--key", "netE"], "netE", "'netG', 'netD'")
    torch.save({"w": torch.ones(2).to_sparse()}, source)
    refused(capsys, [source, target], "'w'")
    torch.save({"w": torch.ones(2)}, source)
    refused(capsys, [source], "pairs")
    refused(capsys, [source, target, source], "pairs")
    refused(capsys, [source, tmp_path / "x.pt"], ".safetensors")
    refused(capsys, [source, tmp_path / "none" / "x.safetensors"], os.strerror(errno.ENOENT))
    refused(capsys, [], "usage")
    assert [path.name for path in tmp_path.iterdir()] == ["x.pth"]


def test_tensors_without_values_and_endless_dictionaries(tmp_path, capsys):
    source, target = tmp_path / "x.pth", tmp_path / "x.safetensors"
    torch.save({"w": torch.empty(3, device="meta")}, source)
    refused(capsys, [source, target], "x.pth", "meta", "'w'")
    endless = {"epoch": 1}
    endless["self"] = endless
    torch.save(endless, source)
    refused(capsys, [source, target], "x.pth", "state dict")
    deep = {}
    for _ in range(300):
        deep = {"a": deep}
    torch.save(deep, source)
    refused(capsys, [source, target], "x.pth", "state dict")
    assert not target.exists()
    endless["G"] = WEIGHTS
    torch.save(endless, source)
    convert.main([str(source), str(target)])
    assert load_file(target).keys() == WEIGHTS.keys()


@pytest.mark.parametrize("options", [[], ["-u"]])
def test_a_full_standard_output_is_one_line(tmp_path, options):
    torch.save(WEIGHTS, tmp_path / "x.pth")
    command = [sys.executable, *options, "-m", "fqgan.convert", tmp_path / "x.pth", tmp_path / "x.safetensors"]
    with open("/dev/full", "w") as full:
        environment = os.environ | {"PYTHONPATH": str(PACKAGE)}
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, env=environment)
    assert done.returncode == 1
    assert done.stderr == f"error: [standard output] {os.strerror(errno.ENOSPC)}\n"
