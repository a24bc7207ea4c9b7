"""MinibatchDiscrimination: the layer of "Improved Techniques for Training GANs" (section 3.2).

It is built on the operator torch.ops.fqgan.minibatch_discrimination, whose memory is O(N B C). It matches
MinibatchLayer in nn.py of openai/improved-gan: the similarity of an example to itself is left out, and the columns of
the tensor have unit length times a learnt scale.
"""

import torch

from fqgan import _dictionary, _library

_library.load()


class MinibatchDiscrimination(torch.nn.Module):
    """Appends to each example its similarities to the other examples of its batch.

    features: F, the width of the examples. kernels: B, the number of appended similarities. dims: C, the dimensions of
    each kernel's space.

    forward(x, groups=None): x N x F (or N x ..., flattened to that) -> N x (F + B). groups: sizes that add up to N,
    such as [real, fake]. Each example is compared only with its own group, as the paper asks for. None: one group.

    Parameters: weight F x B x C, log_scale B x C, bias B.
    """

    def __init__(self, features, kernels=100, dims=5):
        super().__init__()
        for name, value in (("features", features), ("kernels", kernels), ("dims", dims)):
            if value < 1:
                raise ValueError(f"[MinibatchDiscrimination] expected {name} of at least 1, got {value!r}")
        self.weight = torch.nn.Parameter(torch.randn(features, kernels, dims) * 0.05)
        self.log_scale = torch.nn.Parameter(torch.zeros(kernels, dims))
        self.bias = torch.nn.Parameter(torch.full((kernels,), -1.0))

    def forward(self, x, groups=None):
        x = _dictionary.in_order(x.flatten(1))
        features, kernels, dims = self.weight.shape
        if x.shape[1] != features:
            raise ValueError(f"[MinibatchDiscrimination] expected N x {features}, got {list(x.shape)}")
        weight = _dictionary.in_order(self.weight)
        weight = weight * (self.log_scale.exp() / weight.square().sum(0).sqrt())
        projected = (x @ weight.flatten(1).to(x.dtype)).view(-1, kernels, dims)
        parts = _dictionary.split_groups(projected, groups, "MinibatchDiscrimination")
        similarity = torch.cat([torch.ops.fqgan.minibatch_discrimination(part) for part in parts])
        return _dictionary.in_order(torch.cat([x, similarity + self.bias.to(x.dtype)], 1))

    def extra_repr(self):
        features, kernels, dims = self.weight.shape
        return f"features={features}, kernels={kernels}, dims={dims}"
