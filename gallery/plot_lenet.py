"""
LeNet-5
=======

LeCun's network of 1998 in its modern form, with one image forward and the loss backward. A box is a layer
with its activation and pooling; ‖∇W‖ is the norm of the gradient of its weights. Each arrow carries the shape
of what flows down, and the norm ‖∇‖ of the gradient that comes back.
"""

from figures import save

import graphdiff as gd

gd.seed(0)
model = gd.models.lenet5()
digit = gd.datasets.digits(images=True).map(gd.transforms.Resize(28)).test
loss = gd.losses.softmax_cross_entropy(model(digit.inputs[:1]), digit.labels[:1]).named("loss")
back = loss.backward()
save(gd.draw(loss, gradients=back), "lenet")

# %%
# One box for each layer, or for each part.

save(gd.draw(loss, gradients=back, style="tensor"), "lenet_layers")
save(gd.draw(loss, gradients=back, depth=1), "lenet_parts")
