"""Several processes train as one does with the joint batch."""

import os
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from train.problems import points, trainer

import graphdiff as gd
from graphdiff.cli import main
from graphdiff.compile.passes import optimized
from graphdiff.compile.program import program_of
from graphdiff.errors import ArgumentError, BackendError, DTypeError
from graphdiff.processes import ALONE, Processes, patience
from graphdiff.train import Checkpoints, synchronise
from graphdiff.train.parallel import check_alike, reduced
from graphdiff.train.sources import shares

pytest.importorskip("torch")
from graphdiff_torch.lowering.overlap import overlapped

JOB = Path(__file__).with_name("parallel_job.py")


def torchrun(processes):
    return sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"


TORCHRUN = torchrun(2)


def launch(*command, cwd=None, timeout=120, **environment):
    """Run a command to its end, and nothing of it longer; returns exit status and all that it said."""
    alone = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "TORCHELASTIC"))}
    environment = {**alone, "OMP_NUM_THREADS": "1", **environment}
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
def three(tmp_path_factory):
    """The same, of three processes."""
    folder = tmp_path_factory.mktemp("three")
    run(sys.executable, JOB, "three", folder)
    run(*torchrun(3), JOB, "three", folder)
    return lambda name: [dict(np.load(folder / f"{name}-{rank}.npz")) for rank in ("alone", 0, 1, 2)]


@pytest.mark.parametrize("name", ["few", "single"])
def test_batches_of_fewer_examples_than_processes_count_as_in_one(three, name):
    alone, *each = three(name)
    for key, value in alone.items():
        for found in each:
            np.testing.assert_allclose(found[key], value, rtol=1e-6, atol=1e-7, err_msg=key)
        if value.dtype == np.float64 and value.ndim > 1:
            np.testing.assert_allclose(each[0][key], value, rtol=1e-12, atol=1e-12, err_msg=key)


def test_ten_steps_of_a_resnet_in_three_processes_differ_by_rounding_alone(three):
    alone, *each = three("long")
    for key in alone.keys() - {"losses", "norms", "measured"}:  # these pass through float32
        for found in each:
            largest = np.abs(alone[key]).max()
            np.testing.assert_allclose(found[key], alone[key], rtol=0, atol=1e-10 * largest, err_msg=key)
    np.testing.assert_allclose(each[0]["losses"], alone["losses"], rtol=1e-6)


def test_processes_may_trace_for_more_or_fewer_shapes(three):
    assert [int(found["traces"]) for found in three("constants")] == [2, 2, 4, 4]


@pytest.mark.parametrize("source", ["uneven", "dealt", "validation"])
def test_processes_that_see_other_batches_are_refused(three, source):
    alone, *each = three("unlike")
    assert str(alone[source]) == ""
    for rank, found in enumerate(each):
        said = str(found[source])
        assert f"process {rank} (from 0) of 3 does not see the same batches" in said
        assert "no sampler that deals out" in said


def test_running_statistics_are_the_first_processs_in_the_end(three):
    alone, *each = three("unsynchronised")
    for key in alone:
        for found in each[1:]:
            np.testing.assert_array_equal(found[key], each[0][key], err_msg=key)
    assert not np.allclose(each[0]["norm.running_mean"], alone["norm.running_mean"])


def test_what_stops_one_process_stops_all(three):
    alone, *each = three("stopped")
    assert [int(found["epochs"]) for found in (alone, *each)] == [2, 2, 2, 2]
    assert [str(found["why"]) for found in each] == ["another process stopped"] * 2 + ["it is late"]
    np.testing.assert_allclose(each[0]["fc1.weight"], alone["fc1.weight"], rtol=1e-6, atol=1e-6)


def test_a_loop_of_ones_own_ends_as_in_one_process(tmp_path):
    gallery = Path(__file__).parents[2] / "gallery"
    for name in ("figures.py", "plot_own_loop.py"):
        (tmp_path / name).write_bytes((gallery / name).read_bytes())
    alone = run(sys.executable, "plot_own_loop.py", cwd=tmp_path)
    several = run(*TORCHRUN, "plot_own_loop.py", cwd=tmp_path)
    assert several.count("processes: last loss") == 1
    one, two = ([float(n) for n in re.findall(r"[\d.]+\d", text)] for text in (alone, several))
    assert two[-2:] == pytest.approx(one[-2:], abs=1e-3)
    assert (tmp_path / "pictures" / "own_loop.png").exists()


@pytest.mark.campaign
def test_an_interrupt_ends_all_and_leaves_a_checkpoint(tmp_path):
    job = [*TORCHRUN, str(JOB), "asleep", str(tmp_path), "4"]
    process = subprocess.Popen(job, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not (tmp_path / "kept" / "checkpoint.json").exists():
        time.sleep(0.1)
    time.sleep(3)  # one sleeps, and the other waits for it
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert said.count("[rank0]: KeyboardInterrupt") == said.count("[rank1]: KeyboardInterrupt") == 1
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
    assert Checkpoints(tmp_path / "kept").read()[1]["done"] == 4


@pytest.mark.parametrize(
    ("what", "timeout"), [("asleep", 30), pytest.param("stopped", 60, marks=pytest.mark.campaign)]
)
def test_a_process_that_does_not_answer_is_named(tmp_path, what, timeout):
    status, said = launch(*TORCHRUN, JOB, what, tmp_path, 4, timeout=timeout, GRAPHDIFF_TIMEOUT="8")
    assert status != 0
    assert "process 0 (from 0) of 2 has waited 8 seconds for process 1\n" in said
    assert "GRAPHDIFF_TIMEOUT=48" in said


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
def test_sums_over_processes_are_left_as_traced():
    """Equal constants may not be equal elsewhere: they merge no sums, and let none pass another."""
    x, y = gd.tensor([1.0, 2.0]), gd.tensor([1.0, 2.0])

    def fn(t):
        late = gd.all_reduce(gd.exp(gd.exp(t)))
        return gd.all_reduce(x), gd.all_reduce(y), late, gd.all_reduce(t * 1.0)

    graph = gd.make_graph(fn, gd.TensorSpec((2,), gd.DType("float32")))
    inputs = tuple(node.id for node in graph.nodes if node.role == "input")
    program = optimized(program_of(graph, inputs), gd.get_backend("torch"))
    sums = [n.inputs[0] for n in program.nodes if n.primitive and n.primitive.name == "all_reduce"]
    assert len(sums) == 4
    begun = [n.inputs[0] for n in overlapped(program).nodes if n.primitive and "begun" in n.primitive.name]
    assert begun == sums


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


@pytest.mark.usefixtures("second_of_two")
def test_gradients_are_reduced_by_name_in_whatever_order_they_are_given():
    specs = [gd.TensorSpec(shape, gd.DType("float32")) for shape in ((2, 3), (4,))]
    forms = []
    for names in ("ab", "ba"):
        graph = gd.make_graph(lambda *g, names=names: reduced({n: g["ab".index(n)] for n in names}), *specs)
        (node,) = [n for n in graph.nodes if n.primitive and n.primitive.name == "concatenate"]
        forms.append([graph[i].spec.size for i in node.inputs])
    assert forms[0] == forms[1]


@pytest.mark.usefixtures("second_of_two")
def test_models_of_other_shapes_are_refused(monkeypatch):
    backend = gd.get_backend("torch")
    models = [gd.layers.Linear(2, n) for n in (3, 4)]
    sums = []
    kernels = backend.kernels
    monkeypatch.setitem(kernels, "all_reduce", lambda x: sums.append(x) or x)
    for model in models:
        with suppress(ArgumentError):
            check_alike(model, backend)
    for other in sums:
        monkeypatch.setitem(kernels, "all_reduce", lambda x, other=other: x + other)
        said = [_refused(check_alike, model, backend) for model in models]
        assert sorted(map(bool, said)) == [False, True]
        assert "names or shapes" in max(said)


def _refused(fn, *args):
    try:
        fn(*args)
    except ArgumentError as error:
        return str(error)
    return ""


def test_a_backend_of_one_process_refuses_to_train_in_several(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ArgumentError, match=r"(?s)2 processes were started.*backend torch"):
        trainer().fit(points(), epochs=1, progress=False)


@pytest.mark.usefixtures("second_of_two")
@pytest.mark.parametrize(
    ("told", "said", "fix"),
    [
        (
            "[a.cc:5] Closed by [::1]:4. This is typically so",
            r"lost .*: Closed by \[::1\]:4\n",
            "max-restarts",
        ),
        ("Detected mismatch between …", "exchanges something else .*: Detected", "the same shapes"),
        ("[/b.cc:7] Timed out waiting", "waited 600 seconds for another one", "GRAPHDIFF_TIMEOUT=3600"),
    ],
)
def test_what_fails_between_processes_is_said(monkeypatch, told, said, fix):
    import torch.distributed as dist

    def broken(tensor, async_op):
        raise RuntimeError(told)

    monkeypatch.setattr(dist, "all_reduce", broken)
    monkeypatch.setattr(dist, "get_rank", lambda: 1)
    monkeypatch.setattr(dist, "get_world_size", lambda: 2)
    with pytest.raises(BackendError, match=rf"process 1 \(from 0\) of 2 .*{said}") as caught:
        gd.all_reduce(gd.tensor([1.0]))
    assert fix in caught.value.fix


@pytest.mark.parametrize("text", ["soon", "0", "-1", "inf", "nan", ""])
def test_a_time_to_wait_is_a_number_of_seconds(monkeypatch, text):
    monkeypatch.setenv("GRAPHDIFF_TIMEOUT", text)
    with pytest.raises(ArgumentError, match="no time to wait"):
        patience()


def test_synchronise_needs_a_layer_that_can_be():
    with pytest.raises(ArgumentError, match="nothing to synchronise"):
        synchronise(gd.layers.Linear(2, 2))
    norm = synchronise(gd.layers.Sequential(gd.layers.BatchNorm2d(3)))
    assert all(layer.synchronised for layer in norm)
