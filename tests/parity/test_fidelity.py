"""The forms of torch-fidelity and pytorch-fid: their keys and numbers on the same features. Needs both tools as
tests/parity/test_metrics.py does."""

import json

import pytest
import torch

from test_metrics import stand_in_torchvision, torch_fidelity  # noqa: F401 (fixtures)
from test_statistics import features, images, run  # noqa: F401 (fixture)

SETTINGS = {"kid_subsets": 7, "kid_subset_size": 30, "isc_splits": 4, "verbose": False}


@pytest.fixture(scope="module")
def theirs(torch_fidelity, images):  # noqa: F811
    """What torch-fidelity makes of the features of both folders."""
    from torch_fidelity import metric_fid, metric_isc, metric_kid, metric_prc

    a, b = (torch.from_numpy(features(images / name)) for name in "ab")
    layer = {"layer": a}, {"layer": b}
    statistics = [metric_fid.fid_features_to_statistics(x) for x in (a, b)]
    return (
        metric_isc.isc_featuresdict_to_metric(layer[0], "layer", **SETTINGS)
        | metric_fid.fid_statistics_to_metric(*statistics, False)
        | metric_kid.kid_featuresdict_to_metric(*layer, "layer", **SETTINGS)
        | metric_prc.prc_featuresdict_to_metric(*layer, "layer", **SETTINGS)
    )


@pytest.fixture(scope="module")
def net(images):  # noqa: F811
    """The features of `images`, which are the logits too."""
    module = type("Net", (torch.jit.ScriptModule,), {})()
    module.define("def forward(self, x):\n    f = x.float().flatten(1)[:, :12] / 16\n    return (f, f)\n")
    module.save(str(images / "both.pt"))
    return images / "both.pt"


def test_the_document_of_torch_fidelity(images, net, theirs):  # noqa: F811
    options = ["kid.draw=numpy", "kid.subsets=7", "kid.subset_size=30", "inception_score.splits=4"]
    settings = [word for option in options for word in ("--set", option)]
    arguments = [images / "a", "--against", images / "b", "--features", net, "--metrics", "fid,is,pr,kid", *settings]
    done = run(*arguments, "--json=torch-fidelity")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert list(found) == list(theirs)
    assert found == pytest.approx(theirs, rel=1e-5)
    assert done.stdout.startswith('{\n    "inception')  # its indent
