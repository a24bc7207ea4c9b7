"""TABLE maps the ATen name of a TorchScript operator to a function that writes it as ONNX operators.

It contains only the operators that fqgan's networks use. A function gets the graph under construction
(fqgan._onnx_graph.Graph) and the arguments of the operator by name: a Value (an ONNX name and example tensors) for a
tensor, a Python value for anything else. It returns the ONNX name of the result.
"""

import math

import torch

OPSET = 17


def reshaped(graph, result, self, **_):
    """An operator that only changes the shape. The examples give the shape; -1 where it depends on the batch."""
    free = [a != b for a, b in zip(*(example.shape for example in result.examples))]
    if sum(free) > 1:
        raise graph.refused("more than one size of the result depends on the batch")
    shape = [-1 if changes else size for changes, size in zip(free, result.examples[0].shape)]
    return graph.add("Reshape", self, graph.integers(shape))


def unchanged(graph, result, self, **_):
    return graph.cast(self, result.dtype)


def unary(operator):
    return lambda graph, result, self, **_: graph.add(operator, graph.cast(self, result.dtype))


def binary(operator):
    def convert(graph, result, self, other, alpha=1, **_):
        if alpha != 1:
            raise graph.refused(f"alpha = {alpha}")
        return graph.add(operator, graph.cast(self, result.dtype), graph.cast(other, result.dtype))

    return convert


def greater(graph, result, self, other):
    dtype = torch.result_type(graph.example(self), graph.example(other))
    return graph.add("Greater", graph.cast(self, dtype), graph.cast(other, dtype))


def square(graph, result, self):
    return graph.add("Mul", self, self)


def rsqrt(graph, result, self):
    return graph.add("Reciprocal", graph.add("Sqrt", self))


def where(graph, result, condition, self, other):
    return graph.add("Where", condition, graph.cast(self, result.dtype), graph.cast(other, result.dtype))


def at_most(graph, result, self, max):
    return graph.add("Min", self, graph.cast(max, result.dtype))


def limited(graph, result, self, min=None, max=None):
    bounds = ["" if bound is None else graph.cast(bound, result.dtype) for bound in (min, max)]
    return graph.add("Clip", self, *bounds)


def leaky_relu(graph, result, self, negative_slope=0.01):
    return graph.add("LeakyRelu", self, alpha=float(negative_slope))


def addcmul(graph, result, self, tensor1, tensor2, value=1):
    if value != 1:
        raise graph.refused(f"value = {value}")
    return graph.add("Add", self, graph.add("Mul", tensor1, tensor2))


def softplus(graph, result, self, beta=1, threshold=20):
    if beta != 1:
        raise graph.refused(f"beta = {beta}")
    return graph.add("Softplus", self)


def linear(graph, result, input, weight, bias=None):
    return graph.add("Gemm", input, weight, *([] if bias is None else [bias]), transB=1)


def convolution(graph, result, input, weight, bias, stride, padding, dilation, transposed, output_padding, groups, **_):
    def each(numbers):  # ATen takes one number for all dimensions
        return list(numbers) * ((weight.example.dim() - 2) // len(numbers))

    options = {"strides": each(stride), "pads": each(padding) * 2, "dilations": each(dilation), "group": groups}
    operator = "Conv"
    if transposed:
        operator, options["output_padding"] = "ConvTranspose", each(output_padding)
    return graph.add(operator, input, weight, *([] if bias is None else [bias]), **options)


def batch_norm(graph, result, input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled):
    if training or running_mean is None:
        raise graph.refused("statistics of the batch")
    dtype, channels = input.dtype, running_mean.example.shape
    weight = weight if weight is not None else graph.constant(torch.ones(channels, dtype=dtype))
    bias = bias if bias is not None else graph.constant(torch.zeros(channels, dtype=dtype))
    return graph.add("BatchNormalization", input, weight, bias, running_mean, running_var, epsilon=eps)


def upsampled(graph, result, self, output_size, **_):
    factors = [float(new / old) for new, old in zip(output_size, self.example.shape[2:])]
    scales = graph.constant(torch.tensor([1.0, 1.0, *factors]))
    nearest = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    return graph.add("Resize", self, "", scales, **nearest)


def embedding(graph, result, weight, indices, *_, **__):
    return graph.add("Gather", weight, indices, axis=0)


def narrowed(graph, result, self, dim, start, length):
    return graph.add(
        "Slice", self, graph.integers([start]), graph.integers([start + length]), graph.integers([dim])
    )


def selected(graph, result, self, dim, index):
    return graph.add("Gather", self, graph.constant(torch.tensor(index)), axis=dim)


def expanded(graph, result, self, size, implicit=False):
    return graph.add("Expand", self, graph.integers([1 if length == -1 else length for length in size]))


def zeros(graph, result, self, **_):
    return graph.add("Sub", self, self)


def padded(graph, result, self, pad, value=0):
    pairs = [(0, 0)] * (self.example.dim() - len(pad) // 2) + list(zip(pad[::2], pad[1::2]))[::-1]
    befores, afters = zip(*pairs)
    return graph.add("Pad", self, graph.integers([*befores, *afters]), graph.cast(value, result.dtype))


def concatenated(graph, result, tensors, dim=0):
    return graph.add("Concat", *(graph.cast(tensor, result.dtype) for tensor in tensors), axis=dim)


def transposed(graph, result, self, dim0, dim1):
    order = list(range(self.example.dim()))
    order[dim0], order[dim1] = order[dim1], order[dim0]
    return graph.add("Transpose", self, perm=order)


def softmax(graph, result, self, dim, dtype=None):
    return graph.add("Softmax", graph.cast(self, result.dtype), axis=dim)


def matrix_product(graph, result, self, mat2):
    return graph.add("MatMul", self, mat2)


def largest(graph, result, self, dim, keepdim=False):
    return graph.add("ReduceMax", self, axes=dim, keepdims=int(keepdim))


def mean(graph, result, self, dim=None, keepdim=False, dtype=None):
    axes = {} if dim is None else {"axes": dim}
    return graph.add("ReduceMean", graph.cast(self, result.dtype), keepdims=int(keepdim), **axes)


def _fit(function, low, high, degree):
    """Fits a polynomial in x, mapped to [-1, 1], by least squares at Chebyshev's nodes. Highest power first."""
    nodes = torch.cos(math.pi * (torch.arange(4 * degree, dtype=torch.float64) + 0.5) / (4 * degree))
    values = function(low + (nodes + 1) * (high - low) / 2)
    return torch.linalg.lstsq(torch.vander(nodes, degree + 1), values.unsqueeze(1)).solution.flatten().tolist()


def _polynomial(graph, coefficients, low, high, x):
    """Evaluates a polynomial by Horner's rule; x is float64, between low and high."""
    x = graph.add("Mul", graph.add("Sub", x, graph.number(low)), graph.number(2 / (high - low)))
    x = graph.add("Sub", x, graph.number(1))
    y = graph.number(coefficients[0])
    for coefficient in coefficients[1:]:
        y = graph.add("Add", graph.add("Mul", y, x), graph.number(coefficient))
    return y


def erfc(graph, result, self):
    """erfc for x >= 0, which truncation needs and ONNX lacks: erfc(x) = t exp(-x^2) E(t), t = 1 / (1 + x / 2).

    The relative error is below 1e-7 up to x = 9.2 (13 standard deviations). A larger x, with an erfc of 1e-38 and less,
    is treated as 9.2.
    """
    end = 13 / math.sqrt(2)
    low = 1 / (1 + end / 2)
    fit = _fit(lambda t: torch.special.erfcx(2 * (1 - t) / t) / t, low, 1.0, 10)
    x = graph.add("Min", graph.cast(self, torch.float64), graph.number(end))
    t = graph.add("Reciprocal", graph.add("Add", graph.add("Mul", x, graph.number(0.5)), graph.number(1)))
    tail = graph.add("Mul", t, graph.add("Exp", graph.add("Neg", graph.add("Mul", x, x))))
    return graph.cast_double(graph.add("Mul", tail, _polynomial(graph, fit, low, 1.0, t)), result.dtype)


def quantile(graph, result, self):
    """The inverse of the normal distribution for probabilities p <= 1/2, which ONNX lacks.

    It is -s u Q(u) with s = sqrt(-log 2p) and u = s / (1 + s), so it grows with s^2 near 0 and with s far out. The
    relative error is below 3e-7.
    """
    low, high = 1e-4, 0.9

    def ratio(u):
        s = u / (1 - u)
        return -torch.special.ndtri(torch.exp(-s * s) / 2) / (s * u)

    fit = _fit(ratio, low, high, 16)
    p = graph.add("Mul", graph.cast(self, torch.float64), graph.number(2))
    s = graph.add("Sqrt", graph.add("Neg", graph.add("Log", graph.add("Min", p, graph.number(1)))))
    u = graph.add("Div", s, graph.add("Add", s, graph.number(1)))
    size = graph.add("Mul", graph.add("Mul", s, u), _polynomial(graph, fit, low, high, u))
    return graph.cast_double(graph.add("Neg", size), result.dtype)


RESHAPING = ["reshape", "view", "flatten", "unflatten", "unsqueeze"]
SAME_VALUES = ["to", "contiguous"]
UNARY = ["relu", "tanh", "sigmoid", "abs", "neg", "sign"]
BINARY = {"add": "Add", "sub": "Sub", "mul": "Mul", "div": "Div", "minimum": "Min"}
TABLE = {
    **dict.fromkeys(RESHAPING, reshaped),
    **dict.fromkeys(SAME_VALUES, unchanged),
    **{name: unary(name.capitalize()) for name in UNARY},
    **{name: binary(operator) for name, operator in BINARY.items()},
    "gt": greater,
    "square": square,
    "rsqrt": rsqrt,
    "where": where,
    "clamp_max": at_most,
    "clamp": limited,
    "leaky_relu": leaky_relu,
    "addcmul": addcmul,
    "softplus": softplus,
    "linear": linear,
    "_convolution": convolution,
    "batch_norm": batch_norm,
    "upsample_nearest2d": upsampled,
    "embedding": embedding,
    "narrow": narrowed,
    "select": selected,
    "expand": expanded,
    "zeros_like": zeros,
    "constant_pad_nd": padded,
    "cat": concatenated,
    "transpose": transposed,
    "softmax": softmax,
    "bmm": matrix_product,
    "mm": matrix_product,
    "amax": largest,
    "mean": mean,
    "erfc": erfc,
    "special_ndtri": quantile,
}
