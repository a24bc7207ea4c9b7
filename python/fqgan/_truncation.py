"""Truncation of a normal latent as a graph of plain float32 operators (BigGAN, Brock et al. 2019, section 3.1).

fqgan's sampler draws a truncated latent through the inverse of the normal distribution. The same map, from a normal
latent z to a truncated one, is z' = sqrt(2) erfinv(erf(z / sqrt 2) erf(T / sqrt 2)). Near 1 float32 has no room for
erf, so it is computed through the tails: with a = erfc(|z| / sqrt 2) and b = erfc(T / sqrt 2),
erfc(|z'| / sqrt 2) = a + b - a b. ONNX has neither erfc nor an inverse: both are polynomials, fitted here to float64.
"""

import math

import torch

LIMIT = 10.0  # the largest truncation that the program takes; above it nothing is truncated
_TAIL = 13.0  # standard deviations up to which the tails are fitted: beyond, float32 has none


def _fit(function, low, high, degree):
    """Coefficients, highest power first, of a polynomial in x mapped to [-1, 1], least squares at Chebyshev's nodes."""
    nodes = torch.cos(math.pi * (torch.arange(4 * degree, dtype=torch.float64) + 0.5) / (4 * degree))
    values = function(low + (nodes + 1) * (high - low) / 2)
    return torch.linalg.lstsq(torch.vander(nodes, degree + 1), values.unsqueeze(1)).solution.flatten().tolist()


def _polynomial(coefficients, low, high, x):
    x = (x - low) * (2 / (high - low)) - 1
    y = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        y = y * x + coefficient
    return y


class Truncation(torch.nn.Module):
    """z: N x Z, truncation: a scalar >= 0 -> N x Z within [-truncation, truncation]; above LIMIT: z itself.

    Within 1e-6 of the map in float64 up to |z'| = 4, and within 3e-7 |z'| up to 8, where float32 itself is that coarse.
    """

    def __init__(self):
        super().__init__()
        # erfc(x) = t exp(-x^2) E(t), t = 1 / (1 + x / 2)
        self.erfc_range = (1 / (1 + _TAIL / math.sqrt(8)), 1.0)
        self.erfc_fit = _fit(lambda t: torch.special.erfcx(2 * (1 - t) / t) / t, *self.erfc_range, 10)
        # z' = s u Q(u), s = sqrt(-log erfc(z' / sqrt 2)), u = s / (1 + s): z' goes with s^2 at 0, with s far out
        self.tail_range = (1e-4, 0.9)

        def quantile(u):
            s = u / (1 - u)
            return -torch.special.ndtri(torch.exp(-s * s) / 2) / (s * u)

        self.tail_fit = _fit(quantile, *self.tail_range, 16)

    def outside(self, z):
        """erfc(z / sqrt 2), the share of the normal distribution beyond -z and z; z >= 0."""
        x = z.clamp(max=_TAIL) * math.sqrt(0.5)
        t = 1 / (1 + x / 2)
        return t * torch.exp(-x * x) * _polynomial(self.erfc_fit, *self.erfc_range, t)

    def forward(self, z, truncation):
        limit = truncation.clamp(0.0, LIMIT)
        a, b = self.outside(z.abs()), self.outside(limit)
        s = (-torch.log((a + b - a * b).clamp(max=1.0))).sqrt()
        u = s / (1 + s)
        size = torch.minimum(s * u * _polynomial(self.tail_fit, *self.tail_range, u), limit)
        return torch.where(truncation > LIMIT, z, torch.sign(z) * size)
