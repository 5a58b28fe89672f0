"""Every peer that is installed takes the same steps as graphdiff: same weights and data, same losses."""

import dataclasses
import importlib.util

import numpy as np
import pytest
import torch

import graphdiff as gd
from graphdiff.bench.contestants import CONTESTANTS
from graphdiff.bench.run import strangers
from graphdiff.bench.workloads import Scalars, Training, UnavailableError

SMALL = [
    Training("mlp", "mlp", lambda: _mlp(), (3, 784)),
    Training("lenet5", "lenet5", lambda: gd.models.lenet5(), (2, 1, 28, 28)),
    Training("vgg", "small_vgg", lambda: gd.models.small_vgg(), (1, 3, 8, 8)),
    Training("resnet", "resnet18", lambda: gd.models.resnet18(num_classes=10, stem="cifar"), (4, 3, 16, 16)),
]
SCALARS = Scalars("scalars", 1_000)


def _mlp():
    from graphdiff.bench.workloads import WORKLOADS

    return WORKLOADS["mlp-64"].model()


def installed(name):
    return importlib.util.find_spec(CONTESTANTS[name].imports[0]) is not None


EAGER = "graphdiff numpy eager"
PEERS = [
    name
    for name, contestant in CONTESTANTS.items()
    if name != EAGER and "cpu" in contestant.devices and name != "torch.compile" and installed(name)
]


# Inductor compiles for half a minute; the torch backend's own tests try it on less.
TRIED = [pytest.param(n, marks=pytest.mark.campaign if "inductor" in n else ()) for n in PEERS]


def losses(name, workload):
    step = CONTESTANTS[name].start(workload, workload.data())
    return [float(step().item()) for _ in range(3)]


@pytest.fixture(scope="module")
def expected():
    return {workload.name: losses(EAGER, workload) for workload in [*SMALL, SCALARS]}


@pytest.mark.filterwarnings("default")  # a peer's warnings are its own
@pytest.mark.parametrize("workload", [*SMALL, SCALARS], ids=lambda w: w.name)
@pytest.mark.parametrize("name", TRIED)
def test_peers_have_the_same_losses(name, workload, expected):
    try:
        found = losses(name, workload)
    except UnavailableError:
        return  # said so: the run's own tests show what becomes of it
    assert strangers({EAGER: expected[workload.name], name: found}, workload.tolerance) == {}
    assert workload is SCALARS or len(set(found)) == 3


def test_the_scalar_graph_has_its_size_and_finite_gradients():
    workload = Scalars("scalars", 10_000)
    program = workload.program
    assert len(program) + len(workload.data()["leaves"]) == workload.nodes
    assert all(max(i, j) < 50 + k for k, (_, i, j) in enumerate(program))
    assert {sign for sign, _, _ in program} == set("+*r")
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in workload.data()["leaves"]]
    workload.loss(leaves, torch.relu).backward()
    gradients = np.array([leaf.grad.item() for leaf in leaves])
    assert np.isfinite(gradients).all()
    assert 0 < np.abs(gradients).max() < 1e4


def test_mixed_precision_in_torch_stays_close():
    plain = SMALL[1]
    mixed = dataclasses.replace(plain, name="mixed", dtype="bfloat16", tolerance=0.05)
    found = {name: losses("torch eager", w) for name, w in (("plain", plain), ("mixed", mixed))}
    assert strangers(found, mixed.tolerance) == {}
    assert found["plain"] != found["mixed"]
