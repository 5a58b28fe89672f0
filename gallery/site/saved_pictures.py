"""Shows on a page of the site what the script of the page saved, and lists the pages as the index does."""

import shutil
import textwrap
from pathlib import Path

import figures

from graphdiff.draw.layout import inline_svg

PAGES = Path(__file__).parent / "made" / "extra" / "pages"


def as_rst(block, block_vars, gallery_conf):
    """What a block of a script saved, as rst: drawings inline, so that they can be hovered and searched."""
    shown = []
    for picture, file in figures.saved:
        if file.suffix == ".html":
            shown.append(_framed(file))
            continue
        path = Path(next(block_vars["image_path_iterator"])).with_suffix(file.suffix)
        shutil.copyfile(file, path)
        if isinstance(picture, figures.Picture):
            shown.append(_raw(f"<figure class='drawing'>{inline_svg(file.read_bytes())}</figure>"))
        else:
            place = path.relative_to(gallery_conf["src_dir"]).as_posix()
            alt = file.stem.replace("_", " ")
            shown.append(f".. image:: /{place}\n   :alt: {alt}\n   :class: drawing\n")
    figures.saved.clear()
    return "\n".join(shown)


def _framed(file):
    """An interactive page within the page, and alone."""
    PAGES.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, PAGES / file.name)
    address = f"../pages/{file.name}"
    frame = f"<iframe class='drawing' src='{address}' title='{file.stem}' loading='lazy'></iframe>"
    return _raw(f"{frame}<p><a href='{address}'>The page alone</a></p>")


def _raw(html):
    return f".. raw:: html\n\n{textwrap.indent(html, '   ')}\n"


def as_listed(path):
    """Where the index names an example."""
    return (Path(__file__).with_name("index.rst")).read_text("utf-8").index(Path(path).name)
