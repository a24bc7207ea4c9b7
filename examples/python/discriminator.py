#!/usr/bin/env python3
"""The smallest use of the feature quantizer: a discriminator with a dictionary after its second layer.

pip install --no-build-isolation ./python
python examples/python/discriminator.py
"""

import torch

import fqgan


class Discriminator(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.first = torch.nn.Sequential(
            torch.nn.Conv2d(3, 32, 4, 2, 1), torch.nn.ReLU(), torch.nn.Conv2d(32, 64, 4, 2, 1), torch.nn.ReLU()
        )
        # With the defaults, those of FQ-GAN, most codes would never be used.
        self.quantizer = fqgan.FeatureQuantizer(dim=64, codes=128, initialisation="kmeans", dead_code_threshold=1)
        self.last = torch.nn.Linear(64, 1)

    def forward(self, images):
        h, loss, perplexity = self.quantizer(self.first(images))  # loss: one number per image
        return self.last(h.mean((2, 3))), loss, perplexity


def main():
    torch.manual_seed(0)
    discriminator = Discriminator()
    optimizer = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.0, 0.999))
    for step in range(1, 101):
        real = torch.rand(32, 3, 32, 32).round()  # random numbers in place of images
        fake = torch.rand(32, 3, 32, 32)
        logits, commitment, perplexity = discriminator(torch.cat([fake, real]))  # one batch updates the dictionary once
        fake_logits, real_logits = logits.chunk(2)
        hinge = (1 + fake_logits).relu().mean() + (1 - real_logits).relu().mean()
        fake_part, real_part = commitment.chunk(2)
        optimizer.zero_grad()
        (hinge + fake_part.mean() + real_part.mean()).backward()
        optimizer.step()
        if step % 20 == 0:
            print(f"step {step}: hinge {hinge:.3f}, commitment {commitment.mean():.4f}, perplexity {perplexity:.1f}")


if __name__ == "__main__":
    main()
