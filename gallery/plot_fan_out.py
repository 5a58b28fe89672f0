"""
Where a value is used twice
===========================

In f = x · y + x, the value of x takes two ways to f. Each way contributes to the gradient of x, and at the
branch point the contributions add: 4 through the product, 1 through the sum, 5 together.
"""

from pathlib import Path

import graphdiff as gd
from graphdiff.draw import draw

x, y = gd.variables(x=3.0, y=4.0)
f = x * y + x
back = f.backward()

pictures = Path(__file__).parent / "pictures"
pictures.mkdir(exist_ok=True)
picture = draw(f, gradients=back)
for suffix in ("svg", "png"):
    print(picture.save(pictures / f"fan_out.{suffix}").name)

# %%
# With the local gradients: what arrives below a wire is what left the operator, times the number in grey.

picture = draw(f, gradients=back, local_gradients=True)
for suffix in ("svg", "png"):
    print(picture.save(pictures / f"fan_out_local.{suffix}").name)
