"""`fqgan export` and `python -m fqgan.export` for StyleGAN2: the whole generator and its two parts as TorchScript and
ONNX give the images of NVIDIA's code, as recorded in fixtures/stylegan2, and those of the program."""

import functools
import importlib
import json
import os
import pathlib
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from program import one_line_error

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnx")
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated")  # torch announces the end of TorchScript

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
FIXTURES = pathlib.Path(__file__).resolve().parent / "fixtures" / "stylegan2"
sys.path.insert(0, str(ROOT / "python"))
os.environ.setdefault("FQGAN_OPS", str(BUILD / "libfqgan_ops.so"))
export = importlib.import_module("fqgan.export")
NAMES = ["generator_r8_rgb_c0", "generator_r16_gray_c3"]
FORMATS = ["torchscript", "onnx"]


def fqgan(*arguments):
    return subprocess.run([BUILD / "fqgan", *map(str, arguments)], capture_output=True, text=True)


def done(*arguments):
    result = fqgan(*arguments)
    assert result.returncode == 0, result.stderr


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A function from the name of a fixture to (its record, its checkpoint)."""
    folder = tmp_path_factory.mktemp("models")

    @functools.cache
    def make(name):
        record = load_file(FIXTURES / f"{name}.safetensors")
        theirs = {key[2:]: value.float() for key, value in record.items() if key.startswith("G.")}
        save_file(theirs, folder / "G.safetensors")
        out = folder / f"{name}.safetensors"
        weights = ("--generator", folder / "G.safetensors")
        done("import", "--from", "stylegan2-ada-pytorch", *weights, "--out", out, "--force")
        return record, out

    return make


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """A function from a name, a format and flags to (what runs the file, the names of its inputs)."""
    folder = tmp_path_factory.mktemp("exported")

    @functools.cache
    def make(name, form, *flags):
        out = folder / f"{name}{''.join(flags)}.pt"
        if not out.exists():
            done("export", model(name)[1], "--out", out, *flags)
        if form == "torchscript":
            module, description = export.read(out)
            names = [described["name"] for described in description["inputs"]]
            return lambda given: module(*(given[name] for name in names)), names
        export.main([str(out), "--force"])
        session = onnxruntime.InferenceSession(str(out.with_suffix(".onnx")), providers=["CPUExecutionProvider"])
        names = [described.name for described in session.get_inputs()]
        run = lambda given: session.run(None, {name: given[name].numpy() for name in names})[0]  # noqa: E731
        return lambda given: torch.from_numpy(run(given)), names

    return make


def inputs(record, psi=1.0):
    given = {"z": record["z"].float(), "psi": torch.tensor(psi)}
    return given | ({"class": record["c"].argmax(1)} if record["c"].numel() else {})


def difference(ours, theirs):
    assert ours.shape == theirs.shape and ours.dtype == torch.float32
    return (ours - theirs).abs().max().item()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_images_are_those_of_nvidia(model, exported, name, form):
    record, _ = model(name)
    classes = ["class"] if record["c"].numel() else []
    for flags, psi, expected in (
        ((), 1.0, "image.const"),
        ((), 0.7, "image.truncated_all"),
        (("--noise", "none"), 1.0, "image.none"),
        (("--truncation", "0.7"), None, "image.truncated_all"),
    ):
        run, names = exported(name, form, *flags)
        assert names == ["z", *classes, *(["psi"] if psi else [])]
        given, theirs = inputs(record, psi or 1.0), record[expected].clamp(-1, 1)
        assert difference(run(given), theirs) < 1e-4
        one = {key: value[:1] if value.dim() else value for key, value in given.items()}
        assert difference(run(one), theirs[:1]) < 1e-4


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_the_two_parts_are_the_whole(model, exported, name, form):
    record, _ = model(name)
    mapping, names = exported(name, form, "--part", "mapping")
    synthesis, of_synthesis = exported(name, form, "--part", "synthesis")
    assert names[0] == "z" and names[-1] == "psi" and of_synthesis == ["w"]
    w = mapping(inputs(record))
    assert difference(w, record["ws"]) < 1e-5
    assert difference(synthesis({"w": w}), record["image.const"].clamp(-1, 1)) < 1e-4
    # Each layer has a row of its own: here the first two are truncated.
    w[:, :2] = mapping(inputs(record, 0.5))[:, :2]
    assert difference(w, record["ws_truncated"]) < 1e-5
    assert difference(synthesis({"w": w}), record["image.truncated"].clamp(-1, 1)) < 1e-4


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", NAMES)
def test_images_are_those_of_the_program(model, exported, tmp_path, name, form):
    record, checkpoint = model(name)
    given = inputs(record, 0.6)
    latents = {"z": given["z"]} | ({"y": given["class"]} if "class" in given else {})
    save_file(latents, tmp_path / "latents.safetensors")
    flags = ["--latents", tmp_path / "latents.safetensors", "--noise", "constant", "--truncation", "0.6"]
    done("sample", checkpoint, "--out", tmp_path / "images.safetensors", *flags)
    theirs = load_file(tmp_path / "images.safetensors")["images"]
    assert difference(exported(name, form)[0](given), theirs) < 1e-5


@pytest.mark.parametrize("form", FORMATS)
def test_inputs_that_do_not_exist(model, exported, form):
    record, _ = model(NAMES[1])
    run, given = exported(NAMES[1], form)[0], inputs(record)
    with pytest.raises(Exception, match="index|indices"):
        run(given | {"class": torch.tensor([0, 1, 3])})
    with pytest.raises(Exception):
        run(given | {"z": torch.zeros(3, 17)})
    with pytest.raises(Exception):
        exported(NAMES[1], form, "--part", "synthesis")[0]({"w": torch.zeros(3, 4, 16)})


def test_what_the_files_say_of_themselves(model, exported, tmp_path):
    exported(NAMES[1], "torchscript")
    done("export", model(NAMES[1])[1], "--out", tmp_path / "x.pt", "--part", "synthesis")
    described = export.read(tmp_path / "x.pt")[1]
    assert described["family"] == "stylegan2" and described["classes"] == 3
    assert described["inputs"] == [{"name": "w", "type": "Float", "shape": ["N", 6, 16]}], json.dumps(described)
    assert described["outputs"] == [{"name": "images", "type": "Float", "shape": ["N", 1, 16, 16]}]


def test_flags_that_do_not_fit(model, tmp_path):
    _, checkpoint = model(NAMES[0])
    out = ("--out", tmp_path / "x.pt")
    one_line_error(fqgan("export", checkpoint, *out, "--part", "synthesis", "--truncation", "0.5"), "--truncation", "w")
    one_line_error(fqgan("export", checkpoint, *out, "--noise", "random"), "--noise", "constant")
    one_line_error(fqgan("export", checkpoint, *out, "--part", "discriminator"), "--part", "mapping")
    for flags in (["--part", "mapping"], ["--noise", "none"], ["--raw"], ["--weights-only"], ["--truncation", "1"]):
        one_line_error(fqgan("export", checkpoint, "--out", tmp_path, "--to", "stylegan2-ada-pytorch", *flags), "--to")
    assert not (tmp_path / "x.pt").exists()
