"""fqgan.compat.VectorQuantize against vector-quantize-pytorch itself, from the same state and random numbers; the state
and the arguments of both compatible layers. (tests/parity/test_quantizer_reference.py: Quantize against its original.)
"""

import copy

import fqgan
import pytest
import torch
from vector_quantize_pytorch import VectorQuantize as Original

D, K = 8, 16
TOLERANCE = 1e-5
VARIANTS = {
    "rows": {},
    "maps": {"accept_image_fmap": True},
    "sequences": {"channel_last": False},
    "other factors": {"decay": 0.9, "eps": 1e-3, "commitment_weight": 0.25, "accept_image_fmap": True},
    "without loss": {"commitment_weight": 0.0},
    "straight through": {"rotation_trick": False, "accept_image_fmap": True},
    "kmeans": {"kmeans_init": True, "kmeans_iters": 3, "accept_image_fmap": True},
    "revival": {"threshold_ema_dead_code": 2},
    "revival of more codes than rows": {"threshold_ema_dead_code": 50, "accept_image_fmap": True},
    "kmeans and revival": {"kmeans_init": True, "threshold_ema_dead_code": 5},
}


def pair(options):
    """The original and ours, made from the same random numbers."""
    layers = []
    for kind in (Original, fqgan.compat.VectorQuantize):
        torch.manual_seed(3)
        layers.append(kind(D, K, **options))
    return layers


def draw(options, step, images=3):
    if options.get("threshold_ema_dead_code") == 50:
        images = 1  # 12 rows
    x = (1 + 0.1 * step) * torch.randn(images, D, 3, 4) + 0.1 * step
    if options.get("accept_image_fmap"):
        return x
    return x.flatten(2) if options.get("channel_last") is False else x.flatten(2).transpose(1, 2).contiguous()


def assert_close(found, expected, what):
    assert found.shape == expected.shape and found.dtype == expected.dtype, what
    assert ((found - expected).abs() / expected.abs().clamp_min(1)).max() < TOLERANCE, what


def assert_same_state(ours, original):
    expected = original.state_dict()
    assert list(ours.state_dict()) == list(expected)
    for name, value in ours.state_dict().items():
        assert_close(value.double(), expected[name].double(), name)


def assert_same_step(ours, original, x, seed):
    results = []
    weight = torch.randn_like(x)
    for layer in (ours, original):
        torch.manual_seed(seed)
        leaf = x.clone().requires_grad_()
        output, codes, loss = layer(leaf)
        ((output * weight).sum() + 100 * loss).backward()
        results.append((output, codes, loss, leaf.grad))
    (output, codes, loss, gradient), (their_output, their_codes, their_loss, their_gradient) = results
    assert torch.equal(codes, their_codes)
    assert_close(output, their_output, "output")
    assert_close(loss, their_loss, "loss")
    assert_close(gradient, their_gradient, "gradient")
    assert_same_state(ours, original)


@pytest.mark.parametrize("name", VARIANTS)
def test_ten_steps(name):
    options = VARIANTS[name]
    original, ours = pair(options)
    assert_same_state(ours, original)
    for step in range(10):
        assert_same_step(ours, original, draw(options, step), seed=step)
    original.eval(), ours.eval()
    x = draw(options, 10)
    for found, expected in zip(ours(x), original(x)):
        assert_close(found.double(), expected.double(), "eval mode")
    codes = ours(x)[1]
    assert_close(ours.get_codes_from_indices(codes), original.get_codes_from_indices(codes), "entries")


@pytest.mark.parametrize("from_ours", [False, True])
def test_training_goes_on_from_the_other_s_state(from_ours):
    options = {"kmeans_init": True, "threshold_ema_dead_code": 2, "accept_image_fmap": True}
    original, ours = pair(options)
    source, target = (ours, original) if from_ours else (original, ours)
    for step in range(5):
        source(draw(options, step))
    target.load_state_dict(source.state_dict(), strict=True)
    for step in range(5, 10):
        assert_same_step(ours, original, draw(options, step), seed=step)


def test_memory_layouts():
    layer = fqgan.compat.VectorQuantize(D, K, accept_image_fmap=True).eval()
    x = torch.randn(2, D, 6, 4)
    expected = layer(x)
    for same in (x.contiguous(memory_format=torch.channels_last), x.transpose(2, 3).contiguous().transpose(2, 3)):
        assert all(torch.equal(a, b) for a, b in zip(layer(same), expected))


def test_one_row_each():
    original, ours = pair({})
    assert_same_step(ours, original, torch.randn(40, D), seed=1)


def test_other_arguments_are_refused():
    with pytest.raises(TypeError, match=r"^\[VectorQuantize\] .*\bdecay\b.*\bheads, use_cosine_sim\b"):
        fqgan.compat.VectorQuantize(D, K, heads=2, use_cosine_sim=True)


@pytest.mark.parametrize(
    "options, shape, words",
    [
        ({"accept_image_fmap": True}, (4, D, 3), r"N x D x H x W.*\[4, 8, 3\]"),
        ({"channel_last": False}, (4, D, 3, 3), r"N x D x L.*\[4, 8, 3, 3\]"),
        ({"kmeans_init": True}, (4, 7), r"\b8\b.*\b7\b"),
    ],
)
def test_shapes_that_do_not_fit(options, shape, words):
    with pytest.raises((ValueError, RuntimeError), match=words):
        fqgan.compat.VectorQuantize(D, K, **options)(torch.randn(*shape))


@pytest.mark.parametrize(
    "layer",
    [
        fqgan.compat.Quantize(D, K),
        fqgan.compat.VectorQuantize(D, K, accept_image_fmap=True),
        fqgan.compat.VectorQuantize(D, K, accept_image_fmap=True, kmeans_init=True),
    ],
    ids=["Quantize", "VectorQuantize", "kmeans"],
)
def test_features_that_are_not_finite(layer):
    before = copy.deepcopy(layer.state_dict())
    x = torch.randn(2, D, 3, 3)
    x[1, 2] = float("nan")
    with pytest.raises(RuntimeError, match="finite"):
        layer(x)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())


def test_quantize_has_the_reference_s_interface():
    layer = fqgan.compat.Quantize(D, K, 0.5, 0.9, 1e-4)
    shapes = {name: tuple(value.shape) for name, value in layer.state_dict().items()}
    assert shapes == {"embed": (D, K), "cluster_size": (K,), "embed_avg": (D, K)}
    x = torch.randn(3, 4, 5, D).permute(0, 3, 1, 2)[:, :, :, ::2]  # any strides, as there
    output, loss, perplexity = layer(x, None)
    assert output.shape == x.shape and loss.shape == (3, 1) and perplexity.shape == ()
    assert all(value.is_contiguous() for value in layer.state_dict().values())
    before = copy.deepcopy(layer.state_dict())
    layer.eval()(x)
    assert all(torch.equal(value, before[name]) for name, value in layer.state_dict().items())
