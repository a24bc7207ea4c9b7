"""`fqgan export` and `python -m fqgan.export`: TorchScript and ONNX give the images of the program, for every form of
every family's generator.

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
import warnings

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
export, tool, graphs = (importlib.import_module(f"fqgan.{name}") for name in ("export", "_tool", "_onnx_graph"))

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
IMPROVED = """
family = "improved"
threads = 1
[data]
path = "{data}"
resolution = 8
labels_per_class = 2
[training]
iterations = 2
[model]
batch = 4
[model.generator]
latent = 6
[model.discriminator]
initialise_on = 8
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
    truncates: bool = True
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
    # Each block by its own part of the latent, moments of a reference batch, trained in bfloat16.
    "virtual": Model(
        TRAINED,
        ["width=4", "multipliers=[2,2]", "latent=7", "hierarchical=true", "shared_embedding=4"]
        + ["norm='virtual_batch'", "reference_batch=5"],
        latent=6,
        others=["data.resolution=8", "precision='bfloat16'", "model.average.start=0"],
    ),
    "dense": Model(
        IMPROVED,
        ["hidden=[16,12]"],
        latent=6,
        classes=0,
        truncates=False,
        others=["model.discriminator.hidden=[16,12,8]"],
    ),
    "convolutional": Model(
        IMPROVED,
        ["hidden=[16,8]", "norm='virtual_batch'", "reference_batch=4"],
        latent=6,
        classes=0,
        truncates=False,
        others=["data.resolution=16", "model.network='convolutional'", "model.discriminator.hidden=[6,6,6]"],
    ),
    "plain": Model(IMPORTED.format(size=32, width=2), ["width=2", "latent=6"], latent=6),
    "hierarchical": Model(
        IMPORTED.format(size=64, width=1),
        ["width=1", "latent=11", "hierarchical=true", "shared_embedding=5", "attention=[16]"],
        latent=10,
    ),
}
FORMATS = ["torchscript", "onnx"]
CASES = [(name, form) for name in MODELS for form in FORMATS]
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
        if model.recipe in (TRAINED, IMPROVED):
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


def torchscript(path):
    """What runs a TorchScript file: inputs by name -> images."""
    module, description = export.read(path)
    names = [described["name"] for described in description["inputs"]]
    return lambda given: module(*(given[name] for name in names))


def onnx_session(path):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [described.name for described in session.get_inputs()]
    return lambda given: torch.from_numpy(session.run(None, {name: given[name].numpy() for name in names})[0])


@pytest.fixture(scope="module")
def exported(checkpoint):
    """A function from a name and a format to what runs the exported file."""

    @functools.cache
    def make(name, form):
        out = checkpoint(name).with_suffix(".pt")
        if form == "torchscript":
            fqgan("export", checkpoint(name), "--out", out)
            return torchscript(out)
        make(name, "torchscript")
        export.main([str(out)])
        return onnx_session(out.with_suffix(".onnx"))

    return make


def inputs(name, count, limit=NONE):
    """Shuffled classes, so that class 0 is not always the first."""
    model, draw = MODELS[name], torch.Generator().manual_seed(5)
    z = torch.randn(count, model.latent, generator=draw)
    given = {"z": z if model.truncates else torch.rand(count, model.latent, generator=draw)}
    if model.classes:
        given["class"] = torch.randint(model.classes, (count,), generator=draw)
    return given | ({"truncation": torch.tensor(limit)} if model.truncates else {})


def images_of_program(file, folder, given, *flags):
    latents, out = folder / "latents.safetensors", folder / "images.safetensors"
    save_file({"z": given["z"]} | ({"y": given["class"]} if "class" in given else {}), latents)
    fqgan("sample", file, "--latents", latents, "--out", out, "--force", *flags)
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


def truncated(z, limit):
    """The latents that truncation makes of these, in float64: the quantile within the limit at the same probability."""
    outside, beyond = (torch.special.erfc(x / 2**0.5) for x in (z.double().abs(), torch.tensor(limit).double()))
    return -torch.special.ndtri((outside + beyond - outside * beyond) / 2) * z.sign()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("name", ["standing", "wide", "virtual"])
def test_truncation_is_that_of_the_program(checkpoint, exported, tmp_path, name, form):
    limit, given = 0.7, inputs(name, 9, 0.7)
    theirs = images_of_program(checkpoint(name), tmp_path, given, "--truncation", limit)
    run = exported(name, form)
    assert difference(run(given), theirs) <= 1e-5
    assert difference(run(given | {"truncation": torch.tensor(NONE)}), theirs) > 1e-3
    by_hand = given | {"z": truncated(given["z"], limit).float()}
    assert difference(images_of_program(checkpoint(name), tmp_path, by_hand), theirs) <= 1e-5


def test_truncation_that_is_fixed_in_the_file(checkpoint, tmp_path):
    given, out = inputs("standing", 5), tmp_path / "fixed.pt"
    fqgan("export", checkpoint("standing"), "--out", out, "--truncation", "0.4")
    theirs = images_of_program(checkpoint("standing"), tmp_path, given, "--truncation", "0.4")
    assert [described["name"] for described in export.read(out)[1]["inputs"]] == ["z", "class"]
    assert difference(torchscript(out)(given), theirs) <= 1e-5
    export.main([str(out)])
    assert difference(onnx_session(out.with_suffix(".onnx"))(given), theirs) <= 1e-5


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


def recorded(function, *examples):
    """As the program records it, but by PyTorch: a module whose one method is this function."""
    holder = torch.nn.Module()
    holder.forward = function
    return torch.jit.trace_module(holder, {"forward": examples}, check_trace=False)


def test_any_computation_is_converted(tmp_path):
    """Images to images, several outputs, one of them a statistic without the batch: not only generators."""
    torch.manual_seed(0)  # squares of unlucky draws are too large for the limit below
    kernel = torch.randn(4, 3, 3, 3)

    def graph(images, noise):
        h = torch.nn.functional.conv2d(images, kernel, stride=2, padding=1) * noise
        return h.sigmoid(), h.mean((2, 3)).square(), h.abs().mean()

    outputs = [{"name": name, "type": "Float"} for name in ("images", "squares", "mean")]
    for output, shape in zip(outputs, (["N", 4, 3, 4], ["N", 4], [])):
        output["shape"] = shape
    inputs = [{"name": "x", "type": "Float", "shape": ["N", 3, 6, 8]}, {"name": "noise", "type": "Float", "shape": [1]}]
    given = torch.randn(5, 3, 6, 8), torch.randn(1)
    module, description = recorded(graph, *given), {"inputs": inputs, "outputs": outputs}
    onnx.save(export.to_onnx(module, description), tmp_path / "any.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "any.onnx"), providers=["CPUExecutionProvider"])
    for count in (1, 5):
        found = session.run(None, {"x": given[0][:count].numpy(), "noise": given[1].numpy()})
        for ours, theirs in zip(found, graph(given[0][:count], given[1])):
            assert difference(torch.from_numpy(ours), theirs) <= 1e-5


def test_truncation_within_1e_6(tmp_path):
    """ONNX has neither erfc nor the inverse of the normal distribution: polynomials stand for them."""

    def graph(z, limit):
        a, b = torch.erfc(z.double().abs() * 0.5**0.5), torch.erfc(limit.double() * 0.5**0.5)
        size = torch.minimum(-torch.special.ndtri((a + b - a * b) * 0.5).clamp_max(0), limit.double())
        return torch.where(limit > 10, z.double(), z.double().sign() * size).float()

    z = torch.cat([torch.linspace(-8, 8, 40001), torch.tensor([0.0, 1e-30, -1e-9, 20.0, -20.0])])
    module = recorded(graph, z, torch.tensor(1.0))
    description = {
        "inputs": [{"name": "z", "type": "Float", "shape": ["N"]}, {"name": "limit", "type": "Float", "shape": []}],
        "outputs": [{"name": "images", "type": "Float", "shape": ["N"]}],
    }
    onnx.save(export.to_onnx(module, description), tmp_path / "truncation.onnx")
    run = onnx_session(tmp_path / "truncation.onnx")
    for limit in (0.0, 1e-3, 0.04, 0.5, 1.0, 2.0, 4.0, 7.0, 10.0):
        expected, ours = truncated(z, limit), run({"z": z, "limit": torch.tensor(limit)})
        assert ours.abs().max() <= limit
        within = expected.abs() <= 8
        tolerance = (expected.abs() * 3e-7).clamp(min=1e-6)
        assert within.sum() > 40000 and bool(((ours - expected).abs() <= tolerance)[within].all()), limit
    for limit in (NONE, 10.1):
        assert torch.equal(run({"z": z, "limit": torch.tensor(limit)}), z)


def test_the_raw_generator(checkpoint, tmp_path):
    tensors, metadata = read_checkpoint(checkpoint("wide"))
    raw_only = tmp_path / "raw_only.safetensors"
    without = {key: value for key, value in tensors.items() if not key.startswith("average.")}
    write_checkpoint(raw_only, without, metadata)
    given, runs = inputs("wide", 3), []
    for source, more in ((checkpoint("wide"), []), (checkpoint("wide"), ["--raw"]), (raw_only, [])):
        out = tmp_path / f"{len(runs)}.pt"
        fqgan("export", source, "--out", out, *more)
        runs.append(torchscript(out)(given))
        assert difference(runs[-1], images_of_program(source, tmp_path, given, *more)) <= 1e-5
    assert difference(runs[0], runs[1]) > 1e-3 and difference(runs[1], runs[2]) <= 1e-5


def test_a_run_folder_and_the_default_name(checkpoint, tmp_path):
    run_folder = checkpoint("wide").with_suffix("")
    fqgan("export", run_folder, "--out", tmp_path / "model.pt")
    command = [sys.executable, "-m", "fqgan.export", tmp_path / "model.pt"]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(PACKAGE)})
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert "largest difference from TorchScript" in done.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.onnx", "model.pt"]
    given = inputs("wide", 3)
    assert difference(onnx_session(tmp_path / "model.onnx")(given), torchscript(tmp_path / "model.pt")(given)) <= 1e-5
    assert (tmp_path / "model.onnx").stat().st_mode & 0o777 == 0o666 & ~umask()


def test_a_run_or_a_checkpoint_is_exported_at_once(checkpoint, tmp_path):
    """Without a TorchScript file and without the operators; the program is found on the PATH."""
    shutil.copytree(checkpoint("wide").with_suffix(""), tmp_path / "my run")
    shutil.copy(checkpoint("wide"), tmp_path / "weights.safetensors")
    environment = {name: value for name, value in os.environ.items() if name != "FQGAN_OPS"}
    environment |= {"PYTHONPATH": str(PACKAGE), "PATH": f"{BUILD}:{os.environ['PATH']}"}
    given = inputs("wide", 3)
    for folder, model, out in (
        (tmp_path, "my run", "my run/generator.onnx"),
        (tmp_path / "my run", ".", "my run/generator.onnx"),
        (tmp_path, "weights.safetensors", "weights.onnx"),
    ):
        command = [sys.executable, "-m", "fqgan.export", model]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
        assert done.returncode == 0 and not done.stderr, done.stderr
        expected = images_of_program(checkpoint("wide"), tmp_path, given)
        assert difference(onnx_session(tmp_path / out)(given), expected) <= 1e-4
        (tmp_path / out).unlink()


def test_outputs_follow_the_rule_of_the_program(checkpoint, tmp_path, capsys):
    run_folder = tmp_path / "run"
    shutil.copytree(checkpoint("wide").with_suffix(""), run_folder)
    (run_folder / "generator.onnx").write_text("precious")
    refused(capsys, 2, [run_folder], "--out", "generator.onnx", "there already", "--force")
    saved = next((run_folder / "checkpoints").glob("step-*.safetensors"))
    hard = tmp_path / "hard.onnx"
    os.link(saved, hard)
    for out, part in (
        (run_folder / "recipe.toml", "run folder"),
        (run_folder / "checkpoints" / "new.onnx", "run folder"),
        (saved, "input"),
        (hard, "input"),
    ):
        refused(capsys, 2, [run_folder, "--out", out, "--force"], "--out", out.name, part)
    assert (run_folder / "generator.onnx").read_text() == "precious"


def umask():
    value = os.umask(0)
    os.umask(value)
    return value


def test_what_the_files_say_of_themselves(exported, checkpoint):
    exported("standing", "onnx")
    file = checkpoint("standing").with_suffix(".onnx")
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    described = {node.name: (node.shape, node.type) for node in session.get_inputs() + session.get_outputs()}
    assert described == {
        "z": (["N", 8], "tensor(float)"),
        "class": (["N"], "tensor(int64)"),
        "truncation": ([], "tensor(float)"),
        "images": (["N", 3, 8, 8], "tensor(float)"),
    }
    onnx.checker.check_model(onnx.load(file))
    _, description = export.read(file.with_suffix(".pt"))
    assert description["family"] == "biggan" and description["class_names"] == ["0", "1", "2"]
    for path in (file, file.with_suffix(".pt")):
        assert str(ROOT).encode() not in path.read_bytes()


def test_torchscript_moves_as_a_whole(exported, checkpoint):
    """Weights are buffers and no operator names a device: what `.to(device)` and map_location need."""
    exported("standing", "torchscript")
    module, _ = export.read(checkpoint("standing").with_suffix(".pt"))
    assert not any("Device" in str(value.type()) for node in module.graph.nodes() for value in node.outputs())
    assert {"linear_bias", "norm_gain", "norm_stored_mean"} <= {name for name, _ in module.named_buffers()}
    given = inputs("standing", 4)
    meta = module.to("meta")(*(given[name].to("meta") for name in ("z", "class", "truncation")))
    assert meta.shape == (4, 3, 8, 8) and meta.device.type == "meta"


def test_a_file_that_differs_is_not_written(exported, checkpoint, tmp_path, capsys, monkeypatch):
    exported("wide", "torchscript")
    wrong = lambda graph, result, self: graph.add("Tanh", graph.add("Mul", self, graph.cast(1.1, torch.float32)))
    monkeypatch.setitem(graphs.TABLE, "tanh", wrong)
    file, out = checkpoint("wide").with_suffix(".pt"), tmp_path / "wrong.onnx"
    refused(capsys, 1, [file, "--out", out], out.name)
    assert not list(tmp_path.iterdir())


def test_an_operator_without_an_entry_is_named(exported, checkpoint, tmp_path, capsys, monkeypatch):
    exported("wide", "torchscript")
    monkeypatch.delitem(graphs.TABLE, "tanh")
    refused(capsys, 2, [checkpoint("wide").with_suffix(".pt"), "--out", tmp_path / "x.onnx"], "aten::tanh")
    assert not list(tmp_path.iterdir())


def refused(capsys, code, arguments, *parts):
    with pytest.raises(SystemExit) as ending, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["fqgan.export", *map(str, arguments)])
        tool.run(export.main)
    said = capsys.readouterr().err
    assert ending.value.code == code and said.startswith("error: [") and said.count("\n") == 1, said
    for part in parts:
        assert str(part) in said, said


def test_bad_input_of_the_conversion(exported, checkpoint, tmp_path, capsys, monkeypatch):
    exported("wide", "torchscript")
    good = checkpoint("wide").with_suffix(".pt")
    (tmp_path / "text.pt").write_text("no network")
    refused(capsys, 2, [tmp_path / "text.pt"], "text.pt", "TorchScript")
    refused(capsys, 2, [tmp_path / "missing.pt"], "missing.pt")
    refused(capsys, 2, [tmp_path], tmp_path, "recipe.toml")  # the program's own words
    refused(capsys, 2, [""], "MODEL")
    refused(capsys, 2, ["x" * 5000], "x")
    monkeypatch.chdir(tmp_path)
    refused(capsys, 2, ["."], "recipe.toml")
    refused(capsys, 2, [good, "--out", ""], "file")
    (tmp_path / "text.safetensors").write_text("no checkpoint")
    refused(capsys, 2, [tmp_path / "text.safetensors"], "text.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(torch.nn.Identity()), str(tmp_path / "foreign.pt"))
    refused(capsys, 2, [tmp_path / "foreign.pt"], "foreign.pt")
    damaged = bytearray(good.read_bytes())
    del damaged[len(damaged) // 2 :]
    (tmp_path / "damaged.pt").write_bytes(damaged)
    refused(capsys, 2, [tmp_path / "damaged.pt"], "damaged.pt")
    refused(capsys, 2, [good, "--format", "tflite"], "tflite")
    refused(capsys, 2, [], "MODEL")
    refused(capsys, 2, [good, "--out", good], "--out")
    refused(capsys, 2, [good, "--out", tmp_path / "no" / "such" / "folder.onnx"], "folder.onnx")
    refused(capsys, 2, [good, "--out", tmp_path], "folder")


def test_a_run_without_the_program(checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(tool, "program", lambda: None)
    run_folder = checkpoint("wide").with_suffix("")
    commands = [f"fqgan export {run_folder} --out generator.pt", "python -m fqgan.export generator.pt"]
    for model in (run_folder, checkpoint("wide")):
        refused(capsys, 2, [model, "--out", tmp_path / "x.onnx"], model, commands[1])
    refused(capsys, 2, [run_folder, "--out", tmp_path / "x.onnx"], *commands)


def program_refuses(arguments, *parts):
    done = subprocess.run([PROGRAM, "export", *map(str, arguments)], capture_output=True, text=True)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and len(errors) == 1, done.stderr
    for part in parts:
        assert str(part) in errors[0], errors[0]


def test_bad_input_of_the_program(checkpoint, tmp_path):
    good, out = checkpoint("wide"), tmp_path / "x.pt"
    program_refuses([tmp_path / "missing.safetensors", "--out", out], "missing.safetensors")
    damaged = bytearray(good.read_bytes())
    damaged[-5] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(damaged)
    program_refuses([tmp_path / "damaged.safetensors", "--out", out], "damaged.safetensors")
    save_file({"z": torch.zeros(1)}, tmp_path / "foreign.safetensors")
    program_refuses([tmp_path / "foreign.safetensors", "--out", out], "foreign.safetensors")
    program_refuses([good, "--out", tmp_path / "x.onnx"], "--out", ".pt")
    program_refuses([good, "--out", tmp_path], "--out")
    program_refuses([good, "--out", out, "--truncation", "11"], "truncation")
    program_refuses([good, "--out", out, "--truncation", "nan"], "truncation")
    program_refuses([good, "--out", tmp_path / "x.safetensors", "--weights-only", "--raw"], "--raw")
    program_refuses([checkpoint("dense"), "--out", out, "--truncation", "0.5"], "--truncation", "uniform")
    assert not out.exists()


def test_weights_that_do_not_fit(checkpoint, tmp_path):
    tensors, metadata = read_checkpoint(checkpoint("plain"))

    def refused_with(changes, described, *parts):
        changed = {key: value for key, value in (tensors | changes).items() if value is not None}
        write_checkpoint(tmp_path / "x.safetensors", changed, metadata | described)
        program_refuses([tmp_path / "x.safetensors", "--out", tmp_path / "x.pt"], *parts)

    name = "average.generator.block1.norm2.stored_var"
    refused_with({name: None}, {}, "x.safetensors", name)
    refused_with({name: torch.zeros(3)}, {}, "x.safetensors", name, "[3]")
    refused_with({}, {"family": "stylegan"}, "biggan", "stylegan")
    refused_with({}, {"model": "no toml"}, "x.safetensors")
    refused_with({}, {"model": "width = 4"}, "width")
    refused_with({}, {"data": "[]"}, "x.safetensors", "'data'")
    refused_with({}, {"format_version": "99"}, "x.safetensors", "99")
    assert not (tmp_path / "x.pt").exists()


def test_without_onnx(exported, checkpoint, tmp_path, capsys, monkeypatch):
    exported("wide", "torchscript")
    monkeypatch.setitem(sys.modules, "onnx", None)
    model = checkpoint("wide").with_suffix(".pt")
    refused(capsys, 2, [model, "--out", tmp_path / "x.onnx"], "'onnx'", "pip install onnx")


def test_without_onnxruntime(exported, checkpoint, tmp_path, capsys, monkeypatch):
    exported("wide", "torchscript")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    out = tmp_path / "x.onnx"
    export.main([str(checkpoint("wide").with_suffix(".pt")), "--out", str(out)])
    assert "onnxruntime is not there" in capsys.readouterr().out and out.is_file()
