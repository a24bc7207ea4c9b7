"""Feature quantization (FQ-GAN, Zhao et al. 2020) and minibatch discrimination (Salimans et al. 2016) for PyTorch.

The package has operators under torch.ops.fqgan, the layers FeatureQuantizer and MinibatchDiscrimination, layers with
the interfaces of two other implementations in fqgan.compat, and metrics of images in fqgan.metrics. The tools
fqgan.convert and fqgan.export work without the operators: where these are missing, the first use of a layer says so.
"""

from fqgan import _library, metrics

__version__ = "0.1.0"
__all__ = ["FeatureQuantizer", "MinibatchDiscrimination", "compat", "metrics"]

_missing = None
try:
    _library.load()
except ImportError as error:
    _missing = error
else:
    from fqgan import compat
    from fqgan.feature_quantizer import FeatureQuantizer
    from fqgan.minibatch_discrimination import MinibatchDiscrimination


def __getattr__(name):
    """Loads fqgan._core when it is first used, because the operators and layers work without it."""
    if name in __all__:
        raise ImportError(str(_missing)) from _missing
    if name != "_core":
        raise AttributeError(f"module 'fqgan' has no attribute '{name}'")
    globals()["_core"] = _library.load_core()
    return globals()["_core"]
