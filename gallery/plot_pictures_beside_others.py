"""
Pictures beside those of other libraries
========================================

The same three networks, drawn by torchviz, torchview, torchlens and graphdiff, each with its own defaults and
as large as it fits on an A4 page. ``python tests/benchmarks/pictures.py`` drew and measured them.
"""

import json

import matplotlib.pyplot as plt
from figures import GREEN, GREY, RESULTS, panels, save

result = json.loads((RESULTS / "pictures.json").read_text("utf-8"))
NAMES = {"lenet5": "LeNet-5", "resnet18": "ResNet-18", "resnet152": "ResNet-152"}
PASSES = {
    "torchviz": "backward",
    "torchview": "forward",
    "torchlens": "forward and backward",
    "graphdiff": "forward and backward",
}

# %%
# Seconds to draw are those from what was recorded to SVG; text is as high as it comes out on the page.

machine = result["machine"]
print(f"{machine['processor']}, {machine['threads']} threads")
print(", ".join(f"{tool} {version}" for tool, version in result["versions"].items()))
for network, tools in result["pictures"].items():
    print(f"\n{NAMES[network]:10}  boxes       size in pt   record     draw    text   can be read off")
    for tool, found in tools.items():
        size = f"{found['width_pt']:,} × {found['height_pt']:,}"
        seconds = f"{found['record_s']:5.2f} s  {found['draw_s']:5.2f} s"
        reads = ", ".join(what for what, there in found["reads"].items() if there)
        print(
            f"{tool:10}  {found['boxes']:5}  {size:>15}  {seconds}  {found['text_on_a4_pt']:4.1f} pt  {reads}"
        )

# %%
# Page by page: what is on it, and how large its text is.

for network, tools in result["pictures"].items():
    figure, pages = panels(len(tools), size=(14, 6.3))
    figure.suptitle(f"{NAMES[network]} on a page", x=0.01, ha="left")
    for page, (tool, found) in zip(pages, tools.items(), strict=True):
        picture = plt.imread(RESULTS / "pictures" / f"{network}_{tool}.png")
        height, width = picture.shape[:2]
        scale = min(19 / width, 27.7 / height)  # cm within the margins of the page
        left, top = (21 - scale * width) / 2, 1
        page.imshow(picture, extent=(left, left + scale * width, top + scale * height, top))
        page.set(xlim=(-0.2, 21.2), ylim=(29.9, -0.2), aspect="equal", xticks=[], yticks=[])
        page.add_patch(plt.Rectangle((0, 0), 21, 29.7, fill=False, edgecolor="#999999"))
        page.spines[:].set_visible(False)
        page.set_title(tool, color=GREEN if tool == "graphdiff" else "black", weight="bold", fontsize=12)
        boxes, text = f"{found['boxes']:,} boxes", f"text {found['text_on_a4_pt']:.1f} pt"
        page.set_xlabel(f"{PASSES[tool]}\n{boxes}, {text}, {found['draw_s']:.2f} s", color=GREY)
    save(figure, f"pictures_beside_others_{network}")
