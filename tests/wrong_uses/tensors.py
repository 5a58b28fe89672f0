"""Making tensors, reading them, changing them, differentiating them."""

import numpy as np

import graphdiff as gd


def _stale():
    w = gd.Parameter([1.0, 2.0])
    loss = gd.sum(w * w)
    w.assign([3.0, 4.0])
    loss.backward()


def _written():
    x = gd.variable([1.0, 2.0])
    x[0] = 3.0


def _in_loop(x):
    return x if x > 0 else -x


HOLDS_ITSELF = []
HOLDS_ITSELF.append(HOLDS_ITSELF)
V = gd.variable(np.ones((2, 3)), name="v")

WRONG = {
    "a tensor of text": (lambda: gd.tensor("abc"), ["tensor"]),
    "a tensor of ragged lists": (lambda: gd.tensor([[1, 2], [3]]), ["nested lists of equal lengths"]),
    "a tensor of a dict": (lambda: gd.tensor({"a": 1}), ["tensor"]),
    "a tensor of nothing": (lambda: gd.tensor(None), ["tensor"]),
    "an unknown dtype": (lambda: gd.tensor([1.0], "float31"), ["float31"]),
    "a dtype that is none": (lambda: gd.tensor([1.0], 7), ["7"]),
    "complex numbers": (lambda: gd.tensor([1j]), ["complex"]),
    "a variable of text": (lambda: gd.variables(x="a"), ["tensor"]),
    "a list of recorded tensors": (lambda: gd.tensor([V, V]), ["stack"]),
    "an assignment to an element": (_written, ["index_update"]),
    "the truth of several elements": (lambda: bool(V), ["v with 6 elements"]),
    "the float of several elements": (lambda: float(V), ["v has 6 elements"]),
    "the item of several elements": (lambda: V.item(), ["v has 6 elements"]),
    "the length of a number": (lambda: len(gd.tensor(1.0)), ["len"]),
    "a loop over a number": (lambda: list(gd.tensor(1.0)), ["()"]),
    "the integer of a fraction as an index": (lambda: [1, 2][gd.tensor(0.5)], ["float64"]),
    "an addition of text": (lambda: V + "a", ["add: 'a'", "<U1"]),
    "an addition of another shape": (lambda: V + np.ones(4), ["add", "(2, 3)", "(4,)"]),
    "a product of another shape": (lambda: V @ np.ones(4), ["matmul", "v: float64[2, 3]"]),
    "an index of an unknown kind": (lambda: V["a"], ["index", "'a'", "v: float64[2, 3]"]),
    "an index out of range": (lambda: V[5], ["index 5", "axis 0", "v: float64[2, 3]"]),
    "an attribute of NumPy's that is not there": (lambda: np.linalg.eigvals(V), ["eigvals"]),
    "NumPy writing into a tensor": (lambda: np.add(V, 1, out=np.ones((2, 3))), ["out"]),
    "DLPack of what speaks none": (lambda: gd.from_dlpack([1.0]), ["list", "__dlpack__"]),
    "a cell of another shape": (lambda: gd.Parameter([1.0]).assign([1.0, 2.0]), ["(2,)", "same shape"]),
    "a cell of text": (lambda: gd.Parameter([1.0]).assign("a"), ["tensor"]),
    "backward from several elements": (lambda: (V * 2).backward(), ["(2, 3)", "upstream"]),
    "backward from a constant": (lambda: gd.tensor(1.0).backward(), ["backward"]),
    "backward from integers": (lambda: gd.sum(gd.variable([1, 2])).backward(), ["int64"]),
    "an upstream of another shape": (lambda: (V * 2).backward(np.ones(5)), ["float64[5]", "float64[2, 3]"]),
    "backward after the parameter changed": (_stale, ["given a new value after"]),
    "a gradient of an unrelated tensor": (
        lambda: gd.sum(V).backward()[gd.variable(1.0, name="other")],
        ["other"],
    ),
    "wrt of what is no tensor": (lambda: gd.sum(V).backward(wrt=["v"]), ["wrt"]),
    "a gradient through only integers": (
        lambda: gd.grad(lambda x: gd.sum(gd.floor(x)))(V),
        ["derivative"],
    ),
    "a gradient of a vector": (lambda: gd.grad(lambda x: x * 2)(V), ["(2, 3)"]),
    "a gradient by integers": (lambda: gd.grad(lambda x: x * 2)(3), ["int64"]),
    "a gradient of what returns nothing": (lambda: gd.grad(lambda x: None)(1.0), ["None"]),
    "a gradient by an argument that is not there": (
        lambda: gd.grad(lambda x: x, argnums=1)(1.0),
        ["argnums"],
    ),
    "a gradient by a named argument": (lambda: gd.grad(lambda x: x, argnums="x")(1.0), ["argnums"]),
    "a gradient of what is no function": (lambda: gd.grad(3.0)(1.0), ["function"]),
    "too few cotangents": (lambda: gd.vjp(lambda x: (x, x), 1.0)[1]((1.0,)), ["1 cotangents for 2"]),
    "a cotangent of another shape": (
        lambda: gd.vjp(lambda x: x * 2, V)[1](np.ones(7)),
        ["float64[7]", "float64[2, 3]"],
    ),
    "a tangent of another shape": (
        lambda: gd.jvp(lambda x: x * 2, (V,), (np.ones(7),)),
        ["float64[7]", "v is float64[2, 3]"],
    ),
    "too few tangents": (lambda: gd.jvp(lambda x, y: x * y, (V, V), (V,)), ["tangent"]),
    "a vector of another shape for hvp": (
        lambda: gd.hvp(gd.sum, (V,), (np.ones(7),)),
        ["float64[7]", "float64[2, 3]"],
    ),
    "a Hessian of a vector": (lambda: gd.hessian(lambda x: x * 2)(V), ["(2, 3)"]),
    "a Jacobian of several results": (lambda: gd.jacobian(lambda x: (x, x))(1.0), ["tuple", "one tensor"]),
    "a compiled branch on a value": (lambda: gd.compile(_in_loop)(np.ones(())), ["where"]),
    "a compiled float of a value": (lambda: gd.compile(lambda x: float(x))(np.ones(())), ["float"]),
    "an unknown mode of compiling": (lambda: gd.compile(gd.exp, mode="fast")(np.ones(2)), ["fast"]),
    "compiling what is no function": (lambda: gd.compile(3), ["3"]),
    "a memory budget below 0": (lambda: gd.compile(gd.exp, memory_budget=-1), ["memory_budget"]),
    "the graph of a function before its call": (lambda: gd.compile(gd.exp).graph, ["call"]),
    "a graph of what is no function": (lambda: gd.make_graph(3), ["3"]),
    "a graph of a function with too few examples": (lambda: gd.make_graph(gd.add, V), ["add"]),
    "an unknown backend": (lambda: gd.backend("jax").__enter__(), ["jax", "numpy"]),
    "an unknown device": (lambda: gd.backend("torch", device="tpu9").__enter__(), ["tpu9"]),
    "a device that NumPy lacks": (lambda: gd.backend("numpy", device="cuda").__enter__(), ["cuda", "cpu"]),
    "tensors of two backends": (lambda: V + _on_torch(), ["numpy", "torch"]),
    "a seed that is none": (lambda: gd.seed("a"), ["'a'"]),
    "a negative key": (lambda: gd.random.key(-1), ["-1"]),
    "a key that is none": (lambda: gd.random.normal(V, (2,)), ["key"]),
    "a probability above 1": (lambda: gd.random.bernoulli(gd.random.key(0), 1.5, (2,)), ["1.5"]),
    "a negative shape": (lambda: gd.random.uniform(gd.random.key(0), (-1,)), ["(-1,)"]),
    "an empty range of integers": (lambda: gd.random.randint(gd.random.key(0), 5, 5, (2,)), ["5"]),
    "a split into fewer keys than none": (lambda: gd.random.split(gd.random.key(0), -1), ["-1"]),
    "autocast to integers": (lambda: gd.autocast("int8").__enter__(), ["int8"]),
    "a checkpoint of what is no function": (lambda: gd.checkpoint(3)(V), ["3"]),
    "a masked array": (lambda: gd.tensor(np.ma.masked_array([1.0], [True])), ["mask", "filled"]),
    "a list that holds itself": (lambda: gd.tensor(HOLDS_ITSELF), ["tensor", "[...]"]),
    "axes kept by an array": (
        lambda: gd.sum(V, keepdims=np.ones(2)),
        ["sum", "keepdims", "v: float64[2, 3]"],
    ),
    "a join of a number": (lambda: gd.concatenate(3), ["concatenate", "parts=3"]),
    "axes that pair nothing": (lambda: gd.tensordot(V, V, axes=7), ["tensordot", "axes=7", "0 to 2"]),
    "subscripts that are a number": (lambda: gd.einsum(3, V), ["einsum", "subscripts=3"]),
    "a diagonal of text": (lambda: gd.diagonal(V, "a"), ["diagonal", "offset='a'"]),
    "a shape of too many axes": (lambda: gd.zeros((1,) * 65), ["full", "65 axes", "64"]),
    "a shape of too many elements": (lambda: gd.zeros((2**40, 2**40)), ["full", "as large"]),
    "a role that is none": (lambda: gd.Cell(1.0, role="weight"), ["Cell", "role='weight'", "parameter"]),
    "a backend that is a number": (lambda: gd.backend(3).__enter__(), ["backend", "name=3"]),
    "a dtype made of text": (lambda: gd.DType("float31"), ["DType", "float31"]),
    "a record asked for a list": (lambda: gd.sum(V).backward()[[1]], ["place=[1]", "not a Tensor"]),
    "primals that are a number": (lambda: gd.jvp(gd.exp, 1.0, (1.0,)), ["jvp", "primals=1.0"]),
    "a scope that is no name": (lambda: gd.scope(3).__enter__(), ["3"]),
}


def _on_torch():
    with gd.backend("torch"):
        return gd.tensor(np.ones((2, 3)), name="there")
