"""graphdiff: build a computational graph, differentiate it, see it, and train it.

>>> import graphdiff as gd
>>> x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
>>> f = (x + y) * z
>>> back = f.backward()
>>> back[x].item(), back[y].item(), back[z].item()
(-4.0, -4.0, 3.0)
"""

from graphdiff import errors
from graphdiff.autodiff import Backward, grad, hessian, hvp, jacobian, jvp, value_and_grad, vjp
from graphdiff.backend import Backend, backend
from graphdiff.context import no_grad, scope
from graphdiff.dtypes import DType
from graphdiff.errors import GraphdiffError
from graphdiff.graph import Graph, Node, TensorSpec
from graphdiff.interop.dlpack import from_dlpack
from graphdiff.ops import *  # noqa: F403
from graphdiff.ops import __all__ as _operations
from graphdiff.primitive import Composite, Primitive
from graphdiff.tensor import Tensor, tensor, variable, variables

__version__ = "0.1.0"
