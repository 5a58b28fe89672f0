"""What a box does, in a few words: ``conv2d 5×5 • relu • max_pool2d 2×2``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from graphdiff.draw import words
from graphdiff.draw.subject import Item, Subject
from graphdiff.graph import Shape

_MOST_KINDS = 4
_PLUMBING = {"transpose", "reshape", "broadcast_to", "cast", "identity", "expand_dims", "squeeze", "moveaxis"}


def kinds(members: Sequence[int], subject: Subject) -> str:
    """What the operations do, each once, without mere rearrangement and what is done beside, such as running
    statistics; with sizes where there is room."""
    items, members = subject.items, _handed_on(members, subject)
    told = [i for i in members if not _is_bias(i, items) and _name(i, items) not in _PLUMBING] or members
    plain = list(dict.fromkeys(_name(i, items) for i in told))
    sized = list(dict.fromkeys(_name(i, items) + _size(i, items) for i in told))
    return listing(sized if len(sized) == len(plain) else plain, " • ", _MOST_KINDS)


def counted(names: Iterable[str]) -> str:
    """``add × 3 • exp × 2``, the commonest first."""
    return listing([f"{name} × {n:,}" for name, n in Counter(names).most_common()], " • ", 3)


def listing(texts: Sequence[str], between: str = ", ", most: int = 3) -> str:
    shown = [words.short(text, 24) for text in texts[:most]]
    return between.join(shown + ["…"] * (len(texts) > most))


def _handed_on(members: Sequence[int], subject: Subject) -> Sequence[int]:
    """The operations that others outside depend on; all where none does."""
    inside, wanted = set(members), set[int]()
    for i in reversed(members):
        if any(user in wanted or user not in inside for user, _ in subject.users[i]):
            wanted.add(i)
    return [i for i in members if i in wanted] or members


def _name(i: int, items: Sequence[Item]) -> str:
    """The primitive's name; a product with a matrix of its own is linear."""
    primitive = items[i].node.primitive
    assert primitive is not None
    weighted = items[i].stage == "forward" and any(_is_parameter(items[k]) for k in items[i].inputs)
    return "linear" if primitive.name == "matmul" and weighted else primitive.name


def _is_bias(i: int, items: Sequence[Item]) -> bool:
    primitive = items[i].node.primitive
    own = any(_is_parameter(items[k]) for k in items[i].inputs)
    return primitive is not None and primitive.name == "add" and own


def _is_parameter(item: Item) -> bool:
    return item.node.role == "parameter" and item.node.primitive is None


def _size(i: int, items: Sequence[Item]) -> str:
    """The filter or window of an operation, and its stride where it is not 1."""
    node = items[i].node
    assert node.primitive is not None
    window: Shape = tuple(node.params.get("window", ()))
    if node.primitive.name == "conv2d":
        window = items[items[i].inputs[1]].node.spec.shape[2:]
    if not window:
        return ""
    stride = tuple(node.params.get("stride", ()))
    text = f" {words.shape(window)}"
    if not any(n > 1 for n in stride) or stride == window:
        return text
    return f"{text}/{stride[0] if len(set(stride)) == 1 else words.shape(stride)}"
