"""Each operator under torch.library.opcheck (schema, autograd, shapes without data, compiled with dynamic shapes), the
words of its errors, and its codes against a search in float64."""

import fqgan  # noqa: F401  (loads the operators)
import pytest
import torch
from torch.library import opcheck

OPS = torch.ops.fqgan
N, D, H, W, K = 3, 6, 4, 5, 11
TYPES = [torch.float16, torch.float32, torch.bfloat16, torch.float64]
LAYOUTS = ["contiguous", "channels_last", "rows"]


def make_features(dtype=torch.float32, layout="contiguous"):
    if layout == "rows":
        return torch.randn(N * H * W, D).to(dtype)
    memory = torch.channels_last if layout == "channels_last" else torch.contiguous_format
    return torch.randn(N, D, H, W).to(dtype).contiguous(memory_format=memory)


def make_codebook(dtype=torch.float32):
    return torch.randn(K, D, dtype=torch.float64 if dtype == torch.float64 else torch.float32)


def arguments(name, features, codebook):
    codes = OPS.nearest_code(features, codebook)
    counts, sums = OPS.code_statistics(features, codes, K)
    return {
        "nearest_code": (features, codebook),
        "code_statistics": (features, codes, K),
        "commitment_loss": (features.clone().requires_grad_(), codebook, codes),
        "commitment_loss_backward": (counts.new_ones(len(features)), features, codebook, codes),
        "straight_through": (features.clone().requires_grad_(), codebook, codes, 0.25),
        "momentum_update": (codebook * 3, counts + 1, counts, sums, 0.8, 1e-5, torch.tensor(3)),
        "kmeans": (features, codebook, 2),
    }[name]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize(
    "name",
    [
        "nearest_code",
        "code_statistics",
        "commitment_loss",
        "commitment_loss_backward",
        "straight_through",
        "momentum_update",
        "kmeans",
    ],
)
def test_opcheck(name, dtype, layout):
    opcheck(getattr(OPS, name).default, arguments(name, make_features(dtype, layout), make_codebook(dtype)))


def test_all_operators_are_checked():
    names = {schema.name.split("::")[1] for schema in torch._C._jit_get_all_schemas() if "fqgan::" in schema.name}
    assert names == {
        "nearest_code",
        "code_statistics",
        "commitment_loss",
        "commitment_loss_backward",
        "straight_through",
        "momentum_update",
        "kmeans",
        "convolution",
        "convolution_backward",
        "batch_norm",
        "batch_norm_backward",
        "minibatch_discrimination",
        "minibatch_discrimination_backward",
        "add_gaussian_noise",
        "weight_norm_linear",
        "weight_norm_linear_backward",
        "adam_epsilon_in_root_",
        "upfirdn",
        "bias_activation",
        "bias_activation_backward",
    }


def make_maps(dtype):
    """Images that the kernels take where there are some: channels_last, 16 channels."""
    return torch.randn(2, 16, 4, 6).to(dtype).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("resample", [0, 1, 2])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_opcheck_of_convolution(dtype, resample):
    parameters = torch.float64 if dtype == torch.float64 else torch.float32
    x = make_maps(dtype).requires_grad_()
    weight, bias = torch.randn(32, 16, 3, 3, dtype=parameters), torch.randn(32, dtype=parameters)
    weight, bias = weight.requires_grad_(), bias.requires_grad_()
    y = OPS.convolution(x, weight, bias, None, resample, True)
    opcheck(OPS.convolution.default, (x, weight, bias, None, resample, True))
    opcheck(OPS.convolution.default, (x, weight, bias, torch.randn_like(y).requires_grad_(), resample, False))
    flags = (resample, True, True, True, True)
    opcheck(OPS.convolution_backward.default, (torch.randn_like(y), x.detach(), weight.detach(), *flags))


@pytest.mark.parametrize("resample", [1, 2])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_opcheck_of_a_convolution_with_a_border(dtype, resample):
    x = torch.randn(2, 16, 8, 6).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    weight = torch.randn(32, 16, 3, 3, dtype=torch.float64 if dtype == torch.float64 else torch.float32)
    weight = weight.requires_grad_()
    y = OPS.convolution(x, weight, None, None, resample, False, True)
    opcheck(OPS.convolution.default, (x, weight, None, None, resample, False, True))
    flags = (resample, False, False, True, True, True)
    opcheck(OPS.convolution_backward.default, (torch.randn_like(y), x.detach(), weight.detach(), *flags))


@pytest.mark.parametrize("shape", [(16,), (2, 16)], ids=str)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_opcheck_of_batch_norm(dtype, shape):
    parameters = torch.float64 if dtype == torch.float64 else torch.float32
    x = make_maps(dtype)
    gain, bias = torch.randn(shape, dtype=parameters), torch.randn(shape, dtype=parameters)
    y, mean, variance = OPS.batch_norm(x, gain, bias)
    opcheck(OPS.batch_norm.default, tuple(t.clone().requires_grad_() for t in (x, gain, bias)))
    opcheck(OPS.batch_norm_backward.default, (torch.randn_like(y), x, gain, mean, variance, 1e-5))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_opcheck_of_minibatch_discrimination(dtype):
    m = torch.randn(9, 4, 3).to(dtype)
    opcheck(OPS.minibatch_discrimination.default, (m.clone().requires_grad_(),))
    opcheck(OPS.minibatch_discrimination_backward.default, (torch.randn(9, 4).to(dtype), m))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_opcheck_of_gaussian_noise(dtype):
    opcheck(OPS.add_gaussian_noise.default, (torch.randn(9, 14).to(dtype).requires_grad_(), 17, 0.5))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_opcheck_of_upfirdn(dtype):
    for up, down in ((2, 1), (1, 2), (1, 1)):
        x = make_maps(dtype).requires_grad_()
        opcheck(OPS.upfirdn.default, (x, [0.5, 1.0, 0.25], up, down, [2, 1, 0, 1], 4.0, False))


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_opcheck_of_bias_activation(dtype):
    parameters = torch.float64 if dtype == torch.float64 else torch.float32
    scale, noise, bias = (torch.randn(shape, dtype=parameters) for shape in ((2, 16), (2, 1, 4, 6), (16,)))
    x = make_maps(dtype)
    inputs = [t.clone().requires_grad_() for t in (x, scale, noise, bias)]
    opcheck(OPS.bias_activation.default, (*inputs, 0.2, 1.4, 0.9))
    y = OPS.bias_activation(x, scale, noise, bias, 0.2, 1.4, 0.9)
    for wanted in (15, 1, 2, 12):
        opcheck(
            OPS.bias_activation_backward.default,
            (torch.randn_like(y), y, x, scale, wanted, 0.2, 1.4, 0.9),
            test_utils=("test_schema", "test_faketensor"),
        )


@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_opcheck_of_weight_norm_linear(dtype, relu):
    parameters = torch.float64 if dtype == torch.float64 else torch.float32
    weight, scale, bias = (torch.rand(shape, dtype=parameters) + 0.5 for shape in ((6, 14), (6,), (6,)))
    x = torch.randn(9, 14).to(dtype)
    y, factor, packed = OPS.weight_norm_linear(x, weight, scale, bias, relu)
    opcheck(OPS.weight_norm_linear.default, (*(t.clone().requires_grad_() for t in (x, weight, scale, bias)), relu))
    saved = (torch.randn_like(y), x, y, weight, scale, factor, packed, relu)
    for wanted in ((True, True), (True, False), (False, True)):
        opcheck(OPS.weight_norm_linear_backward.default, (*saved, *wanted))


def test_opcheck_of_adam():
    tensors = [torch.rand(5, 7) for _ in range(4)]
    opcheck(OPS.adam_epsilon_in_root_.default, (*tensors, 1e-3, 0.5, 0.999, 1e-8, 1.0))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_codes_and_loss_equal_a_float64_search(dtype, layout):
    features, codebook = make_features(dtype, layout), make_codebook(dtype)
    rows = features.double() if layout == "rows" else features.double().permute(0, 2, 3, 1)
    distances = (rows.unsqueeze(-2) - codebook.double()).pow(2).sum(-1)
    codes = OPS.nearest_code(features, codebook)
    assert torch.equal(codes, distances.argmin(-1))
    expected = distances.amin(-1).reshape(len(features), -1).mean(1) / D
    assert (OPS.commitment_loss(features, codebook, codes) - expected).abs().max() < 1e-5


def assert_names(error, *names):
    """The message names what it is about; the sentence around that is not tested."""
    for name in names:
        assert name in str(error.value), error.value


@pytest.mark.parametrize(
    "features, codebook, names",
    [
        (torch.zeros(2, 5, 3, 3), torch.zeros(7, 6), ["6", "5"]),
        (torch.zeros(2, 5, 3, 3), torch.zeros(0, 5), ["[0, 5]"]),
        (torch.zeros(0, 5, 3, 3), torch.zeros(7, 5), ["[0, 5, 3, 3]"]),
        (torch.zeros(2, 5, 3, 3).long(), torch.zeros(7, 5), ["float16", "bfloat16", "float32", "float64", "int64"]),
        (torch.zeros(2, 5, 3), torch.zeros(7, 5), ["N x D x H x W", "M x D", "[2, 5, 3]"]),
        (torch.zeros(2, 5, 3, 3), torch.zeros(7, 5).double(), ["float32", "float64"]),
        (torch.zeros(2, 5, 3, 3).double(), torch.zeros(7, 5), ["float64", "float32"]),
    ],
    ids=["D", "K = 0", "empty batch", "int64", "three dimensions", "wide codebook", "wide features"],
)
def test_bad_input(features, codebook, names):
    codes = torch.zeros(features.shape[0], *features.shape[2:], dtype=torch.long)
    for name, more in (("nearest_code", ()), ("commitment_loss", (codes,)), ("straight_through", (codes,))):
        with pytest.raises(RuntimeError) as error:
            getattr(OPS, name)(features, codebook, *more)
        assert_names(error, f"[{name}]", *names)


ROWS, ENTRIES, CODES = torch.zeros(4, 3), torch.zeros(5, 3), torch.zeros(4, dtype=torch.long)
SUM, SIZE = torch.ones(5, 3), torch.ones(5)


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize(
    "name, arguments, names",
    [
        ("nearest_code", (ROWS, torch.zeros(5, 4)), ["[nearest_code]", "4"]),
        ("commitment_loss", (ROWS, ENTRIES, CODES[:3]), ["[commitment_loss codes]", "[4]", "[3]"]),
        (
            "commitment_loss_backward",
            (torch.ones(3), ROWS, ENTRIES, CODES),
            ["[commitment_loss_backward gradient]", "[4]", "[3]"],
        ),
        ("code_statistics", (ROWS, CODES, 0), ["[code_statistics]", "0"]),
        ("code_statistics", (ROWS, CODES, -1), ["[code_statistics]", "-1"]),
        ("straight_through", (ROWS, ENTRIES, CODES, 1.5), ["[straight_through]", "1.5"]),
        ("straight_through", (ROWS, ENTRIES, CODES, -1.0), ["[straight_through]", "-1"]),
        ("straight_through", (ROWS, ENTRIES, CODES, float("nan")), ["[straight_through]", "nan"]),
        ("kmeans", (ROWS, ENTRIES, -3), ["[kmeans]", "-3"]),
        ("kmeans", (ROWS, torch.zeros(5, 4), 3), ["[kmeans]", "4"]),
        ("momentum_update", (SUM, SIZE, SIZE, SUM, 7.0, 1e-5), ["[momentum_update]", "decay", "7"]),
        ("momentum_update", (SUM, SIZE, SIZE, SUM, 0.8, -1.0), ["[momentum_update]", "epsilon", "-1"]),
        ("momentum_update", (SUM, SIZE, SIZE[:1], SUM, 0.8, 1e-5), ["[momentum_update counts]", "[5]", "[1]"]),
        ("momentum_update", (SUM, SIZE, SIZE, SUM[:, :2], 0.8, 1e-5), ["[momentum_update sums]", "[5, 3]", "[5, 2]"]),
    ],
)
def test_bad_arguments(name, arguments, names, device):
    arguments = [x.to(device) if isinstance(x, torch.Tensor) else x for x in arguments]
    with pytest.raises(RuntimeError) as error:
        getattr(OPS, name)(*arguments)
    assert_names(error, *names)


def test_checks_of_shapes_leave_sizes_dynamic():
    from torch._dynamo.testing import CompileCounterWithBackend

    def step(features, codebook):
        codes = OPS.nearest_code(features, codebook)
        loss = OPS.commitment_loss(features, codebook, codes)
        return codes, loss, OPS.straight_through(features, codebook, codes), *OPS.code_statistics(features, codes, K)

    counter = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(step, fullgraph=True, dynamic=True, backend=counter)
    for images, height, dim in [(3, 4, 6), (5, 7, 9), (8, 2, 5)]:
        features, codebook = torch.randn(images, dim, height, 10), torch.randn(K, dim)
        torch.testing.assert_close(compiled(features, codebook), step(features, codebook), rtol=0, atol=0)
    assert counter.frame_count == 1
    with pytest.raises(RuntimeError, match="codebook"):
        compiled(torch.randn(3, 6, 4, 10), torch.randn(K, 7))


@pytest.mark.parametrize("codes, words", [(7, "7"), (-1, "-1")])
def test_codes_out_of_range(codes, words):
    with pytest.raises(RuntimeError) as error:
        OPS.commitment_loss(torch.zeros(2, 5, 3, 3), torch.zeros(7, 5), torch.full((2, 3, 3), codes))
    assert words in str(error.value)


def test_second_derivative_is_an_error():
    features, codebook = make_features().requires_grad_(), make_codebook()
    loss = OPS.commitment_loss(features, codebook, OPS.nearest_code(features.detach(), codebook)).sum()
    (gradient,) = torch.autograd.grad(loss, features, create_graph=True)
    with pytest.raises(RuntimeError, match="not implemented"):
        gradient.pow(2).sum().backward()
