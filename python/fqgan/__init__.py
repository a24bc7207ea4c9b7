"""Feature quantization (FQ-GAN, Zhao et al. 2020) and minibatch discrimination (Salimans et al. 2016) for PyTorch.

The package has operators under torch.ops.fqgan, the layers FeatureQuantizer and MinibatchDiscrimination, and layers
with the interfaces of two other implementations in fqgan.compat.
"""

from fqgan import _library

_library.load()

from fqgan import compat  # noqa: E402  (the layers need the operators)
from fqgan.feature_quantizer import FeatureQuantizer  # noqa: E402
from fqgan.minibatch_discrimination import MinibatchDiscrimination  # noqa: E402

__version__ = "0.1.0"
__all__ = ["FeatureQuantizer", "MinibatchDiscrimination", "compat"]


def __getattr__(name):
    """Loads fqgan._core when it is first used, because the operators and layers work without it."""
    if name != "_core":
        raise AttributeError(f"module 'fqgan' has no attribute '{name}'")
    globals()["_core"] = _library.load_core()
    return globals()["_core"]
