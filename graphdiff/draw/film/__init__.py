"""Pictures of one graph at several moments, of training for example: a page with a slider, or an animation.

>>> draw_steps((step, loss(step).backward()) for step in range(20)).save("training.html")

All frames have one layout, and one scale of colours as all pictures do. A page is one file that asks for
nothing; it shows the first frame where JavaScript is off.
"""

from __future__ import annotations

from graphdiff.draw.film.steps import Steps, draw_steps

__all__ = ["Steps", "draw_steps"]
