"""The layer against the released formula (Theano's, written with NumPy's rules), its gradients, its groups."""

import fqgan
import pytest
import torch


def released(layer, x):
    """openai/improved-gan, nn.py, MinibatchLayer.get_output_for."""
    weight = layer.weight * (layer.log_scale.exp() / layer.weight.square().sum(0).sqrt())
    activation = torch.einsum("nf,fbc->nbc", x, weight)
    difference = (activation[:, :, :, None] - activation.permute(1, 2, 0)[None]).abs().sum(2)
    difference = difference + 1e6 * torch.eye(len(x), dtype=x.dtype)[:, None]
    return torch.cat([x, torch.exp(-difference).sum(2) + layer.bias], 1)


def make(features=12, kernels=5, dims=3, dtype=torch.float64):
    torch.manual_seed(1)
    layer = fqgan.MinibatchDiscrimination(features, kernels, dims).to(dtype)
    with torch.no_grad():
        layer.log_scale.normal_(0, 0.3)
    return layer, torch.randn(9, features, dtype=dtype)


@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-12), (torch.float32, 1e-5)], ids=str)
def test_equals_the_released_formula_with_its_gradients(dtype, tolerance):
    layer, x = make(dtype=dtype)
    x.requires_grad_()
    leaves = [x, *layer.parameters()]
    projection = torch.randn(9, 17, dtype=dtype)
    found = torch.autograd.grad((layer(x) * projection).sum(), leaves)
    expected = torch.autograd.grad((released(layer, x) * projection).sum(), leaves)
    torch.testing.assert_close(layer(x), released(layer, x), rtol=tolerance, atol=tolerance)
    for a, b in zip(found, expected):
        torch.testing.assert_close(a, b, rtol=tolerance * 10, atol=tolerance * 10)


def test_numerical_gradients():
    layer, x = make(features=4, kernels=2, dims=2)
    assert torch.autograd.gradcheck(layer, x[:4, :4].clone().requires_grad_())


def test_second_derivatives():
    """As a gradient penalty (R1) takes them: of the input's gradient, in all parameters."""
    layer, x = make()
    for module in (layer, lambda x: released(layer, x)):
        given = x.clone().requires_grad_()
        (slope,) = torch.autograd.grad(module(given).pow(2).sum(), given, create_graph=True)
        found = torch.autograd.grad(slope.pow(2).sum(), [given, *layer.parameters()], allow_unused=True)
        if module is layer:
            ours = found
    for a, b in zip(ours[:-1], found[:-1]):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("cast", [False, True], ids=["types", "autocast"])
def test_narrow_types(dtype, cast):
    layer, x = make(dtype=torch.float32)
    given = (x if cast else x.to(dtype)).requires_grad_()
    with torch.autocast("cpu", dtype=dtype, enabled=cast):
        found = layer(given)
    assert found.dtype == given.dtype
    torch.testing.assert_close(found.float(), layer(x), rtol=0.05, atol=0.05)
    found.float().sum().backward()
    assert layer.weight.grad.dtype == torch.float32 and given.grad.dtype == given.dtype
    assert layer.to(dtype)(x.to(dtype)).dtype == dtype


def test_one_example_and_none():
    layer, x = make()
    assert torch.equal(layer(x[:1])[:, 12:], layer.bias.expand(1, -1))  # there is nothing to be similar to
    assert layer(x[:0]).shape == (0, 17)


def test_groups_do_not_meet():
    layer, x = make()
    apart = torch.cat([layer(x[:4]), layer(x[4:])])
    torch.testing.assert_close(layer(x, groups=[4, 5]), apart)
    assert not torch.allclose(layer(x), apart)


def test_memory_is_not_quadratic():
    if torch.cuda.is_available():
        pytest.skip("counts the processor's allocations")
    m = torch.randn(512, 64, 16)
    with torch.profiler.profile(profile_memory=True) as profile:
        torch.ops.fqgan.minibatch_discrimination(m)
    most = max(event.cpu_memory_usage for event in profile.events())
    assert most <= 4 * m.numel()  # the differences would take 512 times as much


def test_compiles():
    layer, x = make(dtype=torch.float32)
    compiled = torch.compile(layer, backend="aot_eager")
    torch.testing.assert_close(compiled(x), layer(x))


@pytest.mark.parametrize(
    "arguments, words",
    [((0,), "features.*0"), ((4, 0), "kernels.*0"), ((4, 2, -1), "dims.*-1")],
    ids=str,
)
def test_bad_options(arguments, words):
    with pytest.raises(ValueError, match=words):
        fqgan.MinibatchDiscrimination(*arguments)


def test_bad_input():
    layer, x = make()
    with pytest.raises(ValueError, match=r"N x 12.*\[\d+, 5\]"):
        layer(x[:, :5])
    with pytest.raises(ValueError, match=r"groups.*\b9\b"):
        layer(x, groups=[4, 4])
