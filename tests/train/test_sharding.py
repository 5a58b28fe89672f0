"""An optimizer's state shared out over processes: the same training, and each holds its part."""

import copy
import pickle
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from train.problems import points, trainer
from train.test_parallel import run as run_to_end
from train.test_parallel import torchrun

import graphdiff as gd
from graphdiff.cli import main
from graphdiff.compile.passes import optimized
from graphdiff.compile.program import program_of
from graphdiff.errors import ArgumentError, StateError
from graphdiff.ops.collective import Collective
from graphdiff.processes import Processes
from graphdiff.train.sharding import Shards

pytest.importorskip("torch")
from graphdiff_torch.lowering.overlap import AWAITED, overlapped

JOB = Path(__file__).with_name("sharding_job.py")
CASES = ("adam", "sgd", "thawed-adam", "thawed-sgd", "lenet", "scaled", "compiled", "eager", "bad")


def run(size, *command, restarts=0, **options):
    """A job of so many processes, or of one that no launcher started; returns all that it said."""
    launcher = (*torchrun(size), f"--max-restarts={restarts}") if size > 1 else (sys.executable,)
    return run_to_end(*launcher, *command, **options)


def check_close(found, expected, tolerance):
    """The same values, those that are stored in float32 within its rounding."""
    assert found.keys() == expected.keys()
    for key in expected.keys() - {"bytes", "said"}:  # what each says for itself
        narrow = expected[key].dtype == np.float32 or key in ("losses", "norms")
        near = max(tolerance, 1e-6) if narrow else tolerance
        np.testing.assert_allclose(found[key], expected[key], rtol=near, atol=near, err_msg=key)


class Results:
    """What a process alone, and each of several, made of the same training."""

    def __init__(self, folder, size, what):
        self.folder, self.size = folder, size
        run(size, JOB, what, folder)
        run(1, JOB, what, folder)

    def alone(self, name):
        return dict(np.load(self.folder / f"{name}-whole-alone.npz"))

    def of(self, name, how):
        return [dict(np.load(self.folder / f"{name}-{how}-{rank}.npz")) for rank in range(self.size)]


@pytest.fixture(scope="module", params=[2, pytest.param(3, marks=pytest.mark.campaign)])
def results(request, tmp_path_factory):
    return Results(tmp_path_factory.mktemp("equal"), request.param, "equal")


def check_equal(results, name):
    sharded, whole = results.of(name, "sharded"), results.of(name, "whole")
    for each in sharded:
        check_close(each, sharded[0], 0)
        check_close(each, whole[0], 1e-14)  # torch's own SGD step rounds once less than the parts of it
    check_close(sharded[0], results.alone(name), 1e-6)  # a share's weight is stored in float32
    return sharded, whole


@pytest.mark.parametrize("name", CASES)
def test_sharded_training_is_that_of_one_process_with_the_joint_batch(results, name):
    sharded, whole = check_equal(results, name)
    held = [int(each["bytes"]) for each in sharded]
    assert sum(held) == whole[0]["bytes"]
    assert max(held) < whole[0]["bytes"]


@pytest.mark.parametrize("name", ["adam", "sgd", "scaled"])
def test_each_process_holds_its_part_of_the_state(results, name):
    sharded, whole = check_equal(results, name)
    state = sharded[0].items()
    largest = max(v.nbytes for key, v in state if key.startswith("model/"))
    kinds = sum(key.startswith("optimizer/0.weight/") for key, _ in state)
    for each in sharded:
        assert each["bytes"] <= whole[0]["bytes"] / results.size + kinds * largest * (1 - 1 / results.size)


def test_a_step_that_overflows_is_left_out_by_all(results):
    for each in results.of("scaled", "sharded"):
        assert each["went"].tolist() == [True, True, False, True, True]


def test_a_run_that_goes_bad_is_put_back_in_all(results):
    for each in results.of("bad", "sharded"):
        assert "step 3" in str(each["said"])
        assert each["optimizer//steps"] == 2


def test_what_is_sent_is_there_to_the_last_bit(results):
    for each in results.of("sent", "sharded"):
        assert each["sign"].tolist() == [True]


@pytest.mark.campaign
def test_every_optimizer_is_sharded(tmp_path):
    results = Results(tmp_path, 2, "optimizers")
    for info in gd.optimizers.list():
        check_equal(results, info.name)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    run(1, JOB, "part", folder, 2, 0)
    return dict(np.load(folder / "part-2-whole-alone.npz"))


def check_resumed(undisturbed, folder, before, after):
    for epochs, (size, sharded) in enumerate((before, after), 1):
        run(size, JOB, "part", folder, epochs, sharded)
    ended = "0" if after[0] > 1 else "alone"
    found = dict(np.load(folder / f"part-2-{'sharded' if after[1] else 'whole'}-{ended}.npz"))
    check_close(found, undisturbed, 1e-6)


def test_a_sharded_run_is_resumed_in_one_process(undisturbed, tmp_path):
    check_resumed(undisturbed, tmp_path, (2, 1), (1, 0))


RUNS = [(1, 0), (2, 0), (2, 1), (3, 1)]


@pytest.mark.campaign
@pytest.mark.parametrize("before", RUNS)
@pytest.mark.parametrize("after", RUNS)
def test_so_it_is_in_any_number(undisturbed, tmp_path, before, after):
    check_resumed(undisturbed, tmp_path, before, after)


def check_restarted(undisturbed, folder, step):
    said = run(2, JOB, "killed", folder, step, restarts=1)
    assert "exitcode: -9" in said, said
    check_close(dict(np.load(folder / "killed-sharded-0.npz")), undisturbed, 1e-6)


def test_a_killed_process_is_restarted_with_its_part(undisturbed, tmp_path):
    check_restarted(undisturbed, tmp_path, 7)


@pytest.mark.campaign
@pytest.mark.parametrize("step", range(1, 14))
def test_so_it_is_at_any_step(undisturbed, tmp_path, step):
    check_restarted(undisturbed, tmp_path, step)


TRAIN = ("train", "mlp", "--data", "digits", "--backend", "torch", "--epochs", "1", "--batch-size", "256")


@pytest.mark.campaign
def test_the_train_command_shards(tmp_path):
    run(2, "-m", "graphdiff", *TRAIN, "--out", tmp_path / "whole", cwd=tmp_path)
    run(2, "-m", "graphdiff", *TRAIN, "--out", tmp_path / "sharded", "--shard-optimizer", cwd=tmp_path)
    whole, sharded = (gd.load_state(tmp_path / f / "weights.safetensors") for f in ("whole", "sharded"))
    check_close(sharded, whole, 1e-6)


# Without other processes


def test_in_one_process_nothing_is_shared_out():
    whole, sharded = trainer(), trainer(shard_optimizer=True)
    for each in (whole, sharded):
        each.fit(points(), epochs=1, progress=False)
    check_close(outcome(sharded), outcome(whole), 0)
    assert sharded.optimizer.state.keys() == {"", *dict(sharded.model.named_parameters())}


def outcome(made):
    return made.model.state_dict() | made.optimizer.state_dict()


@pytest.mark.parametrize("switch", [(), ("--shard-optimizer",)])
def test_the_train_command_hands_the_switch_on(monkeypatch, tmp_path, switch):
    def told(*args, shard_optimizer, **options):
        raise ArgumentError(f"shard_optimizer is {shard_optimizer}", fix="look no further")

    monkeypatch.setattr("graphdiff.train.command.Trainer", told)
    said = CliRunner().invoke(main, [*TRAIN, *switch, "--out", str(tmp_path)])
    assert f"shard_optimizer is {bool(switch)}" in said.output


@pytest.fixture
def place(monkeypatch):
    """Makes this process take itself for one of several that are not there."""
    backend = gd.get_backend("torch")
    with gd.backend("torch"):
        yield lambda rank, size: monkeypatch.setattr(type(backend), "processes", Processes(rank, size))


SIZES = st.dictionaries(st.text(max_size=8), st.integers(0, 1 << 40))


@given(sizes=SIZES, later=SIZES, processes=st.integers(1, 9))
def test_ownership_is_balanced_and_the_same_everywhere(sizes, later, processes):
    shards = [Shards(Processes(rank, processes)) for rank in range(processes)]
    for each in shards:
        each.share_out(sizes)
        first = dict(each.owner)
        each.share_out(dict(reversed(later.items())))
        assert first.items() <= each.owner.items()
    owner, all_sizes = shards[0].owner, {**later, **sizes}
    assert all(each.owner == owner for each in shards)
    assert owner.keys() == all_sizes.keys()
    assert all(sum(each.mine(path) for each in shards) == 1 for path in owner)
    loads = [sum(all_sizes[path] for path, of in owner.items() if of == rank) for rank in range(processes)]
    # Graham 1969, Bounds on multiprocessing timing anomalies, theorem 1
    assert max(loads) * processes <= sum(loads) + (processes - 1) * max(all_sizes.values(), default=0)


def traced(made):
    """The graph of one of several processes' training step."""
    return gd.make_graph(made.step, *points(4), np.array([0.5, 0.0], "float32"))


def test_the_exchange_is_part_of_the_graph_and_drawn(place):
    place(0, 2)
    made = trainer(shard_optimizer=True)
    graph = traced(made)
    nodes = [n for n in graph.nodes if n.primitive and n.primitive.name == "broadcast_from"]
    assert [(n.role, n.params["source"]) for n in nodes] == [("update", 0), ("update", 1)]
    assert [n.scope for n in nodes] == [f"process {k}.bucket 1" for k in (0, 1)]
    assert "⇇" in gd.draw(graph, style="circuit").dot
    overview = gd.draw(graph, style="overview").dot
    assert all(f"<B>process {k}.bucket 1</B>" in overview for k in (0, 1))


@pytest.mark.parametrize(("limit", "buckets"), [(1, 6), (1 << 20, 5)])
@pytest.mark.parametrize("name", ["Adam", "SGD"])
def test_all_processes_begin_the_exchange_in_the_same_order(place, monkeypatch, name, limit, buckets):
    monkeypatch.setattr("graphdiff.train.sharding.BUCKET", limit)
    found = []
    for rank in range(3):
        place(rank, 3)
        made = trainer(getattr(gd.optimizers, name)(0.1, clip_norm=1.0), shard_optimizer=True)
        graph = traced(made)
        backend = gd.get_backend("torch")
        inputs = tuple(n.id for n in graph.nodes if n.primitive is None and n.id not in graph.constants)
        program = overlapped(optimized(program_of(graph, inputs), backend))
        begun = [n for n in program.nodes if n.primitive and n.primitive.name.endswith("_begun")]
        awaited = [n for n in program.nodes if n.primitive is AWAITED]
        assert len(begun) == len(awaited) == buckets
        assert [n.primitive.name for n in begun].count("all_reduce_begun") == 2  # gradients, and measures
        found.append([(n.primitive.name, n.params, n.spec, n.scope) for n in begun])
    assert found[0] == found[1] == found[2]


def test_nothing_that_passes_between_processes_is_merged(place):
    place(1, 2)

    def twice(x):
        return gd.broadcast_from(x, 0) + gd.broadcast_from(x, 0)

    graph = gd.make_graph(twice, gd.TensorSpec((3,), gd.DType("float32")))
    program = optimized(program_of(graph, (graph.nodes[0].id,)), gd.get_backend("torch"))
    assert sum(isinstance(n.primitive, Collective) for n in program.nodes) == 2


@pytest.mark.parametrize("rank", [0, 1])
def test_state_of_another_model_is_refused_in_every_process(place, rank):
    made = trainer()
    made.fit(points(), epochs=1, progress=False)
    state = made.optimizer.state_dict()
    place(rank, 2)
    made = trainer(shard_optimizer=True)
    made.optimizer.load_state_dict({**state, "fc1.weight/velocity": np.zeros((2, 2))})
    with pytest.raises(StateError, match=r"the state of fc1\.weight .* needs .*\(8, 3\)"):
        traced(made)


@pytest.mark.parametrize("rank", [0, 1])
def test_state_that_is_there_is_shared_out(place, rank):
    made = trainer()
    made.fit(points(), epochs=1, progress=False)
    before = made.optimizer.state_dict()
    place(rank, 2)
    gd.Trainer(made.model, made.loss, made.optimizer, shard_optimizer=True)
    held = [c for path, cells in made.optimizer.state.items() if path for c in cells.values()]
    # 8·3 + 2 of 24 + 8 + 16 + 2 elements, and the rest
    assert sum(c.size for c in held) in (24, 26)
    for cell in held:
        np.testing.assert_array_equal(cell.numpy(), before[cell.name])
    traced(made)


@pytest.mark.parametrize("copied", [copy.deepcopy, pickle.dumps])
def test_a_part_of_the_state_is_not_copied_for_the_whole(place, copied):
    place(0, 2)
    made = trainer(shard_optimizer=True)
    with pytest.raises(StateError, match=r"(?s)shard of the state.*fix: .*state_dict"):
        copied(made.optimizer)


def test_a_backend_of_one_process_refuses_to_shard_in_several(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ArgumentError, match=r"(?s)2 processes were started.*backend torch"):
        trainer(shard_optimizer=True)


@pytest.mark.parametrize("source", [-1, 2, 1.5])
def test_there_must_be_a_process_that_sends(place, source):
    place(0, 2)
    with pytest.raises(ArgumentError, match=r"no process|no integer"):
        gd.broadcast_from(gd.tensor([1.0]), source)


def test_broadcast_from_alone_is_the_operand_itself():
    x = gd.variable([1.0, 2.0])
    assert gd.broadcast_from(x, 0) is x
    with pytest.raises(ArgumentError, match=r"no process 1 among 1"):
        gd.broadcast_from(x, 1)
