"""Our layers in float64 against PyTorch's own, or against the formula where PyTorch has no such layer: values, all
gradients and the state afterwards, to 1e-10."""

import os
import pathlib
import subprocess

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release"))
DUMP = BUILD / "tests" / "fqgan_layer_dump"
TOLERANCE = 1e-10


def draw(*shape):
    return torch.randn(*shape, dtype=torch.float64)


def ours(tmp_path, layer, tensors):
    save_file(
        {key: value.contiguous() for key, value in tensors.items()}, tmp_path / "in.safetensors", {"layer": layer}
    )
    subprocess.run([DUMP, tmp_path / "in.safetensors", tmp_path / "out.safetensors"], check=True, timeout=120)
    return load_file(tmp_path / "out.safetensors")


def compare(found, y, x, g, parameters=None):
    leaves = {"x": x, **(parameters or {})}
    gradients = torch.autograd.grad((y * g).sum(), list(leaves.values()))
    assert (found["y"] - y).abs().max() < TOLERANCE
    for name, gradient in zip(leaves, gradients):
        assert (found["grad." + name] - gradient).abs().max() < TOLERANCE, name


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(3)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("resample", ["conv", "conv_up", "conv_down"])
def test_convolution(tmp_path, resample, kernel):
    x, w, b = draw(2, 3, 6, 8).requires_grad_(), draw(4, 3, kernel, kernel).requires_grad_(), draw(4).requires_grad_()
    h = F.interpolate(x, scale_factor=2) if resample == "conv_up" else x
    y = F.conv2d(h, w, b, padding=kernel // 2)
    y = F.avg_pool2d(y, 2) if resample == "conv_down" else y
    g = draw(*y.shape)
    found = ours(tmp_path, resample, {"x": x.detach(), "g": g, "state.weight": w.detach(), "state.bias": b.detach()})
    compare(found, y, x, g, {"weight": w, "bias": b})


def test_linear(tmp_path):
    x, w, b, g = draw(5, 3).requires_grad_(), draw(4, 3).requires_grad_(), draw(4).requires_grad_(), draw(5, 4)
    found = ours(tmp_path, "linear", {"x": x.detach(), "g": g, "state.weight": w.detach(), "state.bias": b.detach()})
    compare(found, F.linear(x, w, b), x, g, {"weight": w, "bias": b})


def test_spectral_norm_against_torch(tmp_path):
    """PyTorch's parametrization, given the vectors that one half step of the power iteration of ours starts from."""
    x, b, g, u = draw(2, 3, 5, 5).requires_grad_(), draw(4), draw(2, 4, 5, 5), draw(4)
    conv = torch.nn.Conv2d(3, 4, 3, padding=1, dtype=torch.float64)
    w = conv.weight.detach().clone()
    conv.bias.data.copy_(b)
    torch.nn.utils.parametrizations.spectral_norm(conv, eps=1e-12)
    norm = conv.parametrizations.weight[0]
    v = F.normalize(w.flatten(1).t() @ u, dim=0)
    norm._u.copy_(F.normalize(w.flatten(1) @ v, dim=0))
    norm._v.copy_(v)
    conv.eval()  # eval: sigma from these vectors, without another iteration
    found = ours(tmp_path, "conv_spectral", {"x": x.detach(), "g": g, "state.weight": w, "state.bias": b, "state.u": u})
    compare(found, conv(x), x, g, {"weight": conv.parametrizations.weight.original, "bias": conv.bias})
    assert (found["state.u"] - norm._u).abs().max() < TOLERANCE


def test_batch_norm(tmp_path):
    x, g = (3 * draw(4, 3, 5, 5) + 1).requires_grad_(), draw(4, 3, 5, 5)
    layer = torch.nn.BatchNorm2d(3, dtype=torch.float64)
    layer.weight.data.copy_(draw(3))
    layer.bias.data.copy_(draw(3))
    found = ours(
        tmp_path,
        "batch_norm",
        {"x": x.detach(), "g": g, "state.gain": layer.weight.detach(), "state.bias": layer.bias.detach()},
    )
    compare(found, layer(x), x, g, {"gain": layer.weight, "bias": layer.bias})
    assert (found["state.stored_mean"] - layer.running_mean).abs().max() < TOLERANCE
    assert (found["state.stored_var"] - layer.running_var).abs().max() < TOLERANCE


def test_conditional_batch_norm(tmp_path):
    x, g, labels = draw(4, 3, 5, 5).requires_grad_(), draw(4, 3, 5, 5), torch.tensor([1, 0, 1, 4])
    gain, bias = draw(5, 3).requires_grad_(), draw(5, 3).requires_grad_()
    y = (
        F.batch_norm(x, None, None, training=True) * (1 + gain[labels])[:, :, None, None]
        + bias[labels][:, :, None, None]
    )
    found = ours(
        tmp_path,
        "batch_norm",
        {
            "x": x.detach(),
            "g": g,
            "labels": labels,
            "state.class_gain.weight": gain.detach(),
            "state.class_bias.weight": bias.detach(),
        },
    )
    compare(found, y, x, g, {"class_gain.weight": gain, "class_bias.weight": bias})


def test_self_attention(tmp_path):
    """BigGAN-PyTorch's layers.Attention, written with PyTorch's functions."""
    C = 16
    x, g, gain = (
        draw(2, C, 4, 6).requires_grad_(),
        draw(2, C, 4, 6),
        torch.tensor(0.7, dtype=torch.float64).requires_grad_(),
    )
    shapes = {"query": (C // 8, C), "key": (C // 8, C), "value": (C // 2, C), "output": (C, C // 2)}
    weights = {name: draw(*shape, 1, 1).requires_grad_() for name, shape in shapes.items()}
    query = F.conv2d(x, weights["query"]).flatten(2)
    key = F.max_pool2d(F.conv2d(x, weights["key"]), 2).flatten(2)
    value = F.max_pool2d(F.conv2d(x, weights["value"]), 2).flatten(2)
    mixed = torch.bmm(value, F.softmax(torch.bmm(query.transpose(1, 2), key), -1).transpose(1, 2))
    y = gain * F.conv2d(mixed.view(2, C // 2, 4, 6), weights["output"]) + x
    state = {f"state.{name}.weight": weight.detach() for name, weight in weights.items()}
    found = ours(tmp_path, "attention", {"x": x.detach(), "g": g, "state.gain": gain.detach(), **state})
    compare(found, y, x, g, {"gain": gain, **{f"{name}.weight": weight for name, weight in weights.items()}})


@pytest.mark.parametrize("mode", ["quantizer", "quantizer_straight_through"])
def test_feature_quantizer(tmp_path, mode):
    """The released layer's formulas with one-hot codes: loss, output, gradient and the dictionary after one step."""
    N, D, K, decay, epsilon = 3, 4, 7, 0.8, 1e-5
    x, codebook, sums, size = draw(N, D, 3, 2).requires_grad_(), draw(K, D), draw(K, D), torch.rand(K).double() * 5
    rows = x.permute(0, 2, 3, 1).reshape(-1, D)
    codes = torch.cdist(rows.detach(), codebook).argmin(1)
    nearest = codebook[codes].view(N, 3, 2, D).permute(0, 3, 1, 2)
    y = ((nearest - x) ** 2).mean((1, 2, 3)) if mode == "quantizer" else x + (nearest - x).detach()
    g = draw(*y.shape)
    found = ours(
        tmp_path,
        mode,
        {"x": x.detach(), "g": g, "state.codebook": codebook, "state.codebook_sum": sums, "state.cluster_size": size},
    )
    compare(found, y, x, g)
    one_hot = F.one_hot(codes, K).double()
    size = size * decay + (1 - decay) * one_hot.sum(0)
    sums = sums * decay + (1 - decay) * one_hot.t() @ rows.detach()
    smoothed = (size + epsilon) / (size.sum() + K * epsilon) * size.sum()
    assert (found["state.cluster_size"] - size).abs().max() < TOLERANCE
    assert (found["state.codebook_sum"] - sums).abs().max() < TOLERANCE
    assert (found["state.codebook"] - sums / smoothed[:, None]).abs().max() < TOLERANCE


def test_adam_against_torch(tmp_path):
    gradients, start = draw(6, 3, 4), draw(3, 4)
    w = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([w], lr=0.01, betas=(0.5, 0.9), eps=1e-8)
    for gradient in gradients:
        w.grad = gradient.clone()
        optimizer.step()
    found = ours(tmp_path, "adam", {"x": gradients, "g": draw(3, 4), "state.weight": start})
    assert (found["y"] - w).abs().max() < TOLERANCE
