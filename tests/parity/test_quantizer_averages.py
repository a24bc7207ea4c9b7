"""The two momentum averages of a dictionary and the two orders of its updates, in the program's layer and in Python's,
against NumPy implementations written from the formulas: five steps in float64, losses, their gradient and the
dictionary to 1e-12.

Plain (FQ-BigGAN's vq_layer.py): n <- decay n + (1 - decay) count, m <- decay m + (1 - decay) sum, n = 0 and m = e at
first. Zero-debiased (FQ-StyleGAN, FQ-U-GAT-IT; TensorFlow's assign_moving_average with zero_debias): b <- decay b +
(1 - decay) x from b = 0, and the average is b / (1 - decay^updates). Then e = m / n' with
n' = (n + epsilon) / (sum n + K epsilon) sum n.
"""

import importlib
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("FQGAN_BUILD", ROOT / "build" / "release"))
DECAY, EPSILON, TOLERANCE = 0.8, 1e-5, 1e-12
sys.path.insert(0, str(ROOT / "python"))
os.environ.setdefault("FQGAN_OPS", str(BUILD.resolve() / "libfqgan_ops.so"))
fqgan = importlib.import_module("fqgan")
STEPS, N, D, H, W, K = 5, 4, 3, 4, 5, 9
REAL, FAKE = [0, 3], [1, 2]  # labelled, fake, fake, unlabelled


class Plain:
    def __init__(self, codebook):
        self.sum, self.size = codebook.copy(), np.zeros(K)

    def add(self, sums, counts):
        self.sum = DECAY * self.sum + (1 - DECAY) * sums
        self.size = DECAY * self.size + (1 - DECAY) * counts
        return self.sum, self.size


class ZeroDebiased:
    """The averages from their history: every term with its weight, over the sum of the weights."""

    def __init__(self, codebook):
        self.history = []

    def add(self, sums, counts):
        self.history.append((sums, counts))
        weights = [(1 - DECAY) * DECAY**age for age in reversed(range(len(self.history)))]
        return [sum(w * x[i] for w, x in zip(weights, self.history)) / sum(weights) for i in range(2)]


def step(x, codebook, average):
    """x: M x D. -> codes, the new dictionary"""
    codes = ((x[:, None] - codebook[None]) ** 2).sum(2).argmin(1)
    sums, counts = np.zeros((K, D)), np.zeros(K)
    for row, code in zip(x, codes):
        sums[code] += row
        counts[code] += 1
    total, size = average.add(sums, counts)
    smoothed = (size + EPSILON) / (size.sum() + K * EPSILON) * size.sum()
    return codes, total / smoothed[:, None]


def train(x, codebook, average, order):
    """-> losses as the program gives them, their gradients, last dictionary"""
    losses, gradients = [], np.zeros_like(x)
    for t in range(STEPS):
        groups = [REAL, FAKE] if order == "real_then_fake" else [list(range(N))]
        images = np.zeros(N)
        for group in groups:
            rows = x[t, group].transpose(0, 2, 3, 1).reshape(-1, D)
            codes, updated = step(rows, codebook, average)
            difference = (rows - codebook[codes]).reshape(len(group), H, W, D).transpose(0, 3, 1, 2)
            images[group] = (difference**2).mean((1, 2, 3))
            gradients[t, group] = 2 * difference / (D * H * W)
            codebook = updated
        losses += [images[REAL], images[FAKE]]
    return np.concatenate(losses), gradients, codebook


def program_layer(tmp_path, x, codebook, weight, average, order):
    """-> losses, their gradients weighted by `weight`, last dictionary, number of updates"""
    name = f"quantizer_{average}_{order}"
    first_sum = codebook.copy() if average == "plain" else np.zeros((K, D))
    tensors = {"x": x.reshape(-1, D, H, W), "g": weight, "state.codebook": codebook, "state.codebook_sum": first_sum}
    file = tmp_path / "in.safetensors"
    case = {f"0.{k}": torch.from_numpy(np.ascontiguousarray(v)) for k, v in tensors.items()}
    save_file(case, file, {"0.layer": name})
    subprocess.run([BUILD / "tests" / "fqgan_layer_dump", file, tmp_path / "out"], check=True, timeout=120)
    found = {k.removeprefix("0."): v.numpy() for k, v in load_file(tmp_path / "out").items()}
    return found["y"], found["grad.x"].reshape(x.shape), found["state.codebook"], found.get("state.updates")


def python_layer(tmp_path, x, codebook, weight, average, order):
    layer = fqgan.FeatureQuantizer(D, K, DECAY, epsilon=EPSILON, average=average).double()
    layer.codebook = torch.from_numpy(codebook)
    if average == "plain":
        layer.codebook_sum = torch.from_numpy(codebook)
    groups = [len(REAL), len(FAKE)] if order == "real_then_fake" else None
    features = torch.from_numpy(np.ascontiguousarray(x)).requires_grad_()
    losses = []
    for batch in features:
        _, loss, _ = layer(batch[REAL + FAKE], groups)
        losses += [loss[: len(REAL)], loss[len(REAL) :]]
    (torch.cat(losses) * torch.from_numpy(weight)).sum().backward()
    updates = int(layer.updates) if average == "zero_debiased" else None
    return torch.cat(losses).detach().numpy(), features.grad.numpy(), layer.codebook.numpy(), updates


@pytest.mark.parametrize("order", ["together", "real_then_fake"])
@pytest.mark.parametrize("average", ["plain", "zero_debiased"])
@pytest.mark.parametrize("layer", [program_layer, python_layer])
def test_five_updates(tmp_path, layer, average, order):
    random = np.random.default_rng(8)
    # Clusters that drift, one near zero: there the unused codes of the zero-debiased form come back.
    centres = np.concatenate([random.normal(size=(5, D)), np.zeros((1, D))])
    which = random.integers(0, 6, (STEPS, N, H, W))
    x = (centres[which] * (1 + 0.3 * np.arange(STEPS)[:, None, None, None, None])).transpose(0, 1, 4, 2, 3)
    x = x + 0.3 * random.normal(size=x.shape)
    codebook = random.normal(size=(K, D))
    reference = Plain(codebook) if average == "plain" else ZeroDebiased(codebook)
    losses, gradients, expected = train(x, codebook, reference, order)
    weight = random.normal(size=len(losses))
    y, gradient, dictionary, updates = layer(tmp_path, x, codebook, weight, average, order)

    assert np.abs(y - losses).max() < TOLERANCE
    by_row = weight.reshape(STEPS, 2, 2)
    factor = np.empty((STEPS, N))
    factor[:, REAL], factor[:, FAKE] = by_row[:, 0], by_row[:, 1]
    assert np.abs(gradient - gradients * factor[..., None, None, None]).max() < TOLERANCE
    assert (np.abs(dictionary - expected) / np.maximum(np.abs(expected), 1)).max() < TOLERANCE
    assert updates == (None if average == "plain" else STEPS * (2 if order == "real_then_fake" else 1))
