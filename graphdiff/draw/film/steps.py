"""The frames of a film: drawn one by one, laid out alike, and saved."""

from __future__ import annotations

import html
import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphdiff.arguments import check_kind, kind_of
from graphdiff.draw.picture import TIMEOUT, Picture, write
from graphdiff.errors import ArgumentError, DrawingError

if TYPE_CHECKING:
    from PIL.Image import Image

    from graphdiff.autodiff import Backward
    from graphdiff.graph import Graph
    from graphdiff.tensor import Tensor

SUFFIXES = (".html", ".gif", ".png")
_SECONDS = 0.5  # that a frame stays
_AROUND = 100  # pixels of a page above and below the picture
_AT_ONCE = 2  # layouts


def draw_steps(
    steps: Iterable[Tensor | Backward | Graph | tuple[object, Tensor | Backward | Graph]],
    *,
    title: str = "",
    **options: Any,
) -> Steps:
    """Draw one graph at several moments, of training for example.

    >>> draw_steps((step, loss(step).backward()) for step in range(20)).save("training.html")

    Args:
        steps: what :func:`draw` takes, in order, or pairs of a name and that; each is drawn before the next
            is asked for, so that a generator need not keep them.
        title: a heading.
        options: those of :func:`draw`.

    Returns:
        The frames; to be saved as a page or an animation.

    Raises:
        ArgumentError: no steps, or what ``draw`` objects to.
    """
    from graphdiff.draw import draw, words
    from graphdiff.draw.film.alignment import aligned
    from graphdiff.draw.film.page import UNTITLED

    check_kind("title", title, str, "give a string")
    if not isinstance(steps, Iterable):
        raise ArgumentError(f"{kind_of(steps)} gives no steps", fix="give a list of what draw takes")
    names, dots = [], []
    for number, step in enumerate(steps):
        name, target = step if isinstance(step, tuple) else (number, step)
        names.append(f"step {name}" if isinstance(name, int) else words.clean(str(name)))
        dots.append(draw(target, title=title or UNTITLED, **options).dot)
    if not dots:
        raise ArgumentError("no steps to draw", fix="give at least one")
    return Steps(names, aligned(dots), title)


class Steps:
    """What :func:`draw_steps` returns: frames of one layout.

    Attributes:
        names: what the frames are called.
        frames: a picture of each.
    """

    def __init__(self, names: Sequence[str], dots: Sequence[str], title: str = "") -> None:
        self.names = list(names)
        self.frames = [Picture(dot, title=title) for dot in dots]
        self.title = title

    def save(
        self,
        path: str | os.PathLike[str],
        *,
        seconds: float = _SECONDS,
        dpi: int = 96,
        timeout: float = TIMEOUT,
    ) -> Path:
        """Write the frames as what the file's suffix says: ``.html``, a page of its own with a slider, which
        shows the first frame where JavaScript is off; ``.gif`` or ``.png``, animated without end.

        Args:
            path: the file.
            seconds: that a frame stays.
            dpi: the resolution of an animation.
            timeout: seconds that the layout of a frame may take.

        Returns:
            The path.

        Raises:
            DrawingError: another suffix, or a place that cannot be written to.
            LayoutToolMissingError, LayoutTimeoutError: as for a picture.
        """
        path = Path(path)
        suffix = path.suffix.lower()
        if suffix == ".html":
            content = self._page(seconds, timeout).encode()
        elif suffix in SUFFIXES:
            content = self._animation(suffix[1:], seconds, dpi, timeout)
        else:
            raise DrawingError(
                f"{path.name!r} names no film", fix=f"end the file name in {', '.join(SUFFIXES)}"
            )
        write(path, content)
        return path

    def _laid_out(self, format: str, timeout: float, dpi: int | None = None) -> list[bytes]:
        """Every frame; those that are alike once."""
        from concurrent.futures import ThreadPoolExecutor

        one = {frame.dot: frame for frame in self.frames}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            done = pool.map(lambda frame: frame.laid_out(format, dpi=dpi, timeout=timeout), one.values())
        found = dict(zip(one, done, strict=True))
        return [found[frame.dot] for frame in self.frames]

    def _animation(self, format: str, seconds: float, dpi: int, timeout: float) -> bytes:
        from PIL import Image

        images = [Image.open(io.BytesIO(png)).convert("RGB") for png in self._laid_out("png", timeout, dpi)]
        size = max(i.width for i in images), max(i.height for i in images)
        images = [_named(image, name, size) for image, name in zip(images, self.names, strict=True)]
        content = io.BytesIO()
        duration = round(seconds * 1000)
        images[0].save(content, format, save_all=True, append_images=images[1:], duration=duration, loop=0)
        return content.getvalue()

    def _page(self, seconds: float, timeout: float) -> str:
        from graphdiff.draw.film.page import page

        return page(self.title, self.names, self._laid_out("svg", timeout), seconds)

    def _repr_html_(self) -> str | None:
        """In a notebook: the page, in a frame of its own that is as high as the picture."""
        try:
            text = self._page(_SECONDS, TIMEOUT)
        except DrawingError:
            return None
        height = float(text.partition(' height="')[2].partition("pt")[0]) * 4 / 3 + _AROUND
        frame = f"width:100%;height:{height:.0f}px;border:0;resize:vertical"
        return f'<iframe srcdoc="{html.escape(text)}" style="{frame}"></iframe>'


def _named(image: Image, name: str, size: tuple[int, int]) -> Image:
    """The image on paper of a size, with its name above it."""
    from PIL import Image, ImageDraw, ImageFont

    from graphdiff.draw.palette import INK, PAPER

    header = 26
    sheet = Image.new("RGB", (size[0], size[1] + header), PAPER)
    sheet.paste(image, ((size[0] - image.width) // 2, header))
    ImageDraw.Draw(sheet).text((12, 8), name, INK, ImageFont.load_default(14))
    return sheet
