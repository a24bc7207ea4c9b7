"""`python -m fqgan.export`: TorchScript and ONNX give the images of the C++ program, for every form of the generator.

The models: small ones that the program trains here for two iterations, and the reference's weights of
fixtures/make_biggan_reference.py.
"""

import dataclasses
import functools
import hashlib
import importlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save, save_file

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated")  # torch announces the end of TorchScript

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
PROGRAM = BUILD / "fqgan"
PACKAGE = ROOT / "python"
FIXTURES = ROOT / "tests" / "parity" / "fixtures"
sys.path.insert(0, str(PACKAGE))
os.environ.setdefault("FQGAN_OPS", str(BUILD / "libfqgan_ops.so"))
os.environ["FQGAN_PROGRAM"] = str(PROGRAM)
export, tool, streams, truncation = (
    importlib.import_module(f"fqgan.{name}") for name in ("export", "_tool", "_streams", "_truncation")
)

TRAINED = """
family = "biggan"
threads = 1
[data]
path = "{data}"
[training]
iterations = 2
[model]
batch = 4
initialisation = "xavier"
[model.discriminator]
width = 4
multipliers = [2]
downsample = [true]
steps = 1
"""
IMPORTED = """
family = "biggan"
[data]
resolution = {size}
[model]
spectral_epsilon = 1e-6
[model.discriminator]
width = {width}
"""


@dataclasses.dataclass
class Model:
    recipe: str
    generator: list  # options of [model.generator]
    latent: int  # Z in use
    classes: int = 3  # 0: unconditional
    others: list = ()


MODELS = {
    # 1200 images make three batches of standing statistics.
    "standing": Model(
        TRAINED,
        ["width=4", "multipliers=[4,2,2]", "latent=8"],
        latent=8,
        others=["data.resolution=8", "model.average.standing_images=1200", "model.norm_epsilon=1e-3"],
    ),
    "unconditional": Model(
        TRAINED,
        ["width=8", "multipliers=[2,2,1]", "latent=11", "hierarchical=true", "attention=[8]", "spectral_norm=false"],
        latent=9,
        classes=0,
        others=["data.resolution=16", "model.conditional=false", "model.average.standing_images=7"],
    ),
    "wide": Model(
        TRAINED,
        ["width=4", "multipliers=[2,1]", "latent=5"],
        latent=5,
        classes=0,
        others=["data.resolution=8", "data.width=12", "model.conditional=false"]
        + ["model.average.start=0", "model.generator.adam.learning_rate=0.05"],
    ),
    "plain": Model(IMPORTED.format(size=32, width=2), ["width=2", "latent=6"], latent=6),
    "hierarchical": Model(
        IMPORTED.format(size=64, width=1),
        ["width=1", "latent=11", "hierarchical=true", "shared_embedding=5", "attention=[16]"],
        latent=10,
    ),
}
FORMATS = ["torchscript", "onnx"]
CASES = [(name, form) for name in MODELS for form in FORMATS if (name, form) != ("plain", "onnx")]  # as "standing"
NONE = 1e6  # no truncation


def fqgan(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def noise_images(folder):
    draw = np.random.default_rng(1)
    for k in range(3):
        (folder / str(k)).mkdir(parents=True)
        for i in range(6):
            Image.fromarray(draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(folder / str(k) / f"{i}.png")
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A function from a name in MODELS to the model's file."""
    folder = tmp_path_factory.mktemp("models")
    data = noise_images(folder / "data")

    @functools.cache
    def make(name):
        model, recipe, file = MODELS[name], folder / f"{name}.toml", folder / f"{name}.safetensors"
        recipe.write_text(model.recipe.format(data=data))
        options = [f"model.generator.{option}" for option in model.generator] + list(model.others)
        sets = [word for option in options for word in ("--set", option)]
        if model.recipe is TRAINED:
            fqgan("train", recipe, "--out", folder / name, *sets)
            fqgan("export", folder / name, "--weights-only", "--out", file)
            return file
        record, prefix = load_file(FIXTURES / f"biggan_{name}.safetensors"), "generator."
        theirs = {key[len(prefix) :]: value for key, value in record.items() if key.startswith(prefix)}
        save_file(theirs, folder / "theirs.safetensors")
        weights = ("--generator", folder / "theirs.safetensors")
        fqgan("import", "--from", "biggan-pytorch", "--recipe", recipe, *weights, "--out", file, *sets)
        return file

    return make


@pytest.fixture(scope="module")
def exported(checkpoint):
    """A function from a name and a format to what runs the exported file: inputs by name -> images."""

    @functools.cache
    def make(name, form):
        out = checkpoint(name).with_suffix(export.SUFFIXES[form])
        export.main([str(checkpoint(name)), "--format", form, "--check", "3"])
        return export.FORMATS[form][1](out)

    return make


def inputs(name, count, limit=NONE):
    """Shuffled classes, so that class 0 is not always the first."""
    model, draw = MODELS[name], torch.Generator().manual_seed(5)
    given = {"z": torch.randn(count, model.latent, generator=draw)}
    if model.classes:
        given["class"] = torch.randint(model.classes, (count,), generator=draw)
    return given | {"truncation": torch.tensor(limit)}


def images_of_program(file, folder, given, *flags):
    latents, out = folder / "latents.safetensors", folder / "images.safetensors"
    save_file({"z": given["z"]} | ({"y": given["class"]} if "class" in given else {}), latents)
    fqgan("sample", file, "--latents", latents, "--out", out, *flags)
    return load_file(out)["images"]


def read_checkpoint(path):
    with safe_open(path, "pt") as file:
        return load_file(path), file.metadata()


def write_checkpoint(path, tensors, metadata):
    """With the checksums of docs/checkpoint.md."""
    content = save(tensors)
    start = 8 + int.from_bytes(content[:8], "little")
    blank = {"checksum.data": hashlib.sha256(content[start:]).hexdigest(), "checksum.metadata": "0" * 64}
    first = {"format_version": metadata["format_version"]} | blank
    header = json.dumps(
        {"__metadata__": first | (metadata | first)} | json.loads(content[8:start]), separators=(",", ":")
    )
    header = header.encode()
    header += b" " * (-len(header) % 8)
    header = header.replace(b"0" * 64, hashlib.sha256(header).hexdigest().encode(), 1)
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[start:])


def difference(ours, theirs):
    assert ours.shape == theirs.shape and ours.dtype == theirs.dtype == torch.float32
    return (ours - theirs).abs().max().item()


@pytest.mark.parametrize("name, form", CASES)
def test_images_are_those_of_the_program(checkpoint, exported, tmp_path, name, form):
    given = inputs(name, 7)
    theirs = images_of_program(checkpoint(name), tmp_path, given)
    assert theirs.std() > 0.01
    run = exported(name, form)
    assert difference(run(given), theirs) <= 1e-5
    one = {key: value[:1] if value.dim() else value for key, value in given.items()}
    assert difference(run(one), theirs[:1]) <= 1e-5


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["standing", "wide"])
def test_truncation_is_that_of_the_program(checkpoint, exported, tmp_path, name, form):
    """Latents come from a uniform draw; as normal ones, the exported graph truncates them as the program does."""
    model, limit, count = MODELS[name], 0.7, 9
    out = tmp_path / "images.safetensors"
    fqgan("sample", checkpoint(name), "--truncation", limit, "--count", count, "--out", out)
    theirs = load_file(out)
    draws = [streams.generator(0, "latents", iteration=i, phase=-1) for i in range(count)]
    uniform = torch.stack([torch.empty(model.latent).uniform_(generator=draw) for draw in draws]).double()
    given = {"z": (torch.erfinv(uniform * 2 - 1) * 2**0.5).float()}
    if model.classes:
        given["class"] = theirs["labels"]
    run = exported(name, form)
    assert difference(run(given | {"truncation": torch.tensor(limit)}), theirs["images"]) <= 1e-5
    assert difference(run(given | {"truncation": torch.tensor(NONE)}), theirs["images"]) > 1e-3


def test_streams_are_those_of_the_program(checkpoint, exported, tmp_path):
    out = tmp_path / "images.safetensors"
    fqgan("sample", checkpoint("plain"), "--seed", 11, "--count", 4, "--out", out)
    given = {"z": torch.stack([streams.normal(6, 11, "latents", iteration=i, phase=-1) for i in range(4)])}
    draws = [streams.generator(11, "labels", iteration=i, phase=-1) for i in range(4)]
    given["class"] = torch.cat([torch.empty(1, dtype=torch.long).random_(0, 3, generator=draw) for draw in draws])
    assert given["class"].tolist() == load_file(out)["labels"].tolist()
    run = exported("plain", "torchscript")
    assert difference(run(given | {"truncation": torch.tensor(NONE)}), load_file(out)["images"]) <= 1e-5


@pytest.mark.parametrize("form", FORMATS)
def test_classes_are_an_input(exported, form):
    given, run = inputs("hierarchical", 3), exported("hierarchical", form)
    given["z"] = given["z"][:1].repeat(3, 1)
    images = run(given | {"class": torch.arange(3)})
    assert difference(images[0], images[1]) > 1e-3 and difference(images[1], images[2]) > 1e-3
    with pytest.raises(Exception, match="index|indices"):
        run(given | {"class": torch.tensor([0, 1, 3])})
    with pytest.raises(Exception):
        run(given | {"z": torch.zeros(3, 11)})


def test_truncation_within_1e_6():
    z = torch.cat([torch.linspace(-8, 8, 40001), torch.tensor([0.0, 1e-30, -1e-9, 20.0, -20.0])])
    a = torch.special.erfc(z.double().abs() / 2**0.5)
    graph = truncation.Truncation()
    for limit in (0.0, 1e-3, 0.04, 0.5, 1.0, 2.0, 4.0, 7.0, 10.0):
        b = torch.special.erfc(torch.tensor(limit).double() / 2**0.5)
        expected = -torch.special.ndtri((a + b - a * b) / 2) * z.sign()
        ours = graph(z, torch.tensor(limit))
        assert ours.abs().max() <= limit
        within = expected.abs() <= 8
        tolerance = (expected.abs() * 3e-7).clamp(min=1e-6)
        assert within.sum() > 40000 and bool(((ours - expected).abs() <= tolerance)[within].all()), limit
    assert torch.equal(graph(z, torch.tensor(NONE)), z) and torch.equal(graph(z, torch.tensor(10.1)), z)


def test_the_raw_generator(checkpoint, tmp_path):
    tensors, metadata = read_checkpoint(checkpoint("wide"))
    raw_only = tmp_path / "raw_only.safetensors"
    write_checkpoint(
        raw_only, {key: value for key, value in tensors.items() if not key.startswith("average.")}, metadata
    )
    given, runs = inputs("wide", 3), []
    for source, more in ((checkpoint("wide"), []), (checkpoint("wide"), ["--raw"]), (raw_only, [])):
        out = tmp_path / f"{len(runs)}.pt"
        export.main([str(source), "--format", "torchscript", "--out", str(out), "--check", "2", *more])
        runs.append(export.load_torchscript(out)(given))
    assert difference(runs[0], runs[1]) > 1e-3 and difference(runs[1], runs[2]) <= 1e-5


def test_as_a_program(checkpoint, tmp_path):
    file = tmp_path / "model.safetensors"
    shutil.copy(checkpoint("wide"), file)
    command = [sys.executable, "-m", "fqgan.export", file, "--format", "torchscript"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(PACKAGE)})
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "largest difference from" in done.stdout and "32 images" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.pt", "model.safetensors"]
    assert (tmp_path / "model.pt").stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    value = os.umask(0)
    os.umask(value)
    return value


def test_what_stands_in_the_onnx_file(checkpoint, exported):
    exported("standing", "onnx")
    file = str(checkpoint("standing").with_suffix(".onnx"))
    session = onnxruntime.InferenceSession(file)
    described = {node.name: (node.shape, node.type) for node in session.get_inputs() + session.get_outputs()}
    assert described == {
        "z": (["N", 8], "tensor(float)"),
        "class": (["N"], "tensor(int64)"),
        "truncation": ([], "tensor(float)"),
        "images": (["N", 3, 8, 8], "tensor(float)"),
    }
    onnx.checker.check_model(onnx.load(file))
    assert str(ROOT).encode() not in pathlib.Path(file).read_bytes()


def test_a_file_that_differs_is_not_written(checkpoint, tmp_path, capsys, monkeypatch):
    out = tmp_path / "wrong.pt"
    right = export.images_of_program
    monkeypatch.setattr(export, "images_of_program", lambda *arguments: right(*arguments) + 3e-5)
    refused(
        capsys, 1, [checkpoint("wide"), "--format", "torchscript", "--out", out], "expected a difference of at most"
    )
    assert not list(tmp_path.iterdir())


def refused(capsys, code, arguments, *parts):
    with pytest.raises(SystemExit) as ending, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["fqgan.export", *map(str, arguments)])
        tool.run(export.main)
    said = capsys.readouterr().err
    assert ending.value.code == code and said.startswith("error: [") and said.count("\n") == 1, said
    for part in parts:
        assert str(part) in said, said


def test_bad_input(checkpoint, tmp_path, capsys, monkeypatch):
    good, form = checkpoint("plain"), ["--format", "torchscript"]
    (tmp_path / "text.safetensors").write_text("no checkpoint")
    refused(capsys, 2, [tmp_path / "text.safetensors", *form], "text.safetensors", "expected a checkpoint")
    refused(capsys, 2, [tmp_path / "missing.safetensors", *form], "missing.safetensors", "No such file")
    refused(capsys, 2, [tmp_path, *form], "expected a checkpoint")
    save_file({"z": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    refused(capsys, 2, [tmp_path / "foreign.safetensors", *form], "another program")
    damaged = bytearray(good.read_bytes())
    damaged[-5] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(damaged)
    refused(capsys, 2, [tmp_path / "damaged.safetensors", *form], "damaged")
    tensors, metadata = read_checkpoint(good)
    write_checkpoint(tmp_path / "newer.safetensors", tensors, metadata | {"format_version": "2"})
    refused(capsys, 2, [tmp_path / "newer.safetensors", *form], "format_version 1, got 2")
    refused(capsys, 2, [good, "--format", "tflite"], "tflite")
    refused(capsys, 2, [good], "--format")
    refused(capsys, 2, [good, *form, "--check", "0"], "--check")
    refused(capsys, 2, [good, *form, "--out", good], "another file")
    refused(capsys, 2, [good, *form, "--out", tmp_path / "no" / "such" / "folder.pt"], "folder.pt", "No such file")
    refused(capsys, 2, [good, *form, "--out", tmp_path], "folder")
    monkeypatch.setenv("FQGAN_PROGRAM", str(tmp_path / "none"))
    refused(capsys, 2, [good, *form], "FQGAN_PROGRAM")


def test_weights_that_do_not_fit(checkpoint, tmp_path, capsys):
    tensors, metadata = read_checkpoint(checkpoint("plain"))

    def refused_with(changes, described, *parts):
        changed = {key: value for key, value in (tensors | changes).items() if value is not None}
        write_checkpoint(tmp_path / "x.safetensors", changed, metadata | described)
        refused(capsys, 2, [tmp_path / "x.safetensors", "--format", "torchscript"], "x.safetensors", *parts)

    name = "average.generator.block1.norm2.stored_var"
    refused_with({name: None}, {}, "lacks 'block1.norm2.stored_var'")
    refused_with({name: torch.zeros(3)}, {}, "block1.norm2.stored_var", "[3]")
    refused_with({"average.generator.stray": torch.zeros(3)}, {}, "left over: stray")
    refused_with({"average.generator.block0.conv1.weight": None}, {}, "block")
    refused_with({}, {"family": "stylegan2"}, "biggan", "stylegan2")
    refused_with({}, {"model": "no toml"}, "'model'")
    refused_with({}, {"model": "batch = 4"}, "options of a BigGAN")
    refused_with({}, {"data": "[]"}, "options of a BigGAN")
    virtual = metadata["model"].replace('norm = "batch"', 'norm = "virtual_batch"')
    refused_with({}, {"model": virtual}, "virtual_batch", "cannot be exported")
    only_d = {key: None for key in tensors if ".generator." in key}
    refused_with(only_d, {}, "average.generator.*")


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_without_a_package(checkpoint, tmp_path, capsys, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    refused(capsys, 2, [checkpoint("plain"), "--format", "onnx"], f"'{package}'", f"pip install {package}")


def test_without_onnxruntime_and_program(checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(export, "find_program", lambda: None)
    out = tmp_path / "x.onnx"
    export.main([str(checkpoint("plain")), "--format", "onnx", "--out", str(out), "--check", "2"])
    said = capsys.readouterr().out
    assert "onnxruntime is not there" in said and "compared with PyTorch" in said and out.is_file()


def test_where_the_program_is_looked_for(tmp_path, monkeypatch):
    monkeypatch.delenv("FQGAN_PROGRAM")
    monkeypatch.setattr(export, "__file__", str(tmp_path / "python" / "fqgan" / "export.py"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert export.find_program() is None
    shutil.copy(PROGRAM, tmp_path / "fqgan")
    assert export.find_program() == str(tmp_path / "fqgan")
    built = tmp_path / "build" / "release" / "fqgan"
    built.parent.mkdir(parents=True)
    shutil.copy(PROGRAM, built)
    assert export.find_program() == str(built)
    monkeypatch.setenv("FQGAN_PROGRAM", str(PROGRAM))
    assert export.find_program() == str(PROGRAM)
