"""Training does not grow: what a step made is gone after it."""

import gc
import linecache
import os
import sys
import tracemalloc

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.train import EarlyStopping, prefetch

ce = gd.losses.softmax_cross_entropy


def _mlp():
    model = gd.layers.Sequential(
        gd.layers.Linear(8, 16, seed=0), gd.layers.BatchNorm1d(16), gd.layers.ReLU(),
        gd.layers.Dropout(0.2, seed=0), gd.layers.Linear(16, 3, seed=1),
    )  # fmt: skip
    return model, gd.optimizers.Adam(0.001), np.random.default_rng(0).normal(size=(8, 8)).astype("float32")


def _lenet():
    images = np.random.default_rng(0).normal(size=(4, 1, 14, 14)).astype("float32")
    return gd.models.lenet5(3, image_size=14), gd.optimizers.SGD(0.001, momentum=0.9), images


def _eager(model, optimizer, x, y):
    def step():
        record = ce(model(x), y).backward(wrt=model.parameters())
        optimizer.step(model, record)
        return record

    return _drawn(step, lambda record: record)


def _compiled(model, optimizer, x, y):
    trainer = gd.Trainer(model, ce, optimizer)
    x, y = gd.tensor(x), gd.tensor(y)
    return _drawn(
        lambda: trainer.step(x, y), lambda _: trainer.objective(x, y).backward(wrt=model.parameters())
    )


def _drawn(step, record_of):
    """A run of steps, every so many of them drawn."""

    def go(count, every):
        for number in range(count):
            made = step()
            if number % every == 0:
                assert gd.draw(record_of(made), style="overview").dot

    return go


def _fitted(model, optimizer, x, y):
    trainer = gd.Trainer(model, ce, optimizer)
    data = np.concatenate([x] * 10), np.concatenate([y] * 10)

    def go(count, every):
        trainer.fit(
            data, batch_size=len(x), epochs=max(count // 10, 1), validation=data, progress=False,
            schedule=gd.schedules.Constant(0.001), callbacks=[EarlyStopping(count)],
        )  # fmt: skip

    return go


def _resident():
    """Bytes of the process, which hold torch's memory too; 0 where the system does not say."""
    if not sys.platform.startswith("linux"):
        return 0
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def grown(go, steps, every):
    """Bytes, objects and resident bytes by which the second half of so many steps outgrew the first."""

    def some(count):
        go(count, every)
        gc.collect()
        return np.array([tracemalloc.get_traced_memory()[0], len(gc.get_objects()), _resident()])

    tracemalloc.start()
    try:
        some(max(steps // 10, every + 1, 10))  # caches fill
        before = some(steps // 2)
        return some(steps // 2) - before
    finally:
        tracemalloc.stop()


def steady(bytes_, objects, resident, steps):
    """Whether so little was left: a leak of one object in each step would be 100 objects, or 5,000; of an
    array, which is not counted, a few hundred bytes in each. What was drawn leaves a few thousand bytes of
    caches, however many the steps. Pages come and go by the megabyte, so that it takes many steps."""
    return objects < steps // 8 and bytes_ < 100 * steps and (steps < 5000 or resident < 400 * steps)


def training(make, how, backend):
    def go(count, every):
        with gd.backend(backend):
            run(count, every)

    with gd.backend(backend):
        model, optimizer, x = make()
        run = how(model, optimizer, x, np.arange(len(x)) % 3)
    return go


@pytest.fixture(autouse=True)
def _one_thread():
    """Torch's threads wait for one another by spinning, on tensors as small as these."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("how", [_eager, _compiled, _fitted])
def test_training_steps_do_not_grow(how, backend):
    found = grown(training(_mlp, how, backend), 200, every=40)
    assert steady(*found, 200), found


@pytest.mark.campaign
@pytest.mark.parametrize("make", [_mlp, _lenet])
@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("how", [_eager, _compiled, _fitted])
def test_ten_thousand_training_steps_do_not_grow(how, backend, make):
    found = grown(training(make, how, backend), 10_000, every=100)
    assert steady(*found, 10_000), found


class _Object:
    pass


PLANTED = {
    "an object": lambda record: _Object(),
    "an array": lambda record: np.ones(64),
    "a node of the graph": lambda record: record.output,
    "a record": lambda record: record,
}


@pytest.mark.parametrize("what", PLANTED)
def test_one_thing_that_is_kept_in_each_step_is_noticed(what):
    model, optimizer, x = _mlp()
    kept = []

    def go(count, every):
        for _ in range(count):
            record = ce(model(x), np.arange(len(x)) % 3).backward(wrt=model.parameters())
            optimizer.step(model, record)
            kept.append(PLANTED[what](record))

    found = grown(go, 80, every=10)
    assert not steady(*found, 80), found


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_a_compiled_function_keeps_the_programs_of_its_latest_shapes(backend):
    def programs():
        gc.collect()
        return sum(name.startswith("<graphdiff program") for name in linecache.cache)

    with gd.backend(backend):
        before = programs()
        compiled = gd.compile(lambda x: gd.sum(gd.tanh(x) * x))
        for n in range(1, 201):
            compiled(np.ones(n))
        after_200 = programs()
        for n in range(201, 301):
            compiled(np.ones(n))
        assert before < programs() <= after_200
        compiled(np.ones(300))
        assert compiled.traces == 300
    del compiled
    assert programs() <= before


def _open():
    """Files, threads and children of this process."""
    import threading

    gc.collect()
    with open(f"/proc/self/task/{os.getpid()}/children") as file:
        return len(os.listdir("/proc/self/fd")), threading.active_count(), len(file.read().split())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc")
@pytest.mark.filterwarnings("ignore")  # torch warns of fork, of few cores
@pytest.mark.parametrize("what", ["pictures", "a timeout", "batches made ahead", "workers"])
def test_no_file_thread_or_process_is_left(what, tmp_path):
    torch = pytest.importorskip("torch")
    loss = gd.sum(gd.tanh(gd.variable([1.0, 2.0])))
    data = [(torch.ones(3), 0)] * 8

    def use():
        if what == "pictures":
            for kind in ("svg", "png", "html", "dot"):
                gd.draw(loss).save(tmp_path / f"x.{kind}")
        elif what == "a timeout":
            with pytest.raises(gd.errors.LayoutTimeoutError):
                gd.draw(loss).save(tmp_path / "y.svg", timeout=1e-4)
        elif what == "batches made ahead":
            next(prefetch(iter(range(100))))
        else:
            model = gd.layers.Linear(3, 2)
            loader = torch.utils.data.DataLoader(data, batch_size=4, num_workers=2)
            gd.Trainer(model, ce, gd.optimizers.SGD(0.1)).fit(loader, epochs=1, progress=False)

    use()
    before, files = _open(), sorted(os.listdir(tmp_path))
    for _ in range(3):
        use()
    assert _open() == before
    assert sorted(os.listdir(tmp_path)) == files
