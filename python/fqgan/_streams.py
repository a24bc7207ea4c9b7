"""The random streams of fqgan/core/streams.h: what the program draws, drawn again in Python, number for number."""

import torch

_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15  # SplitMix64's increment
_ENGINE_WORDS = slice(3, 627)  # of a CPU generator's state, in 64-bit words: behind seed, flags and position


def _finalise(x):
    """SplitMix64's finaliser (Steele, Lea, Flood 2014)."""
    x = (x + _GOLDEN) & _MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & _MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & _MASK
    return x ^ (x >> 31)


def generator(seed, name, iteration=0, phase=0, call=0):
    """The generator of the call-th draw of this name, with the counters `iteration` and `phase` and the others zero."""
    key = _finalise(seed & _MASK)
    for byte in name.encode():
        key = _finalise(key ^ byte)
    key = _finalise(key ^ len(name.encode()))
    for part in (iteration, phase, 0, 0, 0, call):
        key = _finalise(key ^ (part & _MASK))
    words = [_finalise((key + _GOLDEN * (i + 1)) & _MASK) & 0xFFFFFFFF for i in range(624)]
    result = torch.Generator()
    state = result.get_state()
    state.view(torch.int64)[_ENGINE_WORDS] = torch.tensor(words)
    result.set_state(state)
    return result


def normal(shape, *where, **counters):
    """N(0, 1) in float32; arguments as for generator()."""
    return torch.empty(shape).normal_(generator=generator(*where, **counters))
