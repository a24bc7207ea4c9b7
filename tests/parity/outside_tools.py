"""The tools that defined the conventions of FID, made to run here: torch-fidelity, pytorch-fid, clean-fid. They import
torchvision, for whose few names stand-ins are made, and they load weights from the internet, in whose place they get
a file with random weights.

The stand-ins for torchvision's Inception take the layers from torch-fidelity, with the same names. pytorch-fid replaces
the forward pass of nine of its eleven blocks by its own, and puts all of them together itself."""

import contextlib
import sys
import types
import unittest.mock

import numpy as np
import torch


def _module(name, **names):
    made = types.ModuleType(name)
    made.__path__ = []
    made.__dict__.update(names)
    return made


def _tensor_of(image):
    """torchvision's pil_to_tensor of an RGB image: uint8 3 x H x W."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


class _ToTensor:
    def __call__(self, image):
        if isinstance(image, np.ndarray):  # H x W x 3 of floats, which torchvision does not scale
            return torch.from_numpy(image).permute(2, 0, 1).contiguous()
        return _tensor_of(image).to(torch.float32).div(255)


class _Compose:
    def __init__(self, steps):
        self.steps = steps

    def __call__(self, image):
        for step in self.steps:
            image = step(image)
        return image


class _Unused:
    def __init__(self, *arguments, **options):
        raise AssertionError("expected no use of this part of torchvision")


@contextlib.contextmanager
def _imported(modules):
    """Within it, `import` finds these modules. What else is imported meanwhile stays."""
    before = {module.__name__: sys.modules.get(module.__name__) for module in modules}
    sys.modules.update({module.__name__: module for module in modules})
    try:
        yield
    finally:
        for name, module in before.items():
            del sys.modules[name]
            if module is not None:
                sys.modules[name] = module


@contextlib.contextmanager
def stand_in_torchvision():
    """Within it, the tools can be imported and used, and so can the functions below."""
    functional = _module("torchvision.transforms.functional", pil_to_tensor=_tensor_of)
    transforms = _module("torchvision.transforms", functional=functional, Compose=_Compose, ToTensor=_ToTensor)
    datasets = _module("torchvision.datasets", CIFAR10=_Unused, CIFAR100=_Unused, STL10=_Unused)
    top = _module("torchvision", transforms=transforms, datasets=datasets, __version__="0.26.0")
    made = [top, transforms, functional, datasets, _module("requests")]  # clean-fid downloads with requests
    with _imported(made):
        import torch_fidelity.feature_extractor_inceptionv3 as layers

        blocks = {"InceptionA": layers.InceptionA, "InceptionC": layers.InceptionC, "InceptionE": layers.InceptionE_1}
        inception = _module("torchvision.models.inception", **blocks)
        top.models = _module("torchvision.models", inception=inception, inception_v3=_inception_without_weights)
        with _imported([top.models, inception]):
            yield


def _inception_without_weights(num_classes, aux_logits, weights, init_weights):
    """torchvision.models.inception_v3, as far as pytorch-fid uses it: the layers by their names."""
    assert num_classes == 1008 and not aux_logits and weights is None and not init_weights
    return _unloaded_inception(["2048"])


def _unloaded_inception(layers):
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    class Unloaded(FeatureExtractorInceptionV3):
        loads = False

        def load_state_dict(self, state, **options):
            return super().load_state_dict(state, **options) if self.loads else None

    with unittest.mock.patch("torch.load", return_value={}):
        network = Unloaded("inception", layers, feature_extractor_weights_path="none")
    network.loads = True
    return network


def random_inception(seed):
    """A state dict of the FID Inception with random weights that keep the size of the activations."""
    random = torch.Generator().manual_seed(seed)
    state = {}
    for name, value in _unloaded_inception(["2048"]).state_dict().items():
        if name.endswith("num_batches_tracked"):
            state[name] = value.clone()
        elif name.endswith(("running_var", "bn.weight")):
            state[name] = torch.rand(value.shape, generator=random) * 0.5 + 0.75
        else:
            size = 0.1 if value.dim() == 1 else (2 / value[0].numel()) ** 0.5
            state[name] = torch.randn(value.shape, generator=random) * size
    return state


def torch_fidelity_inception(state, layers):
    """torch-fidelity's network: uint8 N x 3 x H x W -> a tuple of the layers, in their order."""
    network = _unloaded_inception(layers)
    network.load_state_dict(state)
    return network


@contextlib.contextmanager
def pytorch_fid_weights(state):
    """Within it, pytorch-fid loads this state dict."""
    import pytorch_fid.inception

    with unittest.mock.patch.object(pytorch_fid.inception, "load_state_dict_from_url", lambda *_, **__: state):
        yield


def pytorch_fid_inception(state, tap, **options):
    """pytorch-fid's network: float N x 3 x H x W -> [N x tap x h x w], in evaluation mode."""
    with pytorch_fid_weights(state):
        from pytorch_fid.inception import InceptionV3

        return InceptionV3([InceptionV3.BLOCK_INDEX_BY_DIM[tap]], **options).eval()


def clean_fid_inception(state):
    """clean-fid's wrapper of its TorchScript network, which gets pytorch-fid's layers in its place: float N x 3 x 299 x
    299 in 0..255 -> N x 2048."""
    from cleanfid.inception_torchscript import InceptionV3W

    layers = pytorch_fid_inception(state, 2048, resize_input=False, normalize_input=False)
    wrapper = InceptionV3W.__new__(InceptionV3W)
    torch.nn.Module.__init__(wrapper)
    wrapper.resize_inside = False
    wrapper.layers = torch.nn.Module()
    wrapper.layers.forward = lambda x: layers(x)[0]
    return wrapper
