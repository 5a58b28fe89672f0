"""Several processes train as one does with the joint batch."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from train.problems import points, trainer

import graphdiff as gd
from graphdiff.cli import main
from graphdiff.errors import ArgumentError, BackendError, DTypeError
from graphdiff.processes import ALONE, Processes
from graphdiff.train import synchronise
from graphdiff.train.parallel import reduced
from graphdiff.train.sources import shares

pytest.importorskip("torch")
JOB = Path(__file__).with_name("parallel_job.py")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")


def launch(*command, cwd=None, timeout=120):
    """Run a command to its end, and nothing of it longer; returns exit status and all that it said."""
    alone = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "TORCHELASTIC"))}
    environment = {**alone, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*map(str, command)],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=timeout)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, said


def run(*command, **options):
    status, said = launch(*command, **options)
    assert status == 0, said
    return said


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """What a process alone, and each of two, made of the same training."""
    folder = tmp_path_factory.mktemp("equal")
    run(sys.executable, JOB, "equal", folder)
    run(*TORCHRUN, JOB, "equal", folder)
    return lambda name: [dict(np.load(folder / f"{name}-{rank}.npz")) for rank in ("alone", 0, 1)]


@pytest.mark.parametrize("name", ["lenet", "resnet20"])
def test_two_processes_end_as_one_with_the_joint_batch(results, name):
    alone, first, second = results(name)
    for key, value in alone.items():
        np.testing.assert_allclose(first[key], value, rtol=1e-6, atol=1e-6, err_msg=key)
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(sys.executable, JOB, "killed", folder, 0)
    return dict(np.load(folder / "killed-alone.npz"))


def check_restarted(undisturbed, folder, step):
    said = run(*TORCHRUN, "--max-restarts=1", JOB, "killed", folder, step)
    assert "exitcode: -9" in said, said
    ended = np.load(folder / "killed-0.npz")
    for key, value in undisturbed.items():
        np.testing.assert_allclose(ended[key], value, rtol=1e-6, atol=1e-6, err_msg=key)


def test_a_killed_process_is_restarted_and_ends_with_the_same_weights(undisturbed, tmp_path):
    check_restarted(undisturbed, tmp_path, 6)


@pytest.mark.campaign
@pytest.mark.parametrize("step", range(1, 13))
def test_so_it_is_at_any_step(undisturbed, tmp_path, step):
    check_restarted(undisturbed, tmp_path, step)


@pytest.mark.campaign
def test_a_killed_process_ends_the_job_and_is_named(tmp_path):
    status, said = launch(*TORCHRUN, JOB, "killed", tmp_path, 6, timeout=60)
    assert status != 0
    assert "Signal 9 (SIGKILL)" in said
    assert "rank" in said


def test_the_train_command_is_the_same_under_torchrun(tmp_path):
    words = ("train", "mlp", "--data", "digits", "--backend", "torch", "--epochs", "1", "--batch-size", "256")
    alone = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "alone")])
    assert alone.exit_code == 0, alone.output
    said = run(*TORCHRUN, "-m", "graphdiff", *words, "--out", tmp_path / "two", cwd=tmp_path)
    assert said.count("test: loss") == 1
    one, two = (gd.load_state(tmp_path / name / "weights.safetensors") for name in ("alone", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():  # Adam divides by small gradients, and rounding with them
        np.testing.assert_allclose(two[name], value, rtol=1e-4, atol=1e-4, err_msg=name)


# Without other processes


@pytest.fixture
def second_of_two(monkeypatch):
    """This process takes itself for the second of two, and is given its own numbers as the sum."""
    backend = gd.get_backend("torch")
    monkeypatch.setattr(type(backend), "processes", Processes(1, 2))
    with gd.backend("torch"):
        yield


@given(n=st.integers(1, 50), size=st.integers(1, 8))
def test_shares_partition_a_batch(n, size):
    found = [Processes(rank, size).share(n) for rank in range(size)]
    assert sum(weight for _, weight in found) == pytest.approx(1)
    taken = [list(range(n))[part] for part, _ in found]
    if n < size:
        assert taken == [list(range(n))] * size
    else:
        assert [i for part in taken for i in part] == list(range(n))
        assert max(map(len, taken)) - min(map(len, taken)) <= 1


def test_transforms_see_the_examples_places_in_the_whole():
    class Place(gd.train.Transform):
        def __call__(self, inputs, *, indices, **_):
            return inputs + indices[:, None]

        def apply(self, inputs, draws):
            raise NotImplementedError

    data = (np.zeros((10, 1)), np.arange(10))
    for rank in (0, 1):
        for batch, examples, _, _ in shares(data, 4, Processes(rank, 2), shuffle=True, transform=Place()):
            np.testing.assert_array_equal(batch.inputs[:, 0], batch.labels)
            assert examples in (4, 2)


def test_all_reduce_alone_is_the_operand_itself():
    x = gd.variable([1.0, 2.0])
    assert gd.all_reduce(x) is x
    assert x.backend.processes == ALONE


@pytest.mark.usefixtures("second_of_two")
def test_all_reduce_of_booleans_is_refused():
    with pytest.raises(DTypeError, match="cast first"):
        gd.all_reduce(gd.tensor([True]))


@pytest.mark.usefixtures("second_of_two")
def test_the_gradient_of_all_reduce_is_all_reduced():
    graph = gd.make_graph(
        lambda x: gd.grad(lambda t: gd.sum(gd.all_reduce(t * t) * t))(x),
        gd.TensorSpec((3,), gd.DType("float32")),
    )
    nodes = [n for n in graph.nodes if n.primitive and n.primitive.name == "all_reduce"]
    assert [n.role for n in nodes] == ["forward", "backward"]


@pytest.mark.usefixtures("second_of_two")
@pytest.mark.parametrize(("limit", "buckets"), [(1, 4), (1 << 20, 1)])
def test_gradients_are_reduced_in_buckets_that_are_drawn(limit, buckets):
    def step(a, b, c, d):
        return reduced({"a": a, "b": b, "c": c, "d": d}, limit)

    specs = [gd.TensorSpec(shape, gd.DType("float32")) for shape in ((2, 3), (4,), (), (5,))]
    graph = gd.make_graph(step, *specs)
    nodes = [n for n in graph.nodes if n.primitive and n.primitive.name == "all_reduce"]
    assert len(nodes) == buckets
    assert all(n.role == "backward" and "bucket" in n.scope for n in nodes)
    assert [graph[i].spec for i in graph.outputs] == specs
    assert "all_reduce" in gd.draw(graph).dot or "⇄" in gd.draw(graph).dot


def test_a_backend_of_one_process_refuses_to_train_in_several(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ArgumentError, match=r"(?s)2 processes were started.*backend torch"):
        trainer().fit(points(), epochs=1, progress=False)


@pytest.mark.usefixtures("second_of_two")
def test_a_lost_process_is_named(monkeypatch):
    import torch.distributed as dist

    def broken(tensor, async_op):
        raise RuntimeError("Connection closed by peer [127.0.0.1]:4711\nmore")

    monkeypatch.setattr(dist, "all_reduce", broken)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    with pytest.raises(BackendError, match=r"process 1 .* of 2 lost the others.*Connection closed") as caught:
        gd.all_reduce(gd.tensor([1.0]))
    assert "max-restarts" in str(caught.value)


def test_synchronise_needs_a_layer_that_can_be():
    with pytest.raises(ArgumentError, match="nothing to synchronise"):
        synchronise(gd.layers.Linear(2, 2))
    norm = synchronise(gd.layers.Sequential(gd.layers.BatchNorm2d(3)))
    assert all(layer.synchronised for layer in norm)
