"""Our layers in float64 against PyTorch's own, or against the formula where PyTorch has no such layer: values, all
gradients and the state afterwards, to 1e-10."""

import itertools
import os
import pathlib
import subprocess

import numpy
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


def ours_of(tmp_path, cases):
    """What our layers give: one process for all cases, each (layer, tensors, options)."""
    tensors, metadata = {}, {}
    for i, (layer, given, options) in enumerate(cases):
        tensors.update({f"{i}.{key}": value.detach().clone().contiguous() for key, value in given.items()})
        for key, value in {"layer": layer, **options}.items():
            metadata[f"{i}.{key}"] = str(int(value) if isinstance(value, bool) else value)
    save_file(tensors, tmp_path / "in.safetensors", metadata)
    subprocess.run([DUMP, tmp_path / "in.safetensors", tmp_path / "out.safetensors"], check=True, timeout=120)
    found = [{} for _ in cases]
    for name, tensor in load_file(tmp_path / "out.safetensors").items():
        i, key = name.split(".", 1)
        found[int(i)][key] = tensor
    return found


def ours(tmp_path, layer, tensors, **options):
    return ours_of(tmp_path, [(layer, tensors, options)])[0]


def compare(found, y, x, g, parameters=None):
    leaves = {"x": x, **(parameters or {})}
    gradients = torch.autograd.grad((y * g).sum(), list(leaves.values()))
    assert (found["y"] - y).abs().max() < TOLERANCE
    for name, gradient in zip(leaves, gradients):
        assert (found["grad." + name] - gradient).abs().max() < TOLERANCE, name


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(3)


RESAMPLE = {"none": 0, "up": 1, "down": 2}
BORDER = {"zeros": 0, "reflect": 1, "replicate": 2}
PAD_MODE = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate"}


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("resample", RESAMPLE)
def test_convolution(tmp_path, resample, kernel):
    x, w, b = draw(2, 3, 6, 8).requires_grad_(), draw(4, 3, kernel, kernel).requires_grad_(), draw(4).requires_grad_()
    h = F.interpolate(x, scale_factor=2) if resample == "up" else x
    y = F.conv2d(h, w, b, padding=kernel // 2)
    y = F.avg_pool2d(y, 2) if resample == "down" else y
    g = draw(*y.shape)
    found = ours(tmp_path, "conv", {"x": x, "g": g, "state.weight": w, "state.bias": b}, resample=RESAMPLE[resample])
    compare(found, y, x, g, {"weight": w, "bias": b})


def convolution_forms():
    """Every combination of options that is allowed: those of a convolution, then of a transposed one."""
    kernels = [(3, 3), (1, 1), (4, 4), (2, 3), (1, 7), (7, 7)]
    for kernel, stride, groups, border, padding, resample in itertools.product(
        kernels, (1, 2), (1, 2, 4), BORDER, (None, (1, 2, 0, 1), (0, 0, 0, 0)), RESAMPLE
    ):
        if stride > 1 and resample != "none":
            continue
        if resample == "down" and padding:  # keeps heights and widths even
            padding = (kernel[1] - 1, 0, 0, kernel[0] - 1) if any(padding) else (0, kernel[1] - 1, kernel[0] - 1, 0)
        yield dict(kernel=kernel, stride=stride, groups=groups, border=border, padding=padding, resample=resample)
    for kernel, stride, groups, padding in itertools.product(kernels, (1, 2, 3), (1, 2, 4), (None, 0, 1)):
        if padding is None and stride == 1 and (kernel[0] % 2 == 0 or kernel[1] % 2 == 0):
            continue  # the map cannot stay as it is
        if padding == 1 and 1 in kernel:
            continue
        yield dict(kernel=kernel, stride=stride, groups=groups, padding=padding, transposed=True)


def torch_convolution(form, x, w, b, relu):
    """The form by torch.nn.functional."""
    x = x.relu() if relu else x
    (kh, kw), stride, groups, padding = (form[key] for key in ("kernel", "stride", "groups", "padding"))
    if form.get("transposed"):
        if padding is not None:
            return F.conv_transpose2d(x, w, b, stride, padding, 0, groups)
        sides = (kh - 1) // 2, (kw - 1) // 2
        more = tuple(stride + 2 * side - k for side, k in zip(sides, (kh, kw)))
        return F.conv_transpose2d(x, w, b, stride, sides, more, groups)
    x = F.interpolate(x, scale_factor=2) if form["resample"] == "up" else x
    padding = ((kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2) if padding is None else padding
    y = F.conv2d(F.pad(x, padding, PAD_MODE[form["border"]]), w, b, stride, 0, 1, groups)
    return F.avg_pool2d(y, 2) if form["resample"] == "down" else y


def test_convolution_forms(tmp_path):
    """Relu, bias and residual (none, of the whole size, of half of it) alternate over the forms."""
    cases, expected = [], []
    for i, form in enumerate(convolution_forms()):
        transposed, groups = form.get("transposed", False), form["groups"]
        relu, with_bias = i % 3 == 0, i % 4 != 0
        x = draw(2, 4, 8, 10).requires_grad_()
        w = draw(4, 8 // groups, *form["kernel"]) if transposed else draw(8, 4 // groups, *form["kernel"])
        b = draw(8).requires_grad_() if with_bias else None
        y = torch_convolution(form, x, w.requires_grad_(), b, relu)
        leaves = {"weight": w, **({"bias": b} if with_bias else {})}
        tensors = {"x": x, "state.weight": w, **({"state.bias": b} if with_bias else {})}
        if i % 5 < 2:
            half = i % 5 == 1 and y.shape[2] % 2 == 0 and y.shape[3] % 2 == 0
            residual = draw(*y.shape[:2], y.shape[2] // (1 + half), y.shape[3] // (1 + half)).requires_grad_()
            tensors["residual"] = leaves["residual"] = residual
            y = y + (F.interpolate(residual, scale_factor=2) if half else residual)
        tensors["g"] = draw(*y.shape)
        options = {"stride": form["stride"], "groups": groups, "relu": relu, "transposed": transposed}
        if transposed:
            padding = None if form["padding"] is None else (form["padding"],) * 4
            options.update({} if padding is None else {"output_padding": 0})
        else:
            padding = form["padding"]
            options.update(resample=RESAMPLE[form["resample"]], border=BORDER[form["border"]])
        if padding is not None:
            options.update(zip(("left", "right", "top", "bottom"), padding))
        cases.append(("conv", tensors, options))
        expected.append((form, y, x, tensors["g"], leaves))
    assert len(cases) > 600
    for found, (form, y, x, g, leaves) in zip(ours_of(tmp_path, cases), expected):
        assert found["y"].shape == y.shape, form
        compare(found, y, x, g, leaves)


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("normalization", ["none", "weight"])
def test_linear(tmp_path, normalization, relu):
    x, w, b, g = draw(5, 3).requires_grad_(), draw(4, 3).requires_grad_(), draw(4).requires_grad_(), draw(5, 4)
    scale, state = draw(4).requires_grad_(), {"x": x, "g": g, "state.weight": w, "state.bias": b}
    if normalization == "weight":
        state["state.scale"] = scale
        y = F.linear(x, torch._weight_norm(w, scale[:, None], 0), b)
    else:
        y = F.linear(x, w, b)
    found = ours(tmp_path, "linear", state, normalization=normalization, relu=relu)
    leaves = {"weight": w, "bias": b, **({"scale": scale} if normalization == "weight" else {})}
    compare(found, y.relu() if relu else y, x, g, leaves)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("groups", [1, 2])
def test_weight_norm_of_a_convolution(tmp_path, transposed, groups):
    """Against PyTorch's weight_norm over the weights of each output; transposed: output by output within its group."""
    inputs, outputs = 4, 6
    x, scale = draw(2, inputs, 5, 4).requires_grad_(), draw(outputs).requires_grad_()
    shape = (inputs, outputs // groups) if transposed else (outputs, inputs // groups)
    w = draw(*shape, 3, 4 if transposed else 3).requires_grad_()
    if transposed:
        parts = zip(w.chunk(groups), scale.chunk(groups))
        effective = torch.cat([torch._weight_norm(part, s[None, :, None, None], 1) for part, s in parts])
        y = F.conv_transpose2d(x, effective, None, 2, 1, (1, 0), groups)
    else:
        y = F.conv2d(x, torch._weight_norm(w, scale[:, None, None, None], 0), None, 2, 1, 1, groups)
    g = draw(*y.shape)
    options = {"stride": 2, "groups": groups, "transposed": transposed, "normalization": "weight"}
    found = ours(tmp_path, "conv", {"x": x, "g": g, "state.weight": w, "state.scale": scale}, **options)
    compare(found, y, x, g, {"weight": w, "scale": scale})


def test_spectral_norm_as_biggan_has_it(tmp_path):
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
    state = {"x": x, "g": g, "state.weight": w, "state.bias": b, "state.u": u}
    found = ours(tmp_path, "conv", state, normalization="spectral")
    compare(found, conv(x), x, g, {"weight": conv.parametrizations.weight.original, "bias": conv.bias})
    assert (found["state.u"] - norm._u).abs().max() < TOLERANCE
    assert (found["state.v"] - v).abs().max() < TOLERANCE


@pytest.mark.parametrize("iterations", [1, 3])
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["conv", "transposed", "grouped", "linear"])
def test_spectral_norm_as_torch_has_it(tmp_path, kind, training, iterations):
    """torch.nn.utils.spectral_norm: three forwards in training, the vectors after them; evaluation with stored ones."""
    types = {
        "conv": lambda: torch.nn.Conv2d(4, 6, 4, 2, 1, dtype=torch.float64),
        "transposed": lambda: torch.nn.ConvTranspose2d(4, 6, 4, 2, 1, groups=2, dtype=torch.float64),
        "grouped": lambda: torch.nn.Conv2d(4, 6, 4, 2, 1, groups=2, dtype=torch.float64),
        "linear": lambda: torch.nn.Linear(4, 6, dtype=torch.float64),
    }
    layer = torch.nn.utils.spectral_norm(types[kind](), n_power_iterations=iterations, eps=1e-12).train(training)
    w, u, v = (getattr(layer, name).detach().clone() for name in ("weight_orig", "weight_u", "weight_v"))
    x = (draw(5, 4) if kind == "linear" else draw(2, 4, 6, 8)).requires_grad_()
    for _ in range(3):
        y = layer(x)
    g = draw(*y.shape)
    options = {"normalization": "spectral", "torch_form": True, "iterations": iterations, "forwards": 3}
    if kind != "linear":
        options.update(stride=2, left=1, right=1, top=1, bottom=1, groups=1 if kind == "conv" else 2)
        options["transposed"] = kind == "transposed"
    state = {"x": x, "g": g, "state.weight": w, "state.bias": layer.bias, "state.u": u, "state.v": v}
    found = ours(tmp_path, "linear" if kind == "linear" else "conv", state, evaluation=not training, **options)
    compare(found, y, x, g, {"weight": layer.weight_orig, "bias": layer.bias})
    assert (found["state.u"] - layer.weight_u).abs().max() < TOLERANCE
    assert (found["state.v"] - layer.weight_v).abs().max() < TOLERANCE
    assert torch.equal(layer.weight_u, u) != training  # evaluation moves nothing


def stylegan2_decay(kimg, ramp, batch, images_seen):
    """stylegan2-ada-pytorch's training_loop.py, in NumPy."""
    half_life = kimg * 1000
    if ramp is not None:
        half_life = min(half_life, images_seen * ramp)
    return 0.5 ** (batch / max(half_life, 1e-8))


@pytest.mark.parametrize("kimg, ramp", [(10, None), (0.5, 0.05)])
def test_average_by_images(tmp_path, kimg, ramp):
    """Row t of x is the network after iteration t, of 32 images: its average as StyleGAN2 makes it."""
    batch, rows = 32, draw(600, 3)
    average = draw(3).numpy()
    start = torch.from_numpy(average.copy())
    for t, row in enumerate(rows.numpy()):
        beta = stylegan2_decay(kimg, ramp, batch, t * batch)
        average = numpy.asarray(row + (average - row) * beta)
    options = {"half_life": kimg * 1000, "batch": batch, **({} if ramp is None else {"ramp": ramp})}
    found = ours(tmp_path, "average", {"x": rows, "g": draw(3), "state.weight": start}, **options)
    assert (found["y"] - torch.from_numpy(average)).abs().max() < TOLERANCE


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
