"""The interfaces of other implementations: what began with those can continue with fqgan.

Layers: Quantize (YangNaruto/FQ-GAN) and VectorQuantize (vector-quantize-pytorch). Programs, which take the flags of
torch-fidelity and pytorch-fid and print what these print: python -m fqgan.compat.fidelity and python -m
fqgan.compat.pytorch_fid. The programs work without the operators.
"""

__all__ = ["Quantize", "VectorQuantize"]


def __getattr__(name):
    """Loads the layers when they are first used."""
    if name not in __all__:
        raise AttributeError(f"module 'fqgan.compat' has no attribute '{name}'")
    from fqgan.compat import layers

    return getattr(layers, name)
