"""Shows on a page of the site what the script of the page saved, and lists the pages as the index does."""

import textwrap
from pathlib import Path

import figures

from graphdiff.draw.layout import inline_svg


def as_rst(block, block_vars, gallery_conf):
    """What a block of a script saved, as rst: drawings inline, so that they can be hovered and searched."""
    shown = []
    for picture, file in figures.saved:
        path = Path(next(block_vars["image_path_iterator"])).with_suffix(file.suffix)
        path.write_bytes(file.read_bytes())
        if isinstance(picture, figures.Picture):
            svg = textwrap.indent(inline_svg(path.read_bytes()), "   ")
            shown.append(f".. raw:: html\n\n   <figure class='drawing'>\n{svg}\n   </figure>\n")
        else:
            place = path.relative_to(gallery_conf["src_dir"]).as_posix()
            alt = file.stem.replace("_", " ")
            shown.append(f".. image:: /{place}\n   :alt: {alt}\n   :class: drawing\n")
    figures.saved.clear()
    return "\n".join(shown)


def as_listed(path):
    """Where the index names an example."""
    return (Path(__file__).with_name("index.rst")).read_text("utf-8").index(Path(path).name)
