"""FeatureQuantizer: one step against the formulas, what changes its state and what must not, copies, processes."""

import copy
import io
import os
import pickle

import fqgan
import pytest
import torch
import torch.distributed as distributed
import torch.multiprocessing as multiprocessing

STATE = ["codebook", "codebook_sum", "cluster_size"]


def state_of(layer):
    return {name: value.clone() for name, value in layer.state_dict().items()}


def assert_same_state(layer, state):
    assert set(layer.state_dict()) == set(state)
    for name, value in layer.state_dict().items():
        assert torch.equal(value, state[name]), name


def trained(**options):
    layer = fqgan.FeatureQuantizer(5, 9, **options)
    for _ in range(3):
        layer(torch.randn(4, 5, 3, 3))
    return layer


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "rows"])
def test_one_step_follows_the_formulas(layout):
    layer = fqgan.FeatureQuantizer(5, 9, decay=0.7, commitment=0.3, epsilon=1e-3).double()
    x = torch.randn(36, 5, dtype=torch.float64) if layout == "rows" else torch.randn(4, 5, 3, 3, dtype=torch.float64)
    x = x.contiguous(memory_format=torch.channels_last) if layout == "channels_last" else x
    before, x = state_of(layer), x.requires_grad_()
    output, loss, perplexity = layer(x)
    loss.sum().backward()

    rows = x.detach() if layout == "rows" else x.detach().permute(0, 2, 3, 1).reshape(-1, 5)
    one_hot = torch.nn.functional.one_hot(torch.cdist(rows, before["codebook"]).argmin(1), 9).double()
    difference = (rows - one_hot @ before["codebook"]).reshape(len(x), -1, 5)
    fraction = one_hot.mean(0)
    size = 0.7 * before["cluster_size"] + 0.3 * one_hot.sum(0)
    total = 0.7 * before["codebook_sum"] + 0.3 * one_hot.t() @ rows
    smoothed = (size + 1e-3) / (size.sum() + 9e-3) * size.sum()
    assert output is x
    torch.testing.assert_close(loss, 0.3 * difference.pow(2).mean((1, 2)))
    torch.testing.assert_close(perplexity, torch.exp(-(fraction * torch.log(fraction + 1e-10)).sum()))
    gradient = (0.3 * 2 * difference / difference[0].numel()).reshape(-1, 5)
    found = x.grad if layout == "rows" else x.grad.permute(0, 2, 3, 1).reshape(-1, 5)
    torch.testing.assert_close(found, gradient)
    torch.testing.assert_close(layer.cluster_size, size)
    torch.testing.assert_close(layer.codebook_sum, total)
    torch.testing.assert_close(layer.codebook, total / smoothed.unsqueeze(1))


def test_start():
    layer = fqgan.FeatureQuantizer(20, 100)
    assert list(layer.state_dict()) == STATE
    assert torch.equal(layer.codebook, layer.codebook_sum) and not layer.cluster_size.any()
    assert abs(layer.codebook.std() - 1) < 0.1


def test_two_forwards_before_one_backward():
    layer = fqgan.FeatureQuantizer(5, 9, mode="straight_through")
    second = copy.deepcopy(layer)
    x = [torch.randn(4, 5, 3, 3, requires_grad=True) for _ in range(2)]
    y = [a.detach().clone().requires_grad_() for a in x]
    weight = torch.randn(4, 5, 3, 3)
    results = [layer(a) for a in x]
    sum((output * weight).sum() + loss.sum() for output, loss, _ in results).backward()
    for b in y:
        output, loss, _ = second(b)
        ((output * weight).sum() + loss.sum()).backward()
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(x, y))
    assert_same_state(layer, second.state_dict())


def test_eval_mode_changes_nothing():
    layer = trained(dead_code_threshold=1, mode="straight_through", warmup_images=100).eval()
    before = state_of(layer)
    x = torch.randn(4, 5, 3, 3)
    first, again = layer(x), layer(x)
    assert_same_state(layer, before)
    assert all(torch.equal(a, b) for a, b in zip(first, again))


@pytest.mark.parametrize(
    "value, initialisation",
    [
        (value, initialisation)
        for value in (float("nan"), float("inf"), -float("inf"), 1e38)
        for initialisation in ("normal", "kmeans")
    ],
)
def test_features_that_are_not_finite(value, initialisation):
    layer = fqgan.FeatureQuantizer(5, 9, initialisation=initialisation, dead_code_threshold=1)
    before, x = state_of(layer), torch.randn(4, 5, 3, 3)
    x[2, 3, 1, 0] = value
    with pytest.raises(RuntimeError, match="features"):
        layer(x)
    assert_same_state(layer, before)
    layer(torch.randn(4, 5, 3, 3))  # and it can still start
    assert layer.codebook.isfinite().all() and layer.cluster_size.any()


def test_bad_features_are_refused_by_the_operator():
    layer = fqgan.FeatureQuantizer(5, 9, initialisation="kmeans")
    before = state_of(layer)
    for x, names in [
        (torch.zeros(2, 4, 3, 3), ["5", "4"]),
        (torch.zeros(0, 5, 3, 3), ["[0, 5, 3, 3]"]),
        (torch.zeros(2, 5, 3, 3).long(), ["float16", "bfloat16", "float32", "float64", "int64"]),
        (torch.zeros(2, 5, 3, 3).double(), ["float64", "float32"]),
    ]:
        with pytest.raises(RuntimeError) as error:
            layer(x)
        assert str(error.value).startswith("[nearest_code] ") and all(name in str(error.value) for name in names)
    assert_same_state(layer, before)


@pytest.mark.parametrize(
    "options",
    [
        {"dim": 0},
        {"codes": 0},
        {"decay": 1.0},
        {"commitment": -1},
        {"mode": "loss"},
        {"epsilon": 0},
        {"initialisation": "rows"},
        {"average": "debiased"},
        {"dead_code_threshold": -1},
        {"warmup_images": -1},
    ],
)
def test_bad_options(options):
    (name,) = options
    with pytest.raises(ValueError, match=rf"^\[FeatureQuantizer\] .*\b{name}\b"):
        fqgan.FeatureQuantizer(**{"dim": 5, "codes": 9, **options})


def test_straight_through_and_warm_up():
    layer = fqgan.FeatureQuantizer(5, 9, mode="straight_through", warmup_images=16)
    for fraction in [0, 0.25, 0.5, 0.75, 1, 1]:
        x, weight = torch.randn(4, 5, 3, 3, requires_grad=True), torch.randn(4, 5, 3, 3)
        entries = layer.codebook[torch.ops.fqgan.nearest_code(x.detach(), layer.codebook)].permute(0, 3, 1, 2)
        output, _, _ = layer(x)
        torch.testing.assert_close(output, x + fraction * (entries - x))
        (output * weight).sum().backward()
        torch.testing.assert_close(x.grad, weight)
    assert int(layer.images_seen) == 24


def test_kmeans_starts_on_the_first_batch_once():
    centres = 10 * torch.randn(9, 5)
    x = (centres[torch.randint(0, 9, (16, 4, 4))] + 0.01 * torch.randn(16, 4, 4, 5)).permute(0, 3, 1, 2).contiguous()
    layer = fqgan.FeatureQuantizer(5, 9, initialisation="kmeans")
    layer.eval()(x)
    assert not layer.cluster_size.any()  # only in training
    _, loss, _ = layer.train()(x)
    random_rows = x.permute(0, 2, 3, 1).reshape(-1, 5)[torch.randperm(256)[:9]]
    by_chance = torch.cdist(x.permute(0, 2, 3, 1).reshape(-1, 5), random_rows).amin(1).pow(2).mean() / 5
    assert loss.mean() < 0.7 * by_chance
    assert abs(layer.cluster_size.sum() - 256) < 10  # an update stands between; a centre without rows counts as one
    before = layer.codebook
    layer(x)
    assert (layer.codebook - before).abs().max() < 3

    loaded = fqgan.FeatureQuantizer(5, 9, initialisation="kmeans")
    loaded.load_state_dict(layer.state_dict())
    loaded(-x)
    layer(-x)
    assert_same_state(loaded, layer.state_dict())


def test_kmeans_equals_the_operator():
    from fqgan import _dictionary

    with pytest.raises(ValueError, match=r"^\[kmeans\] .*-3"):
        _dictionary.kmeans(torch.randn(4, 5, 6, 6), 9, -3)
    x = torch.randn(4, 5, 6, 6)
    found = []
    for iterations in (1, 2, 7):
        torch.manual_seed(2)
        centres, counts = _dictionary.kmeans(x, 9, iterations)
        torch.manual_seed(2)
        expected, expected_counts = torch.ops.fqgan.kmeans(x, _dictionary.random_rows(x, 9), iterations)
        assert torch.equal(centres, expected) and torch.equal(counts, expected_counts)
        found.append(centres)
    assert not torch.equal(found[0], found[1]), "the second iteration still moves them"


def test_a_code_at_the_threshold_lives():
    layer = fqgan.FeatureQuantizer(2, 2, decay=0.5, dead_code_threshold=2)
    layer.codebook = torch.tensor([[0.0, 0.0], [10.0, 10.0]])
    layer.codebook_sum, layer.cluster_size = layer.codebook.clone(), torch.ones(2)
    layer(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0], [10.0, 10.0]]))  # momentum counts become 2 and 1
    assert layer.codebook[0].abs().max() < 1e-5  # the mean of its rows, which is none of them
    assert layer.cluster_size.tolist() == [2, 2]


def test_dead_codes_become_rows_of_the_batch():
    layer = fqgan.FeatureQuantizer(5, 9, decay=0.5, dead_code_threshold=2)
    layer.codebook[3:] = 100  # too far away for any row
    layer.cluster_size += 1
    x = torch.randn(4, 5, 6, 6)
    layer(x)
    rows = {tuple(row) for row in x.permute(0, 2, 3, 1).reshape(-1, 5).tolist()}
    assert all(tuple(code) in rows for code in layer.codebook[3:].tolist())
    assert not any(tuple(code) in rows for code in layer.codebook[:3].tolist())
    assert torch.equal(layer.codebook_sum[3:], 2 * layer.codebook[3:]) and (layer.cluster_size[3:] == 2).all()
    assert len({tuple(code) for code in layer.codebook.tolist()}) == 9


@pytest.mark.parametrize("way", ["state_dict", "deepcopy", "pickle", "file"])
def test_copies_train_on_alike(way):
    layer = trained(mode="straight_through", warmup_images=50)
    if way == "state_dict":
        other = fqgan.FeatureQuantizer(5, 9, mode="straight_through", warmup_images=50)
        other.load_state_dict(layer.state_dict())
    elif way == "deepcopy":
        other = copy.deepcopy(layer)
    elif way == "pickle":
        other = pickle.loads(pickle.dumps(layer))
    else:
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    x = torch.randn(4, 5, 3, 3)
    assert all(torch.equal(a, b) for a, b in zip(layer(x), other(x)))
    assert_same_state(other, layer.state_dict())


def test_groups_are_updates_in_turn():
    """A batch in groups does what one call per group does; the loss and the output are those of the whole batch."""
    options = {"mode": "straight_through", "dead_code_threshold": 1, "average": "zero_debiased"}
    layer = fqgan.FeatureQuantizer(5, 9, **options)
    other, x = copy.deepcopy(layer), torch.randn(7, 5, 3, 3)
    torch.manual_seed(1)
    output, loss, perplexity = layer(x, groups=[4, 3])
    torch.manual_seed(1)
    parts = [other(part) for part in x.split([4, 3])]
    assert torch.equal(output, torch.cat([part[0] for part in parts]))
    assert torch.equal(loss, torch.cat([part[1] for part in parts]))
    assert_same_state(layer, other.state_dict())
    assert layer.updates == 2 and 1 < perplexity <= 9
    for groups in ([4, 4], [8, -1], []):
        with pytest.raises(ValueError, match=r"^\[FeatureQuantizer\] .*groups.*7"):
            layer(x, groups=groups)
    x[6] = float("nan")
    before = state_of(layer)
    with pytest.raises(RuntimeError, match="finite"):
        layer(x, groups=[4, 3])  # the first group is finite, but its update does not remain
    assert_same_state(layer, before)


def test_kmeans_with_zero_debiased_averages():
    """The state is that after a first update with these counts, so the centres count in later averages."""
    x = torch.randn(8, 5, 4, 4)
    layers = [fqgan.FeatureQuantizer(5, 9, initialisation="kmeans", average=a) for a in ("plain", "zero_debiased")]
    states = []
    for layer in layers:
        torch.manual_seed(4)
        states.append(layer._start_from(x))
    assert torch.equal(states[0].codebook, states[1].codebook) and states[1].updates == 1
    torch.testing.assert_close(states[1].cluster_size, states[0].cluster_size * (1 - 0.8))
    torch.testing.assert_close(states[1].codebook_sum, states[0].codebook_sum * (1 - 0.8))


def test_revival_with_zero_debiased_averages():
    layer = fqgan.FeatureQuantizer(5, 9, decay=0.5, dead_code_threshold=2, average="zero_debiased")
    layer.codebook[3:] = 100
    layer(torch.randn(4, 5, 6, 6))
    assert int(layer.updates) == 1 and torch.equal(layer.cluster_size[3:], torch.full((6,), 1.0))  # 2 (1 - 0.5)
    torch.testing.assert_close(layer.codebook_sum[3:], layer.codebook[3:])


def test_variance_scaling():
    layer = fqgan.FeatureQuantizer(16, 4000, initialisation="variance_scaling")
    assert abs(layer.codebook.std() * 4 - 1) < 0.01
    assert layer.codebook.abs().max() <= 2 / 4 / 0.8796  # cut off at two standard deviations of what was drawn


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_narrow_features_are_computed_in_float32(dtype):
    layer = trained(mode="straight_through", warmup_images=1, dead_code_threshold=1)
    other, x = copy.deepcopy(layer), torch.randn(4, 5, 3, 3).to(dtype)
    narrow, wide = x.clone().requires_grad_(), x.float().requires_grad_()
    results = []
    for module, features in ((layer, narrow), (other, wide)):
        torch.manual_seed(1)
        results.append(module(features))
        results[-1][1].sum().backward()
    (output, loss, perplexity), (expected, expected_loss, expected_perplexity) = results
    assert output.dtype == narrow.grad.dtype == dtype and loss.dtype == perplexity.dtype == torch.float32
    assert torch.equal(output, expected.to(dtype)) and torch.equal(narrow.grad, wide.grad.to(dtype))
    assert torch.equal(loss, expected_loss) and torch.equal(perplexity, expected_perplexity)
    assert_same_state(layer, other.state_dict())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
def test_autocast(dtype):
    convolution, layer = torch.nn.Conv2d(3, 5, 3), trained(mode="straight_through", initialisation="kmeans")
    with torch.autocast("cpu", dtype=dtype):
        output, loss, _ = layer(convolution(torch.randn(2, 3, 6, 6)))
    assert output.dtype == dtype and loss.dtype == layer.codebook.dtype == torch.float32
    (output.float().sum() + loss.sum()).backward()
    assert convolution.weight.grad.dtype == torch.float32 and convolution.weight.grad.any()


def test_types():
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 5, 1), trained())
    before = state_of(model[1])
    model.bfloat16()
    assert model[0].weight.dtype == torch.bfloat16
    assert_same_state(model[1], before)  # a momentum of 0.8 gets lost in 8 bits
    output, loss, perplexity = model(torch.randn(2, 3, 4, 4).bfloat16())
    assert output.dtype == torch.bfloat16 and loss.dtype == perplexity.dtype == torch.float32
    model.double()
    output, loss, _ = model(torch.randn(2, 3, 4, 4).double())
    assert output.dtype == loss.dtype == model[1].codebook.dtype == torch.float64
    assert model.to("meta")[1].codebook.device.type == "meta"


def test_one_layer_at_two_places_shares_its_dictionary():
    layer = fqgan.FeatureQuantizer(5, 9)
    layer(torch.randn(4, 5, 3, 3))
    before = layer.codebook
    layer(torch.randn(4, 5, 6, 6))
    assert not torch.equal(layer.codebook, before)
    assert len(torch.nn.ModuleList([layer, layer]).state_dict()) == 6


def test_data_parallel_is_refused():
    replica = fqgan.FeatureQuantizer(5, 9)._replicate_for_data_parallel()
    with pytest.raises(RuntimeError, match="DistributedDataParallel"):
        replica(torch.randn(4, 5, 3, 3))
    replica.training = False
    replica(torch.randn(4, 5, 3, 3))


def train_three_steps(rank, ranks, path):
    torch.set_num_threads(1)
    if ranks > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1")
        distributed.init_process_group("gloo", init_method=f"file://{path}/rendezvous", rank=rank, world_size=ranks)
    torch.manual_seed(5)
    x = torch.randn(3, 8, 5, 3, 3)
    layer = fqgan.FeatureQuantizer(
        5, 60, initialisation="kmeans", dead_code_threshold=1, mode="straight_through", warmup_images=30
    )
    losses, perplexities = [], []
    for batch in x:
        torch.manual_seed(6 if rank == 0 else 7)  # rank 0 decides
        _, loss, perplexity = layer(batch.chunk(ranks)[rank].contiguous())
        losses.append(loss)
        perplexities.append(perplexity)
    failed = False
    try:
        layer(torch.full((1, 5, 3, 3), float("nan") if rank == 0 else 0.0))
    except RuntimeError:
        failed = True
    result = {"state": layer.state_dict(), "losses": losses, "perplexities": perplexities, "failed": failed}
    torch.save(result, f"{path}/rank{rank}of{ranks}.pt")
    if ranks > 1:
        distributed.destroy_process_group()


def test_two_processes_equal_one(tmp_path):
    train_three_steps(0, 1, tmp_path)
    multiprocessing.spawn(train_three_steps, (2, str(tmp_path)), nprocs=2)
    one = torch.load(tmp_path / "rank0of1.pt")
    two = [torch.load(tmp_path / f"rank{rank}of2.pt") for rank in range(2)]
    for step in range(3):
        losses = torch.cat([result["losses"][step] for result in two])
        torch.testing.assert_close(losses, one["losses"][step])
        for result in two:
            torch.testing.assert_close(result["perplexities"][step], one["perplexities"][step])
    for result in two:
        assert result["failed"]  # on both, though only one had the NaN: else the other would wait for ever
        for name, value in one["state"].items():
            torch.testing.assert_close(result["state"][name], value)
