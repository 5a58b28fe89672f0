"""
A backend
=========

A backend stores the arrays and brings the kernels. This one has two digits: it rounds after every
operation, as a slide rule does. All the rest (gradients, pictures, optimizers) works on it unchanged.
"""

import numpy as np
from figures import BLUE, ORANGE, panels, save

import graphdiff as gd
from graphdiff.dtypes import as_dtype
from graphdiff.kernels import shared_kernels

# %%
# Four things are asked of a backend: how an array is made, how it gets back to NumPy, its shape and dtype,
# and a table from the names of primitives to kernels. The table begins with the shared kernels, which are
# written against the Python array API standard; what a table lacks is an error that names the primitive.


def rounded(x):
    """Two significant digits."""
    if x.dtype.kind != "f":
        return x
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (np.floor(np.log10(np.abs(x))) - 1)
    return np.where(np.isfinite(scale) & (scale > 0), np.round(x / scale) * scale, x).astype(x.dtype)


def rounding(kernel):
    return lambda *arrays, **params: rounded(np.asarray(kernel(*arrays, **params)))


class SlideRule(gd.Backend):
    name = "slide rule"

    def __init__(self):
        self.kernels = {name: rounding(kernel) for name, kernel in shared_kernels(np).items()}

    def asarray(self, value, dtype=None, *, copy=False):
        array = np.asarray(value)
        return rounded(array.astype(str(dtype or as_dtype(array.dtype)), copy=copy))

    def to_numpy(self, array):
        return array

    def spec(self, array):
        return gd.TensorSpec(array.shape, as_dtype(array.dtype))


# %%
# A script registers it; a package has the entry point ``graphdiff.backends``.

gd.Registry("backends").register("slide rule", SlideRule)


def neuron(backend):
    with gd.backend(backend):
        w, x, b = gd.variables(w=[2.0, -3.0], x=[-1.0, -2.0], b=-3.0)
        f = (1 / (1 + gd.exp(-(gd.sum(w * x) + b)))).named("f")
        back = f.backward()
        return gd.draw(f, gradients=back, title=f"on {backend}"), back[w].numpy()


(exact, gradient), (rough, near) = neuron("numpy"), neuron("slide rule")
save(exact, "guide_backend_numpy")
save(rough, "guide_backend_slide_rule")
print(gradient, near)
assert np.allclose(near, gradient, rtol=0.2)

# %%
# Both descend a parabola. The slide rule stops where a step is too short to change its second digit, as
# training in too low a precision does.


def descent(backend):
    with gd.backend(backend):
        x, distances = gd.variable(2.0), []
        for _ in range(60):
            gradient = gd.grad(lambda x: gd.square(x - 1))(x)
            x = gd.variable((x - 0.1 * gradient).item())
            distances.append(abs(x.item() - 1))
        return distances


_, (panel,) = panels()
for backend, colour in (("numpy", BLUE), ("slide rule", ORANGE)):
    panel.semilogy(np.maximum(descent(backend), 1e-7), color=colour, label=backend)
panel.set(xlabel="step", ylabel="|x − 1|", title="descending (x − 1)²")
panel.legend(frameon=False)
save(panel.figure, "guide_backend_descent")
