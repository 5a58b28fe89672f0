"""Copies, processes and threads: what travels, what refuses, and that graphs do not mix."""

import copy
import multiprocessing
import pickle
import threading

import numpy as np
import pytest
import torch
from train.problems import points, trainer

import graphdiff as gd
from graphdiff.autodiff.walk import ancestors

COPIES = {
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "deepcopy": copy.deepcopy,
    "copy": copy.copy,
}


@pytest.mark.parametrize("how", COPIES)
def test_a_copied_tensor_has_the_values_and_is_a_leaf_of_its_own(how):
    x = gd.variable([1.0, 2.0], name="x")
    y = COPIES[how](x * 3)
    np.testing.assert_array_equal(y, [3.0, 6.0])
    assert y.dtype == "float64"
    z = COPIES[how](x)
    assert z.name == "x"
    np.testing.assert_array_equal(gd.sum(z * z).backward()[z], [2.0, 4.0])


@pytest.mark.parametrize("how", ["pickle", "deepcopy"])
def test_a_copied_model_and_optimizer_go_on_alike_and_apart(how):
    made = trainer(gd.optimizers.Adam(0.01))
    made.fit(points(12), epochs=1, progress=False)
    model, optimizer = COPIES[how]((made.model, made.optimizer))
    other = gd.Trainer(model, made.loss, optimizer)
    before = model.state_dict()
    made.fit(points(12), epochs=1, progress=False)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    other.fit(points(12), epochs=1, progress=False)
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, made.model.state_dict()[name])


def test_a_model_shares_after_a_copy_what_it_shared_before():
    layer = gd.layers.Linear(2, 2)
    twice = gd.layers.Sequential(layer, layer)
    assert copy.deepcopy(twice).parameter_count == twice.parameter_count == 6


def test_errors_travel_between_processes():
    with pytest.raises(gd.GraphdiffError) as caught:
        gd.matmul(np.ones((2, 3)), np.ones((2, 3)))
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), str(again)) == (type(caught.value), str(caught.value))
    assert "test_copies.py" in again.source


def _loss_of(seed):
    x = gd.variable(np.full(3, float(seed)), name=f"x{seed}")
    return x, gd.sum(gd.tanh(x) * x)


def test_graphs_of_several_threads_do_not_mix():
    found, gate = {}, threading.Barrier(8)

    def work(seed):
        gate.wait()
        for _ in range(50):
            with gd.scope(f"thread{seed}"):
                x, loss = _loss_of(seed)
            back = loss.backward()
            nodes = ancestors(loss)
            assert {t.name for t in nodes if t.role == "input"} == {f"x{seed}"}
            assert {t.context.scope for t in nodes if t.primitive} == {f"thread{seed}"}
            graph = gd.make_graph(lambda v: gd.tanh(v) * v, x)
            assert [n.primitive.name for n in graph if n.primitive] == ["tanh", "multiply"]
        found[seed] = np.asarray(back[x])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 8
    for seed in range(8):
        t = np.tanh(float(seed))
        np.testing.assert_allclose(found[seed], np.full(3, t + seed * (1 - t * t)))


def _in_a_process(pipe, model):
    x = np.ones((2, 3), "float32")
    loss = gd.compile(lambda v: gd.sum(gd.square(model(v))))(x)
    pipe.send((loss.item(), np.asarray(gd.sum(gd.square(model(x))).backward()[model.weight])))


@pytest.mark.filterwarnings("ignore")  # of fork in a process with threads
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_compute_what_their_parent_does(method):
    model = gd.layers.Linear(3, 2, seed=0)
    expected = gd.sum(gd.square(model(np.ones((2, 3), "float32"))))
    processes = multiprocessing.get_context(method)
    here, there = processes.Pipe()
    worker = processes.Process(target=_in_a_process, args=(there, model))
    worker.start()
    assert here.poll(90)
    loss, gradient = here.recv()
    worker.join(30)
    assert worker.exitcode == 0
    assert loss == expected.item()
    np.testing.assert_array_equal(gradient, expected.backward()[model.weight])


def test_a_state_dict_without_what_is_optional_fits_torch_strictly():
    ours = gd.layers.Sequential(gd.layers.Linear(2, 2), gd.layers.Dropout(0.5), gd.layers.Linear(2, 1))
    theirs = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5), torch.nn.Linear(2, 1))
    state = ours.state_dict(optional=False)
    theirs.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()}, strict=True)
    assert ours.state_dict().keys() - state.keys() == {"1.stream.base", "1.stream.count"}
    ours.load_state_dict(state)


def test_a_loss_scaler_goes_on_where_it_was():
    scaler = gd.LossScaler(8.0, interval=2)
    layer, x = gd.layers.Linear(2, 1, seed=0), np.ones((1, 2), "float32")

    def step(with_):
        with_.step(
            gd.optimizers.SGD(0.1), layer, with_.scaled(gd.sum(layer(x))).backward(wrt=layer.parameters())
        )

    step(scaler)
    again = gd.LossScaler(1.0, interval=2)
    again.load_state_dict(scaler.state_dict())
    step(scaler)
    step(again)
    assert scaler.scale == again.scale == 16.0
