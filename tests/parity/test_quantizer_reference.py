"""Ten training steps of the reference's quantizer, as fixtures/make_quantizer_reference.py recorded them, against our
layers: Python's two and, in float64, the program's own in C++. Each goes on from its own state."""

import os
import pathlib
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release")).resolve()
sys.path.insert(0, str(ROOT / "python"))
os.environ.setdefault("FQGAN_OPS", str(BUILD / "libfqgan_ops.so"))

import fqgan  # noqa: E402

COMMITMENT, DECAY = 0.7, 0.8
TOLERANCE = {"float32": 1e-5, "float64": 1e-8}


@pytest.fixture(params=["float32", "float64"])
def recorded(request):
    tensors = load_file(pathlib.Path(__file__).parent / "fixtures" / f"quantizer_{request.param}.safetensors")
    return tensors, TOLERANCE[request.param]


def assert_close(found, expected, tolerance, name):
    """Relative where values are large: codes without rows grow a thousandfold within a few steps."""
    assert found.shape == expected.shape, name
    assert ((found - expected).abs() / expected.abs().clamp_min(1)).max() < tolerance, name


def weights(h):
    """What reaches the loss N x 1 in the recording."""
    return h * 6 * 5 * 6


def test_recording_is_of_training():
    tensors = load_file(pathlib.Path(__file__).parent / "fixtures" / "quantizer_float64.safetensors")
    used = [len(codes.unique()) for codes in tensors["codes"]]
    assert len(used) == 10 and min(used) > 8 and max(used) > 15
    assert (tensors["embed"][9] - tensors["start.embed"]).abs().max() > 1


def test_compat_layer(recorded):
    tensors, tolerance = recorded
    layer = fqgan.compat.Quantize(6, 24, commitment=COMMITMENT, decay=DECAY).to(tensors["x"].dtype)
    names = ["embed", "embed_avg", "cluster_size"]
    layer.load_state_dict({name: tensors["start." + name] for name in names}, strict=True)
    for step in range(10):
        x = tensors["x"][step].clone().requires_grad_()
        codes = torch.ops.fqgan.nearest_code(x.detach(), layer.embed.t().contiguous())
        entries = layer.embed_code(codes).permute(0, 3, 1, 2)
        output, loss, perplexity = layer(x)
        ((output * tensors["g"][step]).sum() + (loss * weights(tensors["h"][step])).sum()).backward()
        assert torch.equal(codes, tensors["codes"][step]) and torch.equal(output, entries)
        assert_close(loss, tensors["loss"][step], tolerance, "loss")
        assert_close(perplexity, tensors["perplexity"][step], tolerance, "perplexity")
        assert_close(x.grad, tensors["grad.x"][step], tolerance, "gradient")
        for name in names:
            assert_close(getattr(layer, name), tensors[name][step], tolerance, name)


def test_feature_quantizer(recorded):
    tensors, tolerance = recorded
    layer = fqgan.FeatureQuantizer(6, 24, commitment=COMMITMENT, decay=DECAY, mode="straight_through")
    layer = layer.to(tensors["x"].dtype)
    start = {"codebook": tensors["start.embed"].t(), "codebook_sum": tensors["start.embed_avg"].t()}
    layer.load_state_dict({**start, "cluster_size": tensors["start.cluster_size"]}, strict=True)
    for step in range(10):
        x = tensors["x"][step].clone().requires_grad_()
        entries = layer.codebook[tensors["codes"][step]].permute(0, 3, 1, 2)
        output, loss, perplexity = layer(x)
        ((output * tensors["g"][step]).sum() + (loss.unsqueeze(1) * weights(tensors["h"][step])).sum()).backward()
        assert torch.equal(output, entries)
        assert_close(loss, tensors["loss"][step].squeeze(1), tolerance, "loss")
        assert_close(perplexity, tensors["perplexity"][step], tolerance, "perplexity")
        assert_close(x.grad, tensors["grad.x"][step], tolerance, "gradient")
        assert_close(layer.codebook, tensors["embed"][step].t(), tolerance, "codebook")
        assert_close(layer.codebook_sum, tensors["embed_avg"][step].t(), tolerance, "codebook_sum")
        assert_close(layer.cluster_size, tensors["cluster_size"][step], tolerance, "cluster_size")


def test_layer_of_the_program(tmp_path):
    """Its loss is without commitment here: the recorded one is 0.7 times as large."""
    tensors = load_file(pathlib.Path(__file__).parent / "fixtures" / "quantizer_float64.safetensors")
    tolerance = TOLERANCE["float64"]
    state = {"codebook": tensors["start.embed"].t(), "codebook_sum": tensors["start.embed_avg"].t()}
    state["cluster_size"] = tensors["start.cluster_size"]
    for step in range(10):
        inputs = {"x": tensors["x"][step], "g": COMMITMENT * weights(tensors["h"][step]).squeeze(1)}
        inputs.update({"state." + name: value for name, value in state.items()})
        case = {"0." + k: v.contiguous() for k, v in inputs.items()}
        save_file(case, tmp_path / "in.safetensors", {"0.layer": "quantizer"})
        command = [BUILD / "tests" / "fqgan_layer_dump", tmp_path / "in.safetensors", tmp_path / "out.safetensors"]
        subprocess.run(command, check=True, timeout=120)
        found = {k.removeprefix("0."): v for k, v in load_file(tmp_path / "out.safetensors").items()}
        state = {name[6:]: value for name, value in found.items() if name.startswith("state.")}
        assert_close(COMMITMENT * found["y"], tensors["loss"][step].squeeze(1), tolerance, "loss")
        assert_close(found["grad.x"] + tensors["g"][step], tensors["grad.x"][step], tolerance, "gradient")
        assert_close(state["codebook"], tensors["embed"][step].t(), tolerance, "codebook")
        assert_close(state["codebook_sum"], tensors["embed_avg"][step].t(), tolerance, "codebook_sum")
        assert_close(state["cluster_size"], tensors["cluster_size"][step], tolerance, "cluster_size")
