"""
What each layer costs
=====================

Boxes show more where it is asked for: shapes of parameters, FLOPs, bytes, measured times, statistics and
histograms of values and gradients. Here the colour is the share of the time.
"""

from figures import save

import graphdiff as gd

gd.seed(0)
model = gd.models.lenet5()
digits = gd.datasets.digits(images=True).map(gd.transforms.Resize(28)).test
images, labels = digits.inputs[:16], digits.labels[:16]
loss = gd.losses.softmax_cross_entropy(model(images), labels).named("loss")
back = loss.backward()
save(
    gd.draw(back, numbers=("shape", "flops", "bytes", "time", "values", "histogram"), color="time"), "numbers"
)

# %%
# The same as a table.

print(gd.profile(model, images, labels, loss=gd.losses.softmax_cross_entropy))
