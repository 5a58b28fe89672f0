"""The gallery as a site that needs no network: ``sphinx-build -W -b html gallery/site build/site``."""

import logging
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import figures  # noqa: E402
import saved_pictures  # noqa: E402

logging.getLogger("graphdiff").setLevel(logging.WARNING)

project = "graphdiff"
extensions = ["sphinx_gallery.gen_gallery"]
exclude_patterns = ["made/index.rst", "sg_execution_times.rst", "**/sg_execution_times.rst", "made/uses"]
html_theme = "furo"
html_title = "graphdiff"
html_static_path = ["_static"]
html_css_files = ["gallery.css"]
html_extra_path = ["made/extra"]
html_copy_source = False
html_show_sphinx = html_show_copyright = False

# Not beside the scripts, whose pictures are those that were chosen.
figures.PICTURES = HERE / "made" / "pictures"
saved_pictures.PAGES.mkdir(parents=True, exist_ok=True)

sphinx_gallery_conf = {
    "examples_dirs": "..",
    "gallery_dirs": "made",
    "filename_pattern": "plot_",
    "ignore_pattern": r"(figures|conf)\.py",
    "image_scrapers": ("saved_pictures.as_rst",),
    "backreferences_dir": "made/uses",
    "capture_repr": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "notebook_extensions": set(),
    "show_signature": False,
    "show_memory": False,
    "minigallery_sort_order": "saved_pictures.as_listed",
    "min_reported_time": 1e9,
    "remove_config_comments": True,
    "thumbnail_size": (480, 320),
}
