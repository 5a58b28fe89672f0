"""
Filters and activation maps
===========================

What a convolutional network looks for, and where it finds it. The eight filters of the first layer are
learned from the digits; each gives a map of the places of an image that it responds to.
"""

import numpy as np
from figures import panels, save

import graphdiff as gd
from graphdiff.draw.maps import map_sheet

gd.seed(3)
digits = gd.datasets.digits(images=True).map(gd.transforms.Resize(24))
layers = gd.layers
model = layers.Sequential(
    conv1=layers.Conv2d(1, 8, 5), relu1=layers.ReLU(), pool1=layers.MaxPool2d(2),
    conv2=layers.Conv2d(8, 16, 3), relu2=layers.ReLU(), pool2=layers.MaxPool2d(2),
    flatten=layers.Flatten(), fc=layers.Linear(256, 10),
)  # fmt: skip
trainer = gd.Trainer(model, gd.losses.softmax_cross_entropy, gd.optimizers.Adam(lr=3e-3))
trainer.fit(digits.train, epochs=4, batch_size=32, seed=0, progress=False)
print(f"accuracy on images that it never saw: {trainer.evaluate(digits.test).accuracy:.1%}")

# %%
# Blue lowers what a filter gives, red raises it. Below each filter, what is left of two digits after ReLU.

filters = model.conv1.weight.numpy()[:, 0]
shown = digits.test.inputs[[9, 13]]
maps = gd.relu(model.conv1(gd.tensor(shown))).numpy()

figure, grid = panels(9, rows=3, size=(13, 4.7))
for panel in grid:
    panel.axis("off")
span = np.abs(filters).max()
for number, kernel in enumerate(filters):
    grid[1 + number].imshow(kernel, cmap="RdBu_r", vmin=-span, vmax=span)
    grid[1 + number].set_title(f"filter {number}", fontsize=10)
for row, (image, responses) in enumerate(zip(shown, maps, strict=True), 1):
    grid[9 * row].imshow(image[0], cmap="gray")
    for number, response in enumerate(responses):
        grid[9 * row + 1 + number].imshow(response, cmap="magma", vmin=0, vmax=maps.max())
save(figure, "filters")

# %%
# The sixteen maps of the second layer for the first digit, each from black at its least value to white.

deeper = model.conv2(model.pool1(model.relu1(model.conv1(gd.tensor(shown[:1])))))
save(map_sheet(gd.relu(deeper)), "filters_second_layer")

# %%
# The network, with the norm of the gradient of every layer on one of these images.

loss = gd.losses.softmax_cross_entropy(model(gd.tensor(shown)), gd.tensor(digits.test.labels[[9, 13]]))
save(gd.draw(loss, gradients=loss.backward()), "filters_network")
