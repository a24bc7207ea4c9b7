"""BigGAN's generator for use elsewhere: plain PyTorch modules with a checkpoint's weights, spectral norm folded in.

The same network as fqgan/models/biggan/generator.cpp (BigGAN-PyTorch's BigGAN.Generator), and its names of weights.
"""

import dataclasses
import math

import torch
import torch.nn.functional as F

from fqgan import _streams
from fqgan._tool import UserError
from fqgan._truncation import Truncation

# Images a forward while statistics are collected, at most, and numbers in the largest activation, as in
# fqgan/models/biggan/sampler.cpp.
STANDING_BATCH, LARGEST_ACTIVATION = 500, 1 << 26


@dataclasses.dataclass
class Plan:
    """What the generator looks like: from the options [model], the images' description and the weights' widths."""

    image: tuple  # C, H, W
    classes: int  # 0: unconditional
    channels: list  # of the block inputs and the last output
    bottom: tuple  # height and width of the first map
    latent: int  # Z
    chunk: int  # what each block takes of it; 0: not hierarchical
    shared: int  # width of the shared class embedding; 0: none
    attention: list  # map heights after which self-attention stands
    spectral: bool
    spectral_epsilon: float
    norm_epsilon: float
    standing_images: int

    @staticmethod
    def of(model, data, channels):
        """Errors: KeyError or TypeError for descriptions that are none."""
        options, blocks = model["generator"], len(channels) - 1
        chunk = options["latent"] // len(channels) if options["hierarchical"] else 0
        classes = data["classes"] if model["conditional"] else 0
        return Plan(
            image=(data["channels"], data["height"], data["width"]),
            classes=classes,
            channels=channels,
            bottom=(data["height"] >> blocks, data["width"] >> blocks),
            latent=chunk * len(channels) or options["latent"],
            chunk=chunk,
            shared=options["shared_embedding"] if classes else 0,
            attention=options["attention"],
            spectral=options["spectral_norm"],
            spectral_epsilon=model["spectral_epsilon"],
            norm_epsilon=model["norm_epsilon"],
            standing_images=model["average"]["standing_images"],
        )


def _normalized(x, epsilon):
    return x / x.norm().clamp_min(epsilon)


def _effective(weights, plan, *shape):
    """The weight over its spectral norm, as one step of the power iteration gives it (fqgan/nn/spectral_norm.h)."""
    weight = weights.take("weight", *shape)
    if not plan.spectral:
        return weight
    matrix = weight.flatten(1)
    v = _normalized(matrix.t().mv(weights.take("u", shape[0])), plan.spectral_epsilon)
    weights.take("v", matrix.shape[1])  # BigGAN's form makes it anew from u
    u = _normalized(matrix.mv(v), plan.spectral_epsilon)
    return weight / u.dot(matrix.mv(v))


def _layer(kind, *arguments, weight, bias, **options):
    layer = torch.nn.utils.skip_init(kind, *arguments, bias=bias is not None, **options)
    layer.weight = torch.nn.Parameter(weight)
    if bias is not None:
        layer.bias = torch.nn.Parameter(bias)
    return layer


def _conv(weights, plan, inputs, outputs, kernel, bias=True):
    weight = _effective(weights, plan, outputs, inputs, kernel, kernel)
    bias = weights.take("bias", outputs) if bias else None
    return _layer(torch.nn.Conv2d, inputs, outputs, kernel, weight=weight, bias=bias, padding=kernel // 2)


def _linear(weights, plan, inputs, outputs, bias=True):
    weight = _effective(weights, plan, outputs, inputs)
    bias = weights.take("bias", outputs) if bias else None
    return _layer(torch.nn.Linear, inputs, outputs, weight=weight, bias=bias)


def _embedding(weights, classes, width):
    return torch.nn.Embedding(classes, width, _weight=weights.take("weight", classes, width))


class BatchNorm(torch.nn.Module):
    """x: N x C x H x W; condition: labels N, vectors N x width, or what it takes no notice of."""

    def __init__(self, weights, plan, channels, conditional, epsilon):
        super().__init__()
        width = plan.chunk + plan.shared
        self.conditional = conditional and bool(width or plan.classes)
        self.normalize = torch.nn.BatchNorm2d(channels, epsilon, affine=not self.conditional)
        self.normalize.running_mean = weights.take("stored_mean", channels)
        self.normalize.running_var = weights.take("stored_var", channels)
        if not self.conditional:
            self.normalize.weight.data = weights.take("gain", channels)
            self.normalize.bias.data = weights.take("bias", channels)
        elif width:
            self.gain = _linear(weights.inside("vector_gain"), plan, width, channels, bias=False)
            self.bias = _linear(weights.inside("vector_bias"), plan, width, channels, bias=False)
        else:
            self.gain = _embedding(weights.inside("class_gain"), plan.classes, channels)
            self.bias = _embedding(weights.inside("class_bias"), plan.classes, channels)

    def forward(self, x, condition):
        y = self.normalize(x)
        if not self.conditional:
            return y
        return y * (1 + self.gain(condition))[:, :, None, None] + self.bias(condition)[:, :, None, None]


def _doubled(x):
    return F.interpolate(x, scale_factor=2.0, mode="nearest")


class Block(torch.nn.Module):
    """N x Ci x H x W -> N x Co x 2H x 2W."""

    def __init__(self, weights, plan, inputs, outputs):
        super().__init__()
        self.norm1 = BatchNorm(weights.inside("norm1"), plan, inputs, True, plan.norm_epsilon)
        self.conv1 = _conv(weights.inside("conv1"), plan, inputs, outputs, 3)
        self.norm2 = BatchNorm(weights.inside("norm2"), plan, outputs, True, plan.norm_epsilon)
        self.conv2 = _conv(weights.inside("conv2"), plan, outputs, outputs, 3)
        self.shortcut = _conv(weights.inside("shortcut"), plan, inputs, outputs, 1)

    def forward(self, x, condition):
        h = self.conv1(_doubled(self.norm1(x, condition).relu()))
        h = self.conv2(self.norm2(h, condition).relu())
        return h + _doubled(self.shortcut(x))


class SelfAttention(torch.nn.Module):
    """N x C x H x W -> the same shape; keys and values from a 2x2 max-pooled map (Zhang et al. 2019)."""

    def __init__(self, weights, plan, channels):
        super().__init__()
        self.query = _conv(weights.inside("query"), plan, channels, channels // 8, 1, bias=False)
        self.key = _conv(weights.inside("key"), plan, channels, channels // 8, 1, bias=False)
        self.value = _conv(weights.inside("value"), plan, channels, channels // 2, 1, bias=False)
        self.output = _conv(weights.inside("output"), plan, channels // 2, channels, 1, bias=False)
        self.gain = torch.nn.Parameter(weights.take("gain"))

    def forward(self, x):
        height, width = x.shape[2:]
        q = self.query(x).flatten(2)  # N x C/8 x HW
        k = F.max_pool2d(self.key(x), 2).flatten(2)  # N x C/8 x HW/4
        v = F.max_pool2d(self.value(x), 2).flatten(2)  # N x C/2 x HW/4
        shares = torch.bmm(q.transpose(1, 2), k).softmax(-1)  # N x HW x HW/4
        mixed = torch.bmm(v, shares.transpose(1, 2)).unflatten(2, (height, width))
        return x + self.gain * self.output(mixed)


class Generator(torch.nn.Module):
    """images(z, labels): N x Z, N int64 or None -> N x C x H x W in [-1, 1]."""

    def __init__(self, weights, plan):
        super().__init__()
        self.plan, channels = plan, plan.channels
        self.truncated = Truncation()
        self.shared = _embedding(weights.inside("shared"), plan.classes, plan.shared) if plan.shared else None
        first = plan.chunk or plan.latent
        self.linear = _linear(weights.inside("linear"), plan, first, channels[0] * math.prod(plan.bottom))
        self.blocks, self.attention = torch.nn.ModuleList(), torch.nn.ModuleDict()
        for b, (inputs, outputs) in enumerate(zip(channels, channels[1:])):
            self.blocks.append(Block(weights.inside(f"block{b}"), plan, inputs, outputs))
            if plan.bottom[0] << (b + 1) in plan.attention:
                self.attention[str(b)] = SelfAttention(weights.inside(f"attention{b}"), plan, outputs)
        self.norm = BatchNorm(weights.inside("norm"), plan, channels[-1], False, 1e-5)
        self.output = _conv(weights.inside("output"), plan, channels[-1], plan.image[0], 3)
        self.eval()

    def _condition(self, parts, labels, block):
        found = [self.shared(labels)] if self.shared is not None else []
        found += [parts[block + 1]] if self.plan.chunk else []
        return torch.cat(found, 1) if found else labels

    def images(self, z, labels):
        parts = z.split(self.plan.chunk, 1) if self.plan.chunk else [z]
        h = self.linear(parts[0]).unflatten(1, (self.plan.channels[0], *self.plan.bottom))
        for b, block in enumerate(self.blocks):
            h = block(h, self._condition(parts, labels, b))
            if str(b) in self.attention:
                h = self.attention[str(b)](h)
        return self.output(self.norm(h, labels).relu()).tanh()


class Conditional(Generator):
    """z: N x Z normal, labels: N int64, truncation: a scalar."""

    def forward(self, z, labels, truncation):
        return self.images(self.truncated(z, truncation), labels)


class Unconditional(Generator):
    """z: N x Z normal, truncation: a scalar."""

    def forward(self, z, truncation):
        return self.images(self.truncated(z, truncation), None)


@torch.no_grad()
def collect_statistics(generator, images):
    """Standing statistics (BigGAN, appendix A) of the latents that the program draws for them with its seed 0."""
    plan = generator.plan
    norms = [module for module in generator.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    (height, width), widths = plan.bottom, enumerate(plan.channels)
    largest = max([1] + [channels * (height << b) * (width << b) for b, channels in widths if b > 0])
    batches = -(-images // max(2, min(STANDING_BATCH, LARGEST_ACTIVATION // largest)))
    generator.train()
    for b in range(batches):
        done = images * b // batches
        count = images * (b + 1) // batches - done
        for norm in norms:
            norm.momentum = 1 / (b + 1)
        labels = torch.arange(done, done + count) % plan.classes if plan.classes else None
        generator.images(_streams.normal((count, plan.latent), 0, "latents", phase=-2, call=b), labels)
    generator.eval()


@torch.no_grad()
def build(path, model, data, weights):
    """The generator with the statistics that the program samples with."""
    try:
        plan = Plan.of(model, data, weights.channels())
    except (KeyError, TypeError) as error:
        raise UserError(path, f"expected the options of a BigGAN in the metadata, found others ({error})") from error
    norm = model["generator"].get("norm", "batch")
    if norm != "batch":
        raise UserError(path, f"expected a generator with norm = 'batch', found '{norm}', which cannot be exported")
    generator = (Conditional if plan.classes else Unconditional)(weights, plan)
    weights.finish()
    if plan.standing_images:
        collect_statistics(generator, plan.standing_images)
    return generator.requires_grad_(False)
