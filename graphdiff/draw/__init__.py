"""Pictures of graphs. (draft)"""

from __future__ import annotations
from graphdiff.draw.picture import Picture
def draw(target, *, gradients=None, style="auto", show="forward", title="", unfold=(), local_gradients=False):
    from graphdiff.draw.circuit import circuit_of
    from graphdiff.draw.circuit_dot import circuit_dot
    from graphdiff.draw.subject import subject_of
    from graphdiff.draw.unfold import unfold as uf
    s = uf(subject_of(target, gradients, show), unfold)
    return Picture(circuit_dot(circuit_of(s, local_gradients), title))
