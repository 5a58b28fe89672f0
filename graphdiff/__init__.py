"""graphdiff: build a computational graph, differentiate it, see it, and train it.

>>> import graphdiff as gd
>>> x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
>>> f = (x + y) * z
>>> back = f.backward()
>>> back[x].item(), back[y].item(), back[z].item()
(-4.0, -4.0, 3.0)
"""

from graphdiff import errors, init, matching, random
from graphdiff.autodiff import Backward, checkpoint, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from graphdiff.backend import Backend, backend, get_backend, kernel
from graphdiff.cell import Cell
from graphdiff.compile import Compiled, compile, make_graph
from graphdiff.context import no_grad, scope
from graphdiff.diagnose import Numbers, Report, diagnose, profile, statistics
from graphdiff.draw import Picture, draw, draw_diff, draw_steps
from graphdiff.dtypes import DType
from graphdiff.errors import GraphdiffError
from graphdiff.graph import Graph, Node, TensorSpec
from graphdiff.interop.dlpack import from_dlpack
from graphdiff.interop.state_files import load_state, save_state
from graphdiff.leaf import as_tensor, tensor, variable, variables
from graphdiff.module import Module, Parameter
from graphdiff.ops import *  # noqa: F403
from graphdiff.ops import __all__ as _operations
from graphdiff.ops.precision import autocast
from graphdiff.plugins import CALLABLE, Registry, instance_of, makes
from graphdiff.primitive import Composite, Primitive
from graphdiff.random import seed
from graphdiff.tensor import Tensor
from graphdiff.train import LossScaler, Optimizer, Trainer, freeze, replace_head

__version__ = "0.1.0"

primitives = Registry("primitives", instance_of(Primitive))
layers = Registry("layers", makes(Module))
losses = Registry("losses", CALLABLE)
optimizers = Registry("optimizers", makes(Optimizer))
models = Registry("models", makes(Module))
schedules = Registry("schedules", CALLABLE)
datasets = Registry("datasets", CALLABLE)
transforms = Registry("transforms", CALLABLE)
renderers = Registry("renderers", CALLABLE)

__all__ = [
    *_operations,
    "Backend",
    "Backward",
    "Cell",
    "Compiled",
    "Composite",
    "DType",
    "Graph",
    "GraphdiffError",
    "LossScaler",
    "Module",
    "Node",
    "Numbers",
    "Parameter",
    "Picture",
    "Primitive",
    "Registry",
    "Report",
    "Tensor",
    "TensorSpec",
    "Trainer",
    "as_tensor",
    "autocast",
    "backend",
    "checkpoint",
    "compile",
    "datasets",
    "diagnose",
    "draw",
    "draw_diff",
    "draw_steps",
    "errors",
    "freeze",
    "from_dlpack",
    "get_backend",
    "grad",
    "hessian",
    "hvp",
    "init",
    "jacobian",
    "jvp",
    "kernel",
    "layers",
    "load_state",
    "losses",
    "make_graph",
    "matching",
    "models",
    "no_grad",
    "optimizers",
    "primitives",
    "profile",
    "random",
    "renderers",
    "schedules",
    "replace_head",
    "save_state",
    "scope",
    "seed",
    "statistics",
    "tensor",
    "transforms",
    "value_and_grad",
    "variable",
    "variables",
    "vjp",
]
