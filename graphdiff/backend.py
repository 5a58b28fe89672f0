"""Backends: who stores the arrays and computes the kernels.

A backend is a plugin (entry-point group ``graphdiff.backends``). Several live in one process; every
tensor knows its own, and operations never mix two. New tensors go to the current backend, chosen by
``with graphdiff.backend("numpy"): ...`` and NumPy on the CPU otherwise.
"""

from __future__ import annotations

import inspect
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import numpy as np

from graphdiff.arguments import check_kind, shown
from graphdiff.dtypes import DType
from graphdiff.errors import ArgumentError, BackendError, PluginConflictError
from graphdiff.graph import Shape, TensorSpec
from graphdiff.plugins import Registry, makes
from graphdiff.primitive import Primitive
from graphdiff.processes import ALONE, Processes

if TYPE_CHECKING:
    from graphdiff.compile.executable import Executable
    from graphdiff.compile.program import Program

Array = Any
Kernel = Callable[..., Array]
K = TypeVar("K", bound=Kernel)


@dataclass(frozen=True)
class Joint:
    """Several primitives of one computation, computed by one call.

    ``Joint({"conv2d_input_grad": "gw", "conv2d_weight_grad": "xg"}, kernel)`` holds for two nodes of a
    program that have the operand g in common, and equal values for the parameters that both have. A
    compiled program, or the backward pass of a node that needs both, then calls ``kernel(g, w, x,
    **params)``, which returns a tuple with the result of each, equal to that of the primitive's own kernel,
    in memory of its own.

    Attributes:
        members: primitive name -> one letter per operand, equal ones for operands that are one value.
            Every member after the first has a letter in common with those before it.
        kernel: ``kernel(*operands, **params) -> results``: operands in the order in which their letters
            first appear, the parameters of all members, results in the order of the members.
        when: ``when(*operand_specs, **params)``, a further condition.
    """

    members: Mapping[str, str]
    kernel: Callable[..., Sequence[Array]]
    when: Callable[..., bool] = lambda *specs, **params: True


class Backend(ABC):
    """The contract of a backend.

    Five things make one: a ``name``, :meth:`asarray`, :meth:`to_numpy`, :meth:`spec`, and ``kernels``; all
    else has a default that holds for any. An array is whatever the backend says it is: graphdiff hands it
    from one kernel to the next and looks at it through these methods alone. Most kernels need not be written:
    :func:`graphdiff.kernels.shared_kernels` and :func:`graphdiff.philox.random_kernels` make them from any
    namespace of the Python array API standard, which leaves indexing, convolution, pooling, einsum and erf.

    A backend is registered as an entry point of the group ``graphdiff.backends``, or in a script by
    ``graphdiff.Registry("backends").register(name, class)``; it is made with the options that
    :func:`get_backend` is given, once for each choice of them. ``graphdiff.testing.check_backend(name)``
    tells which primitives have no kernel yet, and whether those there are keep what is asked of them here;
    ``tests/backends/strict_backend.py`` is a whole backend in fifty lines.

    Attributes:
        name: what users choose it by.
        device: where its arrays live, ``"cpu"`` or as the backend spells it (``"cuda:0"``).
        kernels: primitive name -> ``kernel(*arrays, **params) -> array``. Operands have the dtypes that
            the primitive's shape rule saw; the result has the shape and dtype that the rule gave; no
            operand is changed. Composites may be left out: their decomposition runs then.
        modes: the ways to run a compiled program that ``graphdiff.compile(fn, mode=...)`` can ask for.
        options: the other choices it was made with, defaults filled in.
    """

    name: ClassVar[str]
    device: str = "cpu"
    kernels: MutableMapping[str, Kernel]
    modes: ClassVar[tuple[str, ...]] = ("auto",)
    options: Mapping[str, Any] = MappingProxyType({})

    @abstractmethod
    def asarray(self, value: Any, dtype: DType | None = None, *, copy: bool = False) -> Array:
        """An array from an array of any backend, a NumPy array, nested lists or a scalar."""

    def full(self, shape: Shape, value: float, dtype: DType) -> Array:
        """An array of one value; to be overridden where there is a way past the host's memory."""
        return self.asarray(np.full(shape, value, dtype.host), dtype)

    @abstractmethod
    def to_numpy(self, array: Array) -> np.ndarray[Any, Any]:
        """The array's values on the host; may share memory."""

    @abstractmethod
    def spec(self, array: Array) -> TensorSpec:
        """Shape and dtype of an array."""

    def kernel(self, primitive: Primitive) -> Kernel | None:
        """The kernel for a primitive, or ``None`` where this backend has none."""
        return self.kernels.get(primitive.name)

    def quiet(self) -> AbstractContextManager[Any]:
        """Entered once around many calls of bare kernels."""
        return nullcontext()

    def bare_kernels(self) -> Mapping[str, Kernel]:
        """The kernels as they may be called inside :meth:`quiet`, without what each of them would do for
        itself. Where one is a function of Python's ``operator`` module, the operator may be used."""
        return self.kernels

    @property
    def joints(self) -> Sequence[Joint]:
        """Kernels for several primitives at once, of which none was given another kernel."""
        return ()

    @property
    def processes(self) -> Processes:
        """The processes that compute together through this backend; kernels for ``all_reduce`` and
        ``broadcast_from`` go with more than one. Alone where :func:`graphdiff.processes.computed_apart` says
        so."""
        return ALONE

    def wait(self) -> None:
        """Wait until all that was asked of the device is done; nothing, where calls return when it is."""
        return

    def lower(self, program: Program, mode: str) -> Executable:
        """Turn a program into an executable; straight-line calls of the kernels unless overridden.

        Args:
            mode: one of :attr:`modes`.
        """
        from graphdiff.compile.executable import straight_line

        return straight_line(program, self)

    def missing(self, primitive: Primitive) -> BackendError:
        """The error for a primitive that can neither be run nor decomposed."""
        return BackendError(
            f"backend {self.name!r} has no kernel for primitive {primitive.name!r}",
            fix=f"have the plugin that brings {primitive.name!r} register one with "
            f"@gd.kernel({primitive.name}, {self.name!r}), or use another backend",
        )

    def __repr__(self) -> str:
        return f"<backend {self.name} on {self.device}>"


backends = Registry("backends", makes(Backend))
_instances: dict[tuple[str, tuple[tuple[str, Any], ...]], Backend] = {}
_contributed: dict[tuple[str, str], tuple[Kernel, bool]] = {}  # backend, primitive -> kernel, override
_current: ContextVar[Backend | None] = ContextVar("graphdiff_backend", default=None)


def get_backend(name: str, **options: Any) -> Backend:
    """The one instance of a backend for these options (such as ``device="cuda"``).

    Raises:
        UnknownPluginError: no backend of that name is installed.
        PluginError: it is installed and fails to load.
        ArgumentError: it has no such options.
    """
    check_kind("name", name, str, 'give a backend\'s name, such as "numpy"')
    key = (name, tuple(sorted(options.items())))
    if not all(isinstance(option, Hashable) for option in options.values()):
        raise ArgumentError(
            f"the options {shown(options)} are none of {name!r}", fix='device="cuda", for one'
        )
    if key not in _instances:
        if options:
            _check_options(name, options)
        made = backends[name](**options)
        _contribute(made)
        # Options left out and options spelled out, "cuda" and "cuda:0", mean one backend.
        _instances[key] = next((b for b in _instances.values() if _alike(b, made)), made)
    return _instances[key]


def _check_options(name: str, options: Mapping[str, Any]) -> None:
    known = inspect.signature(backends[name]).parameters
    unknown = [] if any(p.kind is p.VAR_KEYWORD for p in known.values()) else [*options.keys() - known.keys()]
    if unknown:
        raise ArgumentError(
            f"the backend {name!r} has no option {', '.join(sorted(unknown))}",
            fix=f"leave it out; there is {', '.join(known)}" if known else "leave it out; there are none",
        )


def _alike(one: Backend, other: Backend) -> bool:
    return (type(one), one.device, one.options) == (type(other), other.device, other.options)


def current_backend() -> Backend:
    """The backend that new tensors go to."""
    return _current.get() or get_backend("numpy")


@contextmanager
def backend(name: str, **options: Any) -> Iterator[Backend]:
    """Send new tensors to a backend: ``with graphdiff.backend("torch", device="cuda"): ...``."""
    token = _current.set(get_backend(name, **options))
    try:
        yield current_backend()
    finally:
        _current.reset(token)


def kernel(primitive: Primitive, *names: str, override: bool = False) -> Callable[[K], K]:
    """Adds a kernel to the backends of these names, made already or later; a decorator::

        @gd.kernel(cube, "numpy", "torch")
        def cubed(x):
            return x * x * x

    A composite that has a kernel is computed by it, and no longer by its decomposition.

    Args:
        primitive: what it computes; :attr:`Backend.kernels` says how it is called.
        override: take the place of the backend's own kernel, or of another module's.

    Raises:
        ArgumentError: what is no primitive, or no name.
        PluginConflictError: there is one, and ``override`` is not set. A backend that is made later, and
            has one, keeps it and warns.
    """

    if not isinstance(primitive, Primitive) or not all(isinstance(name, str) for name in names):
        raise ArgumentError(
            f"kernel({shown(primitive)}, {shown(names)}) names no primitive and backends",
            fix='give a primitive and the names of backends: @kernel(cube, "numpy")',
        )

    def add(function: K) -> K:
        for name in names:
            alive = [made for made in _instances.values() if made.name == name]
            if not override:
                _refuse_second(name, primitive.name, function, alive)
            _contributed[name, primitive.name] = (function, override)
            for made in alive:
                made.kernels[primitive.name] = function
        return function

    return add


def _refuse_second(name: str, primitive: str, function: Kernel, alive: Sequence[Backend]) -> None:
    known = [made.kernels.get(primitive) for made in alive]
    known += [_contributed.get((name, primitive), (None, False))[0]]
    mine = getattr(function, "__module__", "")  # which may run again, as a cell of a notebook does
    if any(other and getattr(other, "__module__", "") != mine for other in known):
        raise PluginConflictError(
            f"backend {name!r} has a kernel for {primitive!r} already",
            fix="give the primitive a name of its own, or pass override=True to take the kernel's place",
        )


def _contribute(made: Backend) -> None:
    for (name, primitive), (function, override) in _contributed.items():
        if name == made.name and (override or primitive not in made.kernels):
            made.kernels[primitive] = function
        elif name == made.name:
            message = (
                f"backend {name!r} keeps its own kernel for {primitive!r}; {function.__module__} brings one"
            )
            warnings.warn(f"{message} without override=True", stacklevel=3)
