"""
Two losses of three scores
==========================

A picture of a cat has the scores 3.2 for cat, 5.1 for car and −1.7 for frog. How wrong is that? The hinge
loss wants the cat to lead every other class by 1: max(0, 5.1 − 3.2 + 1) + max(0, −1.7 − 3.2 + 1) = 2.9.
"""

import math

from figures import save

import graphdiff as gd

cat, car, frog = gd.variables(cat=3.2, car=5.1, frog=-1.7)
hinge = (gd.maximum(0, car - cat + 1) + gd.maximum(0, frog - cat + 1)).named("hinge")
save(gd.draw(hinge, gradients=hinge.backward()), "losses_hinge")

# %%
# The softmax loss makes probabilities of the scores, e^s / Σ e^s, and takes −ln of that of the cat:
# −ln 0.13 = 2.04. Its gradient is the probability of each class, less 1 for the cat.

cat, car, frog = gd.variables(cat=3.2, car=5.1, frog=-1.7)
right = gd.exp(cat)
softmax = (-gd.log(right / (right + gd.exp(car) + gd.exp(frog)))).named("softmax")
save(gd.draw(softmax, gradients=softmax.backward()), "losses_softmax")

# %%
# The losses of the library give the same, for a whole batch: an image of a cat, one of a car, one of a frog.

scores = gd.variable([[3.2, 5.1, -1.7], [1.3, 4.9, 2.0], [2.2, 2.5, -3.1]], name="s")
labels = gd.tensor([0, 1, 2], name="y")
for name, loss in (("hinge", gd.losses.hinge), ("softmax", gd.losses.softmax_cross_entropy)):
    each = loss(scores, labels, reduction="none").numpy()
    print(f"{name:8} {'  '.join(f'{value:5.2f}' for value in each)}   mean {each.mean():.2f}")

print("by hand ", f"{5.1 - 3.2 + 1:.2f} and {math.log(1 + math.exp(1.9) + math.exp(-4.9)):.2f} for the cat")

# %%
# And drawn it is one box, with the derivative of the whole.

s = gd.variable([3.2, 5.1, -1.7], name="s")
loss = gd.losses.softmax_cross_entropy(s, gd.tensor(0, name="y")).named("L")
save(gd.draw(loss, gradients=loss.backward()), "losses_composite")
