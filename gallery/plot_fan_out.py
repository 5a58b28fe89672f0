"""
Where a value is used twice
===========================

In f = x · y + x, the value of x takes two ways to f. Each way contributes to the gradient of x, and at the
branch point the contributions add: 4 through the product, 1 through the sum, 5 together.
"""

from figures import save

import graphdiff as gd

x, y = gd.variables(x=3.0, y=4.0)
f = x * y + x
back = f.backward()

save(gd.draw(f, gradients=back), "fan_out")

# %%
# With the local gradients: what arrives below a wire is what left the operator, times the number in grey.

save(gd.draw(f, gradients=back, local_gradients=True), "fan_out_local")
