"""
What differs between two runs
=============================

The same network with the same images, before and after some training: in each box the factors by which
the norms of its values and of its gradient grew or shrank.
"""

from figures import save

import graphdiff as gd

gd.seed(0)
data = gd.datasets.digits().train
model = gd.models.mlp(64, 10, hidden=(64, 32))


def record():
    """The backward pass of the first images, with the present weights."""
    return gd.losses.softmax_cross_entropy(model(data.inputs[:64]), data.labels[:64]).named("loss").backward()


before = record()
gd.Trainer(model, gd.losses.softmax_cross_entropy, gd.optimizers.SGD(lr=0.3)).fit(
    data, epochs=3, progress=False
)
after = record()
save(gd.draw_diff(before, after), "difference_of_runs")

# %%
# Two graphs: what was added, what was removed.

x, y, z = gd.variables(x=-2.0, y=5.0, z=-4.0)
save(gd.draw_diff((x + y) * z, (x + y) * z + gd.tanh(x)), "difference_of_graphs")
