"""
Gradients over the steps of training
====================================

Pictures of one graph at several moments, with one layout and one scale of colours: as a page with a slider,
or as an animation. The sigmoids of this network hold its gradients back at first; as the loss falls, more
of them reaches the first layer.
"""

from figures import save, save_page

import graphdiff as gd

gd.seed(0)
layers = gd.layers
data = gd.datasets.digits().train
model = layers.Sequential(
    fc1=layers.Linear(64, 32), act1=layers.Sigmoid(), fc2=layers.Linear(32, 32), act2=layers.Sigmoid(),
    fc3=layers.Linear(32, 32), act3=layers.Sigmoid(), fc4=layers.Linear(32, 10),
)  # fmt: skip
optimizer = gd.optimizers.Adam(lr=0.01)


def step(number):
    """The record of one step's backward pass."""
    batch = slice(128 * (number % 10), 128 * (number % 10) + 128)
    loss = gd.losses.softmax_cross_entropy(model(data.inputs[batch]), data.labels[batch]).named("loss")
    back = loss.backward()
    optimizer.step(model, back)
    return back


records = {number: step(number) for number in range(161)}
for number in range(0, 161, 40):
    back = records[number]
    norm = gd.norm(back[model.fc1.weight]).item()
    print(f"step {number:3}: loss {back.output.item():.3f}, ‖∇W‖ of fc1 {norm:.1e}")
moments = [(f"step {number}", records[number]) for number in range(0, 161, 20)]
save(gd.draw(moments[0][1], title="step 0"), "training_film_first")
save_page(gd.draw_steps(moments, title="Nine moments of training"), "training_film")
