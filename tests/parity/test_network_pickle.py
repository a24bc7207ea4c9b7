"""`python -m fqgan.convert network.pkl FOLDER`: NVIDIA's network pickles become safetensors, and nothing in them runs.

The pickles are made here as NVIDIA's torch_utils.persistence makes them, with stand-ins under the names of its modules.
"""

import collections
import importlib
import json
import os
import pathlib
import pickle
import sys
import types

import numpy
import pytest
import torch
from program import refused_by
from safetensors import safe_open
from safetensors.torch import load_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
sys.path.insert(0, str(ROOT / "python"))
os.environ.setdefault("FQGAN_OPS", str(BUILD / "libfqgan_ops.so"))
convert = importlib.import_module("fqgan.convert")
NAMES = ("G", "G_ema", "D")
SOURCE = "raise SystemExit('the source code of the file was executed')"


class Network:
    """A module that is pickled as its class name, its state and the source code of its class."""

    def __init__(self, class_name, parameters=(), buffers=(), modules=(), **attributes):
        parts = dict(_parameters=parameters, _buffers=buffers, _modules=modules)
        self.state = {name: collections.OrderedDict(part) for name, part in parts.items()}
        self.state |= {"training": False, "_non_persistent_buffers_set": set(), **attributes}
        self.class_name = class_name

    def __reduce__(self):
        meta = dict(
            type="class", version=6, module_src=SOURCE, class_name=self.class_name, state=self.state
        )
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (meta,)


@pytest.fixture(autouse=True)
def nvidia(monkeypatch):
    """Modules with the names of NVIDIA's. They exist only so that pickle writes these names."""

    def stand_in(name, **members):
        made = types.ModuleType(name)
        for key, member in members.items():
            member.__module__, member.__name__, member.__qualname__ = name, key, key
            setattr(made, key, member)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    for package in ("torch_utils", "dnnlib", "dnnlib.tflib", "training"):
        monkeypatch.setitem(sys.modules, package, types.ModuleType(package))
    stand_in("torch_utils.persistence", _reconstruct_persistent_obj=lambda meta: pytest.fail("was called"))
    stand_in("dnnlib.util", EasyDict=type("EasyDict", (dict,), {}))
    stand_in("dnnlib.tflib.network", Network=type("Network", (), {}))
    stand_in("training.networks", Generator=type("Generator", (), {}))
    return sys.modules["dnnlib.util"].EasyDict


def networks(easy_dict):
    """A file's content, and the expected tensors of each network.

    Weights in channels_last; b4.const and b4.conv1.bias share a storage, the second with an offset; one is transposed.
    """
    shared = torch.randn(3 + 2 * 4 * 4)
    const, bias = shared[:32].reshape(2, 4, 4), shared[3:5]
    kernel = torch.randn(2, 2, 3, 3).to(memory_format=torch.channels_last)
    assert not kernel.is_contiguous() and bias.storage_offset() == 3
    conv = Network(
        "SynthesisLayer",
        {"weight": torch.nn.Parameter(kernel), "bias": torch.nn.Parameter(bias), "none": None},
        {"noise_const": torch.randn(4, 4), "resample_filter": torch.ones(4, 4) / 16},
        weight_gain=numpy.float64(0.25),
        padding=numpy.int64(1),
    )
    conv.state["_parameters"]["noise_strength"] = torch.tensor(0.125)
    block = Network("SynthesisBlock", {"const": const}, modules={"conv1": conv, "none": None})
    synthesis = Network("SynthesisNetwork", modules={"b4": block})
    mapping = Network("MappingNetwork", {"t": torch.randn(4, 5).t()[1:]}, {"w_avg": torch.zeros(4)}, w_avg_beta=0.998)
    options = easy_dict(c_dim=0, synthesis_kwargs=easy_dict(conv_clamp=256), mapping_kwargs={"num_layers": 2})
    expected = {
        "synthesis.b4.const": const,
        "synthesis.b4.conv1.weight": kernel,
        "synthesis.b4.conv1.bias": bias,
        "synthesis.b4.conv1.noise_strength": torch.tensor(0.125),
        "synthesis.b4.conv1.noise_const": conv.state["_buffers"]["noise_const"],
        "synthesis.b4.conv1.resample_filter": conv.state["_buffers"]["resample_filter"],
        "mapping.t": mapping.state["_parameters"]["t"],
        "mapping.w_avg": torch.zeros(4),
    }
    half = torch.randn(6).half()
    end = Network("DiscriminatorEpilogue", {"count": torch.arange(4), "half": half[2:], "empty": torch.zeros(0, 3)})
    content = {
        "G": Network("Generator", modules={"synthesis": synthesis, "mapping": mapping}, _init_kwargs=options),
        "D": Network("Discriminator", modules={"b4": end}, _init_kwargs=easy_dict(architecture="orig")),
        "training_set_kwargs": easy_dict(path="data.zip", xflip=False),
        "augment_pipe": Network("AugmentPipe", buffers={"p": torch.zeros(())}),
    }
    content["G_ema"] = Network("Generator", modules=content["G"].state["_modules"], _init_kwargs=options)
    of_end = {"b4.count": torch.arange(4), "b4.half": half[2:], "b4.empty": torch.zeros(0, 3)}
    return content, {"G": expected, "G_ema": expected, "D": of_end}


def write(path, content, protocol=4):
    path.write_bytes(pickle.dumps(content, protocol=protocol))
    return path


@pytest.mark.parametrize("numpy_name", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_networks_of_a_pickle(tmp_path, capsys, nvidia, protocol, numpy_name):
    content, expected = networks(nvidia)
    written = pickle.dumps(content, protocol=protocol)
    if protocol < 4:  # a name of protocol 4 is written with its length
        ours = (numpy.float64(0).__reduce__()[0].__module__).encode()
        written = written.replace(b"c" + ours + b"\n", b"c" + numpy_name + b"\n")
        assert numpy_name in written
    (tmp_path / "network.pkl").write_bytes(written)
    convert.main([str(tmp_path / "network.pkl"), str(tmp_path / "out")])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(f"{name}.safetensors" for name in NAMES)
    for name in NAMES:
        found = load_file(tmp_path / "out" / f"{name}.safetensors")
        assert found.keys() == expected[name].keys()
        for key, value in expected[name].items():
            assert found[key].dtype == value.dtype and torch.equal(found[key], value), key
    with safe_open(tmp_path / "out" / "G.safetensors", "pt") as file:
        described = file.metadata()
    assert described["class_name"] == "Generator"
    assert json.loads(described["init_kwargs"]) == {
        "c_dim": 0,
        "synthesis_kwargs": {"conv_clamp": 256},
        "mapping_kwargs": {"num_layers": 2, "w_avg_beta": 0.998},
    }
    assert capsys.readouterr().out.count("wrote ") == 3


class Calls:
    """Calls a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def view(storage, *place):
    """A tensor as it is pickled: its storage, offset, size and stride."""
    return Calls(torch._utils._rebuild_tensor_v2, storage, *place, False, collections.OrderedDict())


def typed_storage(tensor):
    return torch.storage.TypedStorage(wrap_storage=tensor.untyped_storage(), dtype=tensor.dtype, _internal=True)


def test_a_storage_that_two_tensors_share(tmp_path, nvidia):
    """Two tensors of one storage object: the pickle contains its bytes once."""
    content, storage = networks(nvidia)[0], typed_storage(torch.arange(8.0))
    parameters = content["D"].state["_modules"]["b4"].state["_parameters"]
    parameters |= {"a": view(storage, 0, (2, 2), (2, 1)), "b": view(storage, 3, (5,), (1,))}
    source = write(tmp_path / "x.pkl", content)
    assert source.read_bytes().count(torch.arange(8.0).numpy().tobytes()) == 1
    convert.main([str(source), str(tmp_path)])
    found = load_file(tmp_path / "D.safetensors")
    assert found["b4.a"].tolist() == [[0, 1], [2, 3]] and found["b4.b"].tolist() == [3, 4, 5, 6, 7]


def refused(capsys, arguments, *parts):
    refused_by(convert, capsys, arguments, *parts)


def test_nothing_runs(tmp_path, capsys, nvidia):
    trap, source = tmp_path / "ran", tmp_path / "x.pkl"
    whole = lambda: networks(nvidia)[0]  # noqa: E731
    hostile = Calls(open, str(trap), "w")
    for content, part in (
        (hostile, "'io.open'"),
        (whole() | {"extra": hostile}, "'io.open'"),
        (whole() | {"training_set_kwargs": Calls(eval, f"open({str(trap)!r}, 'w')")}, "eval'"),
        (whole() | {"G": Calls(getattr, [], "append")}, "getattr'"),
        (whole() | {"G": sys.modules["training.networks"].Generator()}, "'training.networks.Generator'"),
    ):
        for protocol in (2, 3, 4):
            refused(capsys, [write(source, content, protocol), tmp_path / "out"], "x.pkl", part)
    inside = Calls(torch.storage._load_from_bytes, pickle.dumps(hostile))
    refused(capsys, [write(source, whole() | {"G": inside}), tmp_path / "out"], "'io.open'")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.pkl"]


@pytest.mark.parametrize(
    "target",
    [
        b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n",
        b"cdnnlib.util\nEasyDict\n",
        b"ccollections\nOrderedDict\n",
        b"cbuiltins\nset\n",
    ],
)
def test_a_file_cannot_change_the_reader(tmp_path, capsys, target):
    """The opcode BUILD sets attributes of any object; here of the functions and types that stand for the globals."""
    for state in (b"}X\x03\x00\x00\x00abcI1\ns", b"N}X\x05\x00\x00\x00_callI1\ns\x86", b"}X\x05\x00\x00\x00_callI1\ns"):
        (tmp_path / "x.pkl").write_bytes(b"\x80\x02" + target + state + b"b.")
        refused(capsys, [tmp_path / "x.pkl", tmp_path / "out"], "x.pkl")


def test_a_file_cannot_change_a_tensor(tmp_path, capsys, nvidia):
    """The opcodes BUILD, SETITEMS and APPENDS call methods of what a function returned."""
    for state, items, pairs in (((torch.zeros(1),), None, None), (None, [1], None), (None, None, {0: 1}.items())):

        class Changed(Calls):
            def __reduce__(self):
                more = (state, items and iter(items), pairs and iter(pairs))
                return *view(typed_storage(torch.ones(2)), 0, (2,), (1,)).__reduce__(), *more

        content = networks(nvidia)[0]
        content["D"].state["_modules"]["b4"].state["_parameters"]["x"] = Changed(None)
        refused(capsys, [write(tmp_path / "x.pkl", content), tmp_path / "out"], "x.pkl", "damaged")


def test_other_kinds_of_files(tmp_path, capsys, nvidia):
    source, out = tmp_path / "x.pkl", tmp_path / "out"
    refused(capsys, [source, out], "x.pkl", "No such file")
    old = tuple(sys.modules["dnnlib.tflib.network"].Network() for _ in range(3))
    refused(capsys, [write(source, old), out], "TensorFlow", "legacy.py")
    whole = lambda: networks(nvidia)[0]  # noqa: E731
    synthesis = Network("SynthesisNetwork", modules={"input": Network("SynthesisInput"), "L0_36_512": Network("L")})
    third = Network("Generator", modules={"synthesis": synthesis, "mapping": Network("MappingNetwork")})
    refused(capsys, [write(source, whole() | {"G": third}), out], "StyleGAN3")
    synthesis.state["size"] = numpy.arange(2)
    refused(capsys, [write(source, whole() | {"G": third}), out], "StyleGAN3")
    for content, part in (
        ({"G": torch.ones(1)}, "none of G, G_ema, D"),
        ({"weight": [1, 2]}, "none of G, G_ema, D"),
        ([1, 2], "none of G, G_ema, D"),
        (whole() | {"D": Network("VGG", modules={"conv": Network("Conv")})}, "'VGG'"),
        (whole() | {"D": 7}, "'D'"),
        (whole() | {"D": Network("D", modules={"b4": 7})}, "'b4.'"),
        (whole() | {"D": Network("D", parameters={"x": 7}, modules={"b4": Network("B")})}, "'x'"),
        (whole() | {"D": Network("D", modules={"b4": Network("B")}, _init_kwargs={"x": set()})}, "damaged"),
        (whole() | {"D": Network("D", modules={"b4": Network("B")})}, "without tensors under 'D'"),
    ):
        refused(capsys, [write(source, content), out], "x.pkl", part)
    for text in (b"", b"no pickle", b"\x80\x04 cut off", b"PK\3\4", write(source, whole()).read_bytes()[:-100]):
        source.write_bytes(text)
        refused(capsys, [source, out], "x.pkl", "damaged")
    assert not out.exists()


def test_damaged_tensors(tmp_path, capsys, nvidia):
    source, out = tmp_path / "x.pkl", tmp_path / "out"
    floats = torch.arange(8.0)

    def with_tensor(*place):
        content = networks(nvidia)[0]
        content["D"].state["_modules"]["b4"].state["_parameters"]["x"] = view(typed_storage(floats), *place)
        return write(source, content)

    for place in (
        (0, (9,), (1,)),
        (1, (8,), (1,)),
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (3, 3), (4, 1)),
        (0, (1 << 40,), (0,)),
        (0, (2,), (1, 1)),
        (0, ("2",), (1,)),
    ):
        refused(capsys, [with_tensor(*place), out], "x.pkl", "tensor")
    whole = with_tensor(0, (8,), (1,)).read_bytes()
    data = floats.numpy().tobytes()
    assert whole.count(data) == 1
    at = whole.index(data) - 8
    for count in (7, 9, -1, 1 << 62):
        source.write_bytes(whole[:at] + count.to_bytes(8, "little", signed=True) + whole[at + 8 :])
        refused(capsys, [source, out], "x.pkl", "cut off")
    content = networks(nvidia)[0]
    blocks = content["G"].state["_modules"]["synthesis"].state["_modules"]
    blocks["b8"] = blocks["b4"]  # a module in two places
    refused(capsys, [write(source, content), out], "x.pkl", "tree")
    assert not out.exists()


def test_outputs(tmp_path, capsys, nvidia):
    source, out = write(tmp_path / "x.pkl", networks(nvidia)[0]), tmp_path / "out"
    refused(capsys, [source, tmp_path / "G.safetensors"], "folder")
    refused(capsys, [source, out, "--key", "G"], "--key")
    refused(capsys, [source, out, source, out], "twice")
    out.mkdir()
    (out / "D.safetensors").write_text("precious")
    refused(capsys, [source, out], "D.safetensors", "--force")
    assert [path.name for path in out.iterdir()] == ["D.safetensors"]
    convert.main([str(source), str(out), "--force"])
    assert "b4.count" in load_file(out / "D.safetensors")
    only = write(tmp_path / "only.pkl", {"G_ema": networks(nvidia)[0]["G_ema"]})
    convert.main([str(only), str(tmp_path / "only")])
    assert [path.name for path in (tmp_path / "only").iterdir()] == ["G_ema.safetensors"]
