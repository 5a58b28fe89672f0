"""Kernels that plugins add: to backends made already and later, and never in another's place unasked."""

import sys

import numpy as np
import pytest

import graphdiff as gd
from graphdiff.errors import BackendError, PluginConflictError
from graphdiff.ops.common import same_spec
from graphdiff.plugins import Registry

backends = Registry("backends")
_backend = sys.modules["graphdiff.backend"]  # gd.backend is its function


@pytest.fixture(autouse=True)
def forgotten(monkeypatch):
    """What a test adds is gone after it."""
    for name in ("_contributed", "_instances"):
        monkeypatch.setattr(_backend, name, dict(getattr(_backend, name)))
    tables = [(b.kernels, dict(b.kernels)) for b in _backend._instances.values()]
    yield
    for table, before in tables:
        table.clear()
        table.update(before)


def cube(name="cube_of_this_test"):
    return gd.Primitive(
        name, spec=same_spec, vjp=(lambda g, out, x: 3 * g * gd.square(x),), elementwise=True, floating=True
    )


@pytest.mark.parametrize("backend", ["numpy", "torch"])
@pytest.mark.parametrize("name", ["cube_of_this_test", "<script>alert(1)</script>", "a.b-c d", "é", "3"])
def test_a_kernel_is_used_eager_compiled_and_backwards(backend, name):
    primitive = cube(name)
    gd.kernel(primitive, "numpy", "torch")(lambda x: x * x * x)
    with gd.backend(backend):
        x = gd.variable([2.0, -1.0])
        np.testing.assert_array_equal(primitive(x).numpy(), [8, -1])
        np.testing.assert_array_equal(gd.compile(primitive)(x).numpy(), [8, -1])
        for _ in range(3):  # the backward pass over arrays is written down after the first time
            back = gd.sum(primitive(primitive(x))).backward()
            np.testing.assert_array_equal(back[x].numpy(), [9 * 2.0**8, 9])
        np.testing.assert_array_equal(gd.compile(gd.grad(lambda x: gd.sum(primitive(x))))(x).numpy(), [12, 3])
    assert "<script>alert" not in gd.draw(primitive(x)).svg


def test_a_kernel_waits_for_its_backend():
    primitive = cube()

    class Late(type(gd.get_backend("numpy"))):
        name = "late"

    gd.kernel(primitive, "late")(lambda x: x * x * x)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(backends, "_scripts", {})
        backends.register("late", Late)
        with gd.backend("late"):
            assert primitive(2.0).item() == 8
        backends._reset()
    with pytest.raises(BackendError, match=r"@gd\.kernel\(cube_of_this_test, 'numpy'\)"):
        primitive(2.0)


def test_a_composite_with_a_kernel_is_taken_whole():
    composite = gd.Composite("doubled_of_this_test", lambda x: x + x, elementwise=True)
    assert composite(2.0).item() == 4
    gd.kernel(composite, "numpy")(lambda x: 5 * x)  # which is wrong, so that it can be seen
    assert composite(2.0).item() == 10
    with gd.backend("torch"):
        assert composite(2.0).item() == 4


def test_the_same_module_may_add_it_again_as_a_notebook_does():
    primitive = cube()
    for factor in (1, 2):
        gd.kernel(primitive, "numpy")(lambda x, factor=factor: factor * x)
    assert primitive(3.0).item() == 6


def test_anothers_kernel_is_replaced_only_by_override():
    def stranger(x):
        return -x

    primitive = cube()
    gd.get_backend("numpy")
    stranger.__module__ = "another"
    gd.kernel(primitive, "numpy")(stranger)
    for taken in (primitive, gd.tanh):
        with pytest.raises(PluginConflictError, match=f"a kernel for '{taken.name}' already"):
            gd.kernel(taken, "numpy")(lambda x: x)
    assert primitive(3.0).item() == -3
    gd.kernel(primitive, "numpy", override=True)(lambda x: x)
    assert primitive(3.0).item() == 3


def test_a_backend_made_later_keeps_its_own_kernel():
    gd.kernel(gd.tanh, "numpy-to-be")(lambda x: x)

    class Late(type(gd.get_backend("numpy"))):
        name = "numpy-to-be"

    made = Late()
    own = made.kernels["tanh"]
    with pytest.warns(UserWarning, match=r"keeps its own kernel for 'tanh'; tests\..* override=True"):
        _backend._contribute(made)
    assert made.kernels["tanh"] is own
    gd.kernel(gd.tanh, "numpy-to-be", override=True)(np.sin)
    _backend._contribute(made)
    assert made.kernels["tanh"] is np.sin
