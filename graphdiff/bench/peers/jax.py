"""JAX: the whole step in one jit, with its buffers donated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from graphdiff.bench.peers.networks import Array, Layers, is_trained, network
from graphdiff.bench.workloads import LR, MOMENTUM, Scalars, Step, Training, UnavailableError


class JaxLayers(Layers):
    """Images as NCHW; the running statistics that a step leaves are in ``running``."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        super().__init__(weights)
        self.running = {name: w for name, w in weights.items() if not is_trained(name)}

    def linear(self, name: str, x: Array) -> Array:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def relu(self, x: Array) -> Array:
        return jax.nn.relu(x)

    def conv(self, name: str, x: Array, stride: int = 1, padding: int = 0) -> Array:
        around = [(padding, padding)] * 2
        y = lax.conv_general_dilated(x, self.weights[f"{name}.weight"], (stride, stride), around)
        bias = self.weights.get(f"{name}.bias")
        return y if bias is None else y + bias[:, None, None]

    def max_pool(self, x: Array, window: int, stride: int, padding: int = 0) -> Array:
        around = ((0, 0), (0, 0), (padding, padding), (padding, padding))
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, 1, window, window), (1, 1, stride, stride), around)

    def batch_norm(self, name: str, x: Array) -> Array:
        mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3))
        correction = (x.size // x.shape[1]) / (x.size // x.shape[1] - 1)
        for statistic, value in (("mean", mean), ("var", var * correction)):
            key = f"{name}.running_{statistic}"
            self.running[key] = 0.9 * self.running[key] + 0.1 * lax.stop_gradient(value)
        scale = self.weights[f"{name}.weight"] * lax.rsqrt(var + 1e-5)
        return (x - mean[:, None, None]) * scale[:, None, None] + self.weights[f"{name}.bias"][:, None, None]


def training_step(workload: Training, state: Mapping[str, Any], inputs: Any, labels: Any) -> Step:
    if workload.dtype != "float32":
        raise UnavailableError("measured in float32 only")
    if workload.device == "cuda" and jax.default_backend() != "gpu":
        raise UnavailableError("JAX sees no GPU")
    model = network(workload.network)

    def objective(params: Any, running: Any, x: Array, y: Array) -> tuple[Array, Any]:
        layers = JaxLayers({**params, **running})
        scores = jax.nn.log_softmax(model(layers, x))
        return -jnp.take_along_axis(scores, y[:, None], 1).mean(), layers.running

    @partial(jax.jit, donate_argnums=(0, 1, 2))
    def update(params: Any, running: Any, velocity: Any, x: Array, y: Array) -> Any:
        (loss, running), grads = jax.value_and_grad(objective, has_aux=True)(params, running, x, y)
        velocity = jax.tree.map(lambda v, g: MOMENTUM * v + g, velocity, grads)
        params = jax.tree.map(lambda p, v: p - LR * v, params, velocity)
        return params, running, velocity, loss

    params = {name: jnp.array(value) for name, value in state.items() if is_trained(name)}
    running = {name: jnp.array(value) for name, value in state.items() if "running" in name}
    velocity = jax.tree.map(jnp.zeros_like, params)
    x, y = jnp.array(inputs), jnp.array(labels)

    def step() -> Any:
        nonlocal params, running, velocity
        params, running, velocity, loss = update(params, running, velocity, x, y)
        return loss

    return step


def scalar_step(workload: Scalars, leaves: list[float]) -> Step:
    @jax.jit
    def both(leaves: list[Array]) -> Array:
        loss, grads = jax.value_and_grad(lambda v: workload.loss(v, jax.nn.relu))(leaves)
        return sum(grads, loss)

    values = [jnp.asarray(v) for v in leaves]
    return lambda: both(values)
