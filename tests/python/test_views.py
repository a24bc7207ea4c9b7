"""Every operator and layer takes tensors in any memory order and gives the same bits as for their contiguous copies:
crops, steps, chunks, transposes, expanded tensors and channels_last, also as weights, dictionaries and gradients."""

import copy

import fqgan
import pytest
import torch

OPS = torch.ops.fqgan
TYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64]


def every_second(x):
    wide = x.new_full((2 * len(x), *x.shape[1:]), 7)
    wide[::2] = x
    return wide[::2]


def crop(x):
    wide = x.new_full([size + 3 for size in x.shape], 7)
    inner = tuple(slice(1, 1 + size) for size in x.shape)
    wide[inner] = x
    return wide[inner]


def chunk(x):
    dim = min(1, x.dim() - 1)
    return torch.cat([x, x + 1], dim).chunk(2, dim)[0]


def transposed(x):
    return x.transpose(0, -1).contiguous().transpose(0, -1)


def channels_last(x):
    return x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x.clone()


def crop_of_channels_last(x):
    if x.dim() != 4:
        return crop(x)
    wide = x.new_full([size + 2 for size in x.shape], 7).contiguous(memory_format=torch.channels_last)
    inner = tuple(slice(1, 1 + size) for size in x.shape)
    wide[inner] = x
    return wide[inner]


VIEWS = [every_second, crop, chunk, transposed, channels_last, crop_of_channels_last]


def parameters(dtype):
    return torch.float64 if dtype == torch.float64 else torch.float32


def maps(dtype):
    return torch.randn(4, 16, 6, 8).to(dtype)


def quantized(name, dtype):
    """The arguments of a quantization operator; features by N x D x H x W."""
    x, codebook = torch.randn(4, 6, 5, 3).to(dtype), torch.randn(11, 6, dtype=parameters(dtype))
    codes = OPS.nearest_code(x, codebook)
    counts, sums = OPS.code_statistics(x, codes, 11)
    return {
        "nearest_code": [x, codebook],
        "code_statistics": [x, codes, 11],
        "commitment_loss": [x, codebook, codes],
        "straight_through": [x, codebook, codes, 0.3],
        "momentum_update": [codebook * 3, counts + 1, counts, sums, 0.8, 1e-5],
        "kmeans": [x, codebook, 2],
    }[name]


def convolution(dtype, out, into, side, resample):
    weight, bias = torch.randn(out, into, side, side).to(parameters(dtype)), torch.randn(out).to(parameters(dtype))
    x = torch.randn(4, into, 6, 8).to(dtype)
    residual = None if into < 16 else torch.randn_like(OPS.convolution(x, weight, bias, None, resample, False))
    return [x, weight, bias, residual, resample, into >= 16]


def arguments(name, dtype):
    wide = parameters(dtype)
    cases = {
        "convolution": lambda: convolution(dtype, 32, 16, 3, 0),
        "convolution up": lambda: convolution(dtype, 32, 16, 3, 1),
        "convolution down": lambda: convolution(dtype, 32, 16, 3, 2),
        "convolution of images": lambda: convolution(dtype, 32, 3, 3, 0),
        "convolution 1x1": lambda: convolution(dtype, 24, 20, 1, 2),
        "batch_norm": lambda: [maps(dtype), torch.randn(16).to(wide), torch.randn(16).to(wide), 1e-5],
        "batch_norm by image": lambda: [maps(dtype), torch.randn(4, 16).to(wide), torch.randn(4, 16).to(wide), 1e-5],
        "minibatch_discrimination": lambda: [torch.randn(9, 4, 3).to(dtype)],
        "add_gaussian_noise": lambda: [maps(dtype), 17, 0.5],
        "weight_norm_linear": lambda: [
            torch.randn(9, 14).to(dtype),
            *(torch.rand(shape).to(wide) + 0.5 for shape in ((6, 14), 6, 6)),
            True,
        ],
    }
    return cases[name]() if name in cases else quantized(name, dtype)


NAMES = [
    "nearest_code",
    "code_statistics",
    "commitment_loss",
    "straight_through",
    "momentum_update",
    "kmeans",
    "convolution",
    "convolution up",
    "convolution down",
    "convolution of images",
    "convolution 1x1",
    "batch_norm",
    "batch_norm by image",
    "minibatch_discrimination",
    "add_gaussian_noise",
    "weight_norm_linear",
]


def results(name, given, gradient_view=torch.clone):
    """The outputs of an operator, and the gradients of its inputs for a gradient in this memory order."""
    operator = getattr(OPS, name.split(" ")[0])
    leaves = [x.detach().requires_grad_() if is_float(x) else x for x in given]
    outputs = operator(*leaves)
    outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
    if not outputs[0].requires_grad or name in ("momentum_update", "kmeans"):
        return outputs
    draw = torch.Generator().manual_seed(3)
    gradient = gradient_view(torch.randn(outputs[0].shape, generator=draw).to(outputs[0].dtype))
    wanted = [x for x in leaves if is_float(x)]
    outputs[0].backward(gradient)
    return [x.detach() for x in outputs] + [x.grad for x in wanted if x.grad is not None]


def is_float(x):
    return isinstance(x, torch.Tensor) and x.is_floating_point()


def assert_same_bits(found, expected):
    assert len(found) == len(expected)
    for a, b in zip(found, expected):
        assert a.dtype == b.dtype and torch.equal(a, b), (a - b).abs().max()


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_operators(name, dtype, view):
    given = arguments(name, dtype)
    expected = results(name, given)
    viewed = [view(x) if isinstance(x, torch.Tensor) else x for x in given]
    assert_same_bits(results(name, viewed, view), expected)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize("name", [name for name in NAMES if name != "momentum_update"])
def test_expanded_tensors(name, dtype):
    given = arguments(name, dtype)
    given[0] = given[0][:1].expand_as(given[0])
    expected = results(name, [x.contiguous() if isinstance(x, torch.Tensor) else x for x in given], torch.ones_like)
    assert_same_bits(results(name, given, lambda x: x.new_ones(()).expand_as(x)), expected)


@pytest.mark.parametrize("name", NAMES)
def test_shapes_without_data(name):
    """The memory order that a compiler expects of a result is the one that it has."""
    for view in (crop, crop_of_channels_last, transposed):
        given = [view(x) if isinstance(x, torch.Tensor) else x for x in arguments(name, torch.float16)]
        given = [x.detach().requires_grad_() if is_float(x) else x for x in given]
        torch.library.opcheck(getattr(OPS, name.split(" ")[0]).default, tuple(given))


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_adam_in_place(view):
    tensors = [torch.rand(6, 5, 3, 4) for _ in range(4)]
    views = [view(x) for x in tensors]
    for _ in range(2):
        OPS.adam_epsilon_in_root_(*tensors, 1e-3, 0.5, 0.999, 1e-8, 1.0)
        OPS.adam_epsilon_in_root_(*views, 1e-3, 0.5, 0.999, 1e-8, 1.0)
    assert_same_bits(views, tensors)


LAYERS = {
    "FeatureQuantizer": lambda: fqgan.FeatureQuantizer(6, 11, initialisation="kmeans", dead_code_threshold=1),
    "straight_through": lambda: fqgan.FeatureQuantizer(6, 11, mode="straight_through", warmup_images=10),
    "Quantize": lambda: fqgan.compat.Quantize(6, 11),
    "VectorQuantize": lambda: fqgan.compat.VectorQuantize(6, 11, accept_image_fmap=True, kmeans_init=True),
    "MinibatchDiscrimination": lambda: fqgan.MinibatchDiscrimination(90, 5, 3),
}


def three_steps(layer, view, shape=(4, 6, 5, 3)):
    """Everything that a layer gives and becomes in three training steps. Its own tensors are views, too."""
    torch.manual_seed(5)
    found = []
    for module in layer.modules():
        for name, own in [*module.named_parameters(recurse=False), *module.named_buffers(recurse=False)]:
            kind = torch.nn.Parameter if isinstance(own, torch.nn.Parameter) else torch.Tensor.detach
            setattr(module, name, kind(view(own.detach()) if own.dim() else own))
    for _ in range(3):
        x = view(torch.randn(shape)).requires_grad_()
        outputs = layer(x)
        outputs = list(outputs) if isinstance(outputs, tuple) else [outputs]
        for output in outputs:
            if output.requires_grad:
                output.backward(view(torch.randn(output.shape)) if output.dim() else None, retain_graph=True)
        found += [output.detach() for output in outputs] + [x.grad]
    return found + list(layer.state_dict().values()) + [weight.grad for weight in layer.parameters()]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@pytest.mark.parametrize("name", LAYERS)
def test_layers(name, view):
    layer = LAYERS[name]()
    other = copy.deepcopy(layer)
    assert_same_bits(three_steps(other, view), three_steps(layer, torch.clone))


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
@pytest.mark.parametrize("name", ["FeatureQuantizer", "straight_through", "VectorQuantize", "MinibatchDiscrimination"])
def test_layers_on_rows(name, view):
    """Without the two dimensions of an image."""
    layer = fqgan.compat.VectorQuantize(6, 11) if name == "VectorQuantize" else LAYERS[name]()
    other, shape = copy.deepcopy(layer), (7, 90 if name == "MinibatchDiscrimination" else 6)
    assert_same_bits(three_steps(other, view, shape), three_steps(layer, torch.clone, shape))


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_layers_on_sequences(view):
    layer = fqgan.compat.VectorQuantize(6, 11, channel_last=False, threshold_ema_dead_code=1)
    other = copy.deepcopy(layer)
    assert_same_bits(three_steps(other, view, (3, 6, 4)), three_steps(layer, torch.clone, (3, 6, 4)))


def test_lazily_negated_tensors():
    x, codebook = torch.randn(8, 6), torch.randn(11, 6)
    assert torch.equal(OPS.nearest_code(torch._neg_view(x), codebook), OPS.nearest_code(-x, codebook))
