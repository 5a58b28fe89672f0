"""One self-contained page that shows a graph and lets its reader walk through it.

>>> draw(f.backward()).save("f.html")

What a page promises:

- **It is one file, and asks the network for nothing.** Its content security policy forbids everything but
  its own script and style, which it names by their hashes. Names are text, whatever characters they hold.
- **It is readable without JavaScript**: the picture stands in the page as SVG.
- **Its numbers are the graph's own**, as in every picture; the page computes none but norms of several
  tensors together.
- The same graph gives the same page.
- It needs a browser of 2024 or later (for CSS ``light-dark()``), and follows the system's light or dark mode.

Circuits keep the layout of the picture. Boxes of scopes are laid out by the page itself, so that any scope
can be unfolded beside any other.
"""

from __future__ import annotations

from graphdiff.draw.page.html import page

__all__ = ["page"]
