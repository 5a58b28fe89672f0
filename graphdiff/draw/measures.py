"""How large gradients are: of the parameters of a box, of what flows, and of each of several equal pieces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from graphdiff import context, ops
from graphdiff.diagnose.statistics import norms_of
from graphdiff.draw import words
from graphdiff.draw.folding import Group
from graphdiff.draw.modules import Norm, Overview, Repeat, norms_in
from graphdiff.draw.subject import Item, Subject
from graphdiff.tensor import Tensor

_LONGEST_STRIP = 40


class Measures:
    """The sizes of gradients in a subject."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.items = subject.items

    def norm(self, tensors: Sequence[Tensor | None]) -> Norm:
        """The size of what is known of some tensors together, to be worked out by :func:`work_out`."""
        if self.subject.record is None:
            return Norm("not yet")
        known = tuple(t for t in tensors if t is not None and t.data is not None)
        return Norm("known", of=known) if known else Norm("none")

    def parameters(self, members: Iterable[int]) -> list[Item]:
        """The parameters that operations use, each once."""
        found = dict.fromkeys(k for i in members for k in self.items[i].inputs)
        return [self.items[k] for k in found if is_parameter(self.items[k])]

    def of_parameters(self, members: Iterable[int]) -> Norm | None:
        """The size of the gradient of the parameters that operations use, if they use any."""
        found = self.parameters(members)
        return self.norm([self.gradient(p) for p in found]) if found else None

    def gradient(self, item: Item) -> Tensor | None:
        """The gradient of a value, also where the backward pass stands beside it."""
        record = self.subject.record
        if item.record is not None or record is None:
            return item.upstream
        if item.tensor is None or item.tensor not in record:
            return None
        return record[item.tensor]

    def flow(self, i: int, uses: Sequence[tuple[int, int]]) -> Tensor | None:
        """What some uses of a value passed back, flattened; all that arrived where there are no others."""
        if len(uses) == len(self.subject.users[i]) or not uses:
            return self.items[i].upstream
        found = (self.items[user].passed_tensor(argnum) for user, argnum in uses)
        with context.apart(), context.no_grad():
            passed = [ops.reshape(p, -1) for p in found if p is not None]
            return ops.accumulate(*passed) if passed else None

    def repeat(self, group: Group, measured: bool) -> Repeat | None:
        """That a group is several equal pieces; ``measured``: with the size of each one's gradient."""
        count = len(group.instances)
        if not count:
            return None
        weights = self._weights(group.instances)
        own = weights == "distinct"
        shown = group.instances[:: -(-count // _LONGEST_STRIP)] if measured else ()
        named = bool(group.last) and group.last != group.scope
        return Repeat(
            count,
            group.beside,
            weights,
            "‖∇W‖" if own else "‖∇out‖",
            tuple(self._piece(piece, own) for piece in shown),
            (group.scope[-1], group.last[-1]) if named else ("1", str(count)),
        )

    def _weights(self, pieces: Sequence[Sequence[int]]) -> str:
        sets = [frozenset(p.node.id for p in self.parameters(piece)) for piece in pieces]
        together = len(frozenset().union(*sets))
        if not together:
            return ""
        if together == sum(map(len, sets)):
            return "distinct"
        return "shared" if len(set(sets)) == 1 else "partly shared"

    def _piece(self, piece: Sequence[int], own: bool) -> Norm:
        """Of the gradient of a piece's own weights, else of what it gives."""
        norm = self.of_parameters(piece) if own else None
        return norm or self.norm([self.gradient(self.items[piece[-1]])])


def is_parameter(item: Item) -> bool:
    return item.node.role == "parameter" and item.node.primitive is None


def work_out(overview: Overview) -> None:
    """Give every norm its value: worked out where the tensors lie, and fetched all at once."""
    tensors = {t.id: t for norm in norms_in(overview) for t in norm.of}
    lengths = dict(zip(tensors, norms_of(list(tensors.values())), strict=True))

    def known(norm: Norm) -> Norm:
        return Norm("known", words.length_of(np.array([lengths[t.id] for t in norm.of]))) if norm.of else norm

    overview.links = [replace(x, gradient=x.gradient and known(x.gradient)) for x in overview.links]
    overview.boxes = [
        replace(
            box,
            gradient=box.gradient and known(box.gradient),
            repeat=box.repeat and replace(box.repeat, strip=tuple(map(known, box.repeat.strip))),
        )
        for box in overview.boxes
    ]
