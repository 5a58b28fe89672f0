"""Examples of linear algebra."""

import numpy as np
import torch
from ops.examples import example, signed

import graphdiff as gd


@example("matmul")
def matmul(s):
    n, k, m = (s.integer(0, 3) for _ in range(3))
    one, two = s.broadcastable(2)
    left = s.choice([(n, k), (k,), (*one[-2:], n, k)])
    right = s.choice([(k, m), (k,), (*two[-2:], k, m)])
    return [s.array(left), s.array(right)], gd.matmul, np.matmul, torch.matmul


@example("tensordot")
def tensordot(s):
    shared = s.shape(max_dims=2)
    left, right = s.shape(max_dims=2), s.shape(max_dims=2)
    k = len(shared)
    if s.boolean():
        x, y, axes = (*left, *shared), (*shared, *right), k
        dims = axes
    else:
        order1, order2 = s.permutation(len(left) + k), s.permutation(k + len(right))
        x = tuple((*left, *shared)[a] for a in order1)
        y = tuple((*shared, *right)[a] for a in order2)
        dims = ([order1.index(len(left) + i) for i in range(k)], [order2.index(i) for i in range(k)])
        axes = tuple([signed(s, a, len(t)) for a in d] for d, t in zip(dims, (x, y), strict=True))
    return (
        [s.array(x), s.array(y)],
        lambda x, y: gd.tensordot(x, y, axes),
        lambda x, y: np.asarray(np.tensordot(x, y, axes)),
        lambda x, y: torch.tensordot(x, y, dims),
    )


@example("outer")
def outer(s):
    return (
        [s.array(s.shape(max_dims=2)), s.array(s.shape(max_dims=2))],
        gd.outer,
        np.outer,
        lambda x, y: torch.outer(x.reshape(-1), y.reshape(-1)),
    )


@example("trace")
def trace(s):
    x = s.array(s.shape(min_dims=2))
    one, two, *_ = (signed(s, a, x.ndim) for a in s.permutation(x.ndim))
    offset = s.integer(-3, 3)
    return (
        [x],
        lambda x: gd.trace(x, offset, one, two),
        lambda x: np.trace(x, offset, one, two),
        lambda x: (
            torch.diagonal(x, offset, one, two).sum(-1) if _meets(x, offset, one, two) else _none(x, one, two)
        ),
    )


def _meets(x, offset, one, two):
    return -x.shape[one] <= offset <= x.shape[two]


def _none(x, one, two):
    # torch refuses an offset outside the matrix, where the diagonal is empty.
    rest = [n for a, n in enumerate(x.shape) if a not in (one % x.ndim, two % x.ndim)]
    return x.sum() * 0 + torch.zeros(rest, dtype=x.dtype)


SUBSCRIPTS = [
    "ij,jk->ik",
    "ij,jk",
    "ba,ac",
    "i,i->",
    "i,i",
    "ij->ji",
    "ij->",
    "ij->j",
    "i,j->ij",
    "ii->i",
    "ii",
    "ii->",
    "iij->j",
    "iji->ij",
    "iii->i",
    "ij,ij,j->i",
    "ii,ij->j",
    "ijk,kl,l->ji",
    "...ij,...jk->...ik",
    "...ij,...jk",
    "i...->...i",
    "...i->...",
    "...,...->...",
    "i...,i...->...",
    "...ii->...i",
    "ij,k...->...",
    " i j , j k -> i k ",
]


@example("einsum")
def einsum(s):
    subscripts = s.choice(SUBSCRIPTS)
    sizes = {letter: s.integer(0, 3) for letter in "abcijkl"}
    stretch = s.broadcastable(2)
    terms = subscripts.replace(" ", "").split("->")[0].split(",")
    shapes = [_shape_of(s, term, sizes, dots[-2:]) for term, dots in zip(terms, stretch * 2, strict=False)]
    return (
        [s.array(shape) for shape in shapes],
        lambda *xs: gd.einsum(subscripts, *xs),
        lambda *xs: np.asarray(np.einsum(subscripts, *xs)),
        lambda *xs: torch.einsum(subscripts, *xs),
    )


def _shape_of(s, term, sizes, dots):
    """Sizes of a term's letters; now and then 1, which stretches, where a letter stands once in it."""
    before, ellipsis, after = term.partition("...")

    def size(letter):
        return 1 if term.count(letter) == 1 and s.integer(0, 5) == 5 else sizes[letter]

    return (*map(size, before), *(dots if ellipsis else ()), *map(size, after))
