"""What it means that a layer is torch's: values, gradients, second derivatives, and states."""

import numpy as np
import torch

import graphdiff as gd


def agrees(layer, theirs, x, g_seed=0, tolerance=1e-10):
    """Output, gradient of the input and gradients of the parameters equal torch's."""
    continuous = x.dtype.kind == "f"
    variable, xt = gd.variable(x) if continuous else x, torch.tensor(x, requires_grad=continuous)
    ours, expected = layer(variable), theirs(xt)
    g = np.random.default_rng(g_seed).normal(size=ours.shape)
    ours.backward(g)
    theirs.zero_grad()
    expected.backward(torch.tensor(g))
    np.testing.assert_allclose(ours, expected.detach(), rtol=tolerance, atol=tolerance)
    if continuous:
        np.testing.assert_allclose(variable.grad, xt.grad, rtol=tolerance, atol=tolerance)
    for name, p in theirs.named_parameters():
        found = dict(layer.named_parameters())[name]
        np.testing.assert_allclose(found.grad, p.grad, rtol=tolerance, atol=tolerance, err_msg=name)


def agrees_twice(layer, theirs, x, tolerance=1e-9):
    """The gradient of ⟨gradient of ⟨g, sin layer⟩, direction⟩ by input and parameters equals torch's."""
    rng = np.random.default_rng(1)
    g = rng.normal(size=layer(x).shape)
    theirs_all = [torch.tensor(x, requires_grad=True), *theirs.parameters()]
    directions = [rng.normal(size=tuple(p.shape)) for p in theirs_all]
    options = {"allow_unused": True, "materialize_grads": True}
    out = (torch.sin(theirs(theirs_all[0])) * torch.tensor(g)).sum()
    first = torch.autograd.grad(out, theirs_all, create_graph=True)
    along = sum((d * torch.tensor(u)).sum() for d, u in zip(first, directions, strict=True))
    expected = torch.autograd.grad(along, theirs_all, **options)

    parameters = dict(layer.named_parameters())
    ours_all = [gd.variable(x), *(parameters[name] for name, _ in theirs.named_parameters())]
    record = gd.sum(gd.sin(layer(ours_all[0])) * g).backward(wrt=ours_all)
    projected = [gd.sum(record[p] * u) for p, u in zip(ours_all, directions, strict=True)]
    total = projected[0]
    for part in projected[1:]:
        total = total + part
    found = total.backward(wrt=ours_all)
    for p, e in zip(ours_all, expected, strict=True):
        np.testing.assert_allclose(found[p], e, rtol=tolerance, atol=tolerance, err_msg=p.name)


def copied(layer, theirs):
    theirs.load_state_dict({k: torch.tensor(v) for k, v in layer.state_dict().items()})
    return theirs


def exchange_states(layer, theirs):
    """Each takes the other's state dict, and gives the same back."""
    copied(layer, theirs)
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(0.5)
    layer.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    found = layer.state_dict()
    assert list(found) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
        assert found[name].dtype == value.numpy().dtype, name
