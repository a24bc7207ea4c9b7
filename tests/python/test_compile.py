"""Models that hold the layers, compiled and exported, against themselves in eager mode."""

import copy

import fqgan
import pytest
import torch


class Discriminator(torch.nn.Module):
    def __init__(self, **options):
        super().__init__()
        self.first = torch.nn.Conv2d(3, 8, 3, padding=1)
        self.quantizer = fqgan.FeatureQuantizer(8, 17, **options)
        self.second = torch.nn.Conv2d(8, 1, 3)

    def forward(self, images):
        h, loss, perplexity = self.quantizer(self.first(images).relu())
        return self.second(h).mean((1, 2, 3)), loss, perplexity


def step(model, optimizer, images):
    score, loss, perplexity = model(images)
    optimizer.zero_grad()
    (score.mean() + loss.mean()).backward()
    optimizer.step()
    return score.detach(), loss.detach(), perplexity.detach()


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [{}, {"mode": "straight_through", "warmup_images": 8}, {"initialisation": "kmeans"}],
    ids=["loss_only", "straight_through", "kmeans"],
)
def test_compiled_model_equals_eager(options):
    eager = Discriminator(**options)
    model = copy.deepcopy(eager)
    if "initialisation" in options:  # k-means draws rows, and compiled code draws others
        eager(torch.randn(5, 3, 6, 6))
        model.load_state_dict(eager.state_dict())
    compiled = torch.compile(model, fullgraph=True)
    optimizers = [torch.optim.SGD(m.parameters(), 0.1) for m in (eager, model)]
    for _ in range(4):
        images = torch.randn(5, 3, 6, 6)
        torch.testing.assert_close(step(compiled, optimizers[1], images), step(eager, optimizers[0], images))
    for (name, found), expected in zip(model.state_dict().items(), eager.state_dict().values()):
        torch.testing.assert_close(found, expected, msg=lambda text: f"{name}: {text}")
    before = copy.deepcopy(model.quantizer.state_dict())
    with pytest.raises(RuntimeError, match="finite"):
        compiled(torch.full((5, 3, 6, 6), float("nan")))
    assert all(torch.equal(value, before[name]) for name, value in model.quantizer.state_dict().items())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "straight_through", "warmup_images": 8},
        {"initialisation": "kmeans", "dead_code_threshold": 1},
        {"average": "zero_debiased", "dead_code_threshold": 1},
    ],
    ids=["loss_only", "straight_through", "kmeans and revival", "zero-debiased"],
)
def test_traced_graph_equals_eager(options):
    """The same graph, run by PyTorch: draws the same rows, and needs no C++ compiler."""
    eager = Discriminator(**options)
    model = copy.deepcopy(eager)
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    optimizers = [torch.optim.SGD(m.parameters(), 0.1) for m in (eager, model)]
    for number in range(3):
        images = torch.randn(5, 3, 6, 6)
        torch.manual_seed(number)
        found = step(compiled, optimizers[1], images)
        torch.manual_seed(number)
        torch.testing.assert_close(found, step(eager, optimizers[0], images))
    torch.testing.assert_close(model.state_dict(), eager.state_dict())


@pytest.mark.parametrize("mode", ["loss_only", "straight_through"])
def test_export(mode, tmp_path):
    model = Discriminator(mode=mode)
    model(torch.randn(5, 3, 6, 6))
    model.eval()
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(model, (torch.randn(5, 3, 6, 6),), dynamic_shapes=({0: batch},))
    torch.export.save(program, tmp_path / "model.pt2")
    loaded = torch.export.load(tmp_path / "model.pt2").module()
    images = torch.randn(9, 3, 6, 6)
    torch.testing.assert_close(loaded(images), model(images))


@pytest.mark.parametrize("kind", ["Quantize", "VectorQuantize"])
def test_compat_layers_trace(kind):
    eager = (
        fqgan.compat.Quantize(8, 17)
        if kind == "Quantize"
        else fqgan.compat.VectorQuantize(8, 17, accept_image_fmap=True, threshold_ema_dead_code=1)
    )
    model = copy.deepcopy(eager)
    compiled = torch.compile(model, backend="aot_eager")
    for number in range(3):
        x = torch.randn(5, 8, 6, 6, requires_grad=True)
        y = x.detach().clone().requires_grad_()
        torch.manual_seed(number)
        expected = eager(x)
        torch.manual_seed(number)
        found = compiled(y)
        torch.testing.assert_close(found, expected)
        (expected[0].sum() + expected[1].sum() + expected[2]).backward()
        (found[0].sum() + found[1].sum() + found[2]).backward()
        torch.testing.assert_close(x.grad, y.grad)
    torch.testing.assert_close(model.state_dict(), eager.state_dict())
