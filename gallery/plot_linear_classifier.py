"""
A linear classifier
===================

An image of four pixels, three classes, and a score for each: s = Wx + b. The image shows a cat, and the ship
has the highest score. Each loss says how bad that is, and its gradient how W and b should change: the
row of the right class towards the image, the rows of the others away from it.
"""

from figures import save

import graphdiff as gd

CLASSES = ("cat", "dog", "ship")

x = gd.tensor([[0.2], [0.9], [0.5], [0.1]], name="x")  # the pixels, as a column
W = gd.variable([[0.4, -0.2, 0.1, 0.6], [0.5, 0.3, -0.4, 0.2], [-0.3, 0.2, 0.7, -0.1]], name="W")
b = gd.variable([0.5, -0.2, 0.1], name="b")
cat = gd.tensor(0, name="y")

scores = (gd.reshape(W @ x, (3,)) + b).named("s")
for name, score in zip(CLASSES, scores.numpy(), strict=True):
    print(f"{name:5} {score:6.2f}")

# %%
# The hinge loss wants the right score to lead each other one by 1: max(0, s_dog − s_cat + 1) +
# max(0, s_ship − s_cat + 1). The softmax loss is −log of the probability that the scores give the cat.

for name, loss in (("hinge", gd.losses.hinge), ("softmax", gd.losses.softmax_cross_entropy)):
    value = loss(scores, cat).named("L")
    back = value.backward()
    print(f"\n{name} loss {value.item():.3f}, gradient of each row of W and of b:")
    for row, bias, of in zip(back[W].numpy(), back[b].numpy(), CLASSES, strict=True):
        print(f"{of:5} {'  '.join(f'{g:6.3f}' for g in row)}    {bias:6.3f}")
    save(gd.draw(value, gradients=back, style="circuit"), f"linear_classifier_{name}")

# %%
# Row by row, with the hinge loss as its two terms: nothing but products, sums and max(0, ·).

pixels = gd.tensor(x.numpy()[:, 0], name="x")
weights = [gd.variable(row, name=f"w {of}") for row, of in zip(W.numpy().tolist(), CLASSES, strict=True)]
biases = [gd.variable(bias, name=f"b {of}") for bias, of in zip(b.numpy().tolist(), CLASSES, strict=True)]
s_cat, *others = [
    (gd.sum(w * pixels) + c).named(f"s {of}") for w, c, of in zip(weights, biases, CLASSES, strict=True)
]
terms = [gd.maximum(0, s - s_cat + 1) for s in others]
value = (terms[0] + terms[1]).named("L")
save(gd.draw(value, gradients=value.backward()), "linear_classifier_rows")
