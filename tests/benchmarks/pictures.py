"""Pictures of networks beside those of torchviz, torchview and torchlens.

``pip install -e ".[peers]"``, then ``python tests/benchmarks/pictures.py`` draws LeNet-5, ResNet-18 and
ResNet-152 with each, every picture in a process of its own, and writes ``results/pictures.json`` and, as
large as they fit on a page, ``results/pictures/*.png``. All are laid out by the engine that graphdiff finds.
"""

import io
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from html import unescape
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median

from graphdiff.bench.machine import description, environment
from graphdiff.draw import layout

RESULTS = Path(__file__).with_name("results")
PAGE = 539, 786  # points of an A4 page within margins of 1 cm
IMAGES = {"lenet5": (1, 1, 28, 28), "resnet18": (1, 3, 224, 224), "resnet152": (1, 3, 224, 224)}
PARTS = {"lenet5": ("features", "classifier"), "resnet18": ("layer1", "fc"), "resnet152": ("layer1", "fc")}
DOT = f"""#!{sys.executable}
import sys
from pathlib import Path
from pygraphviz import AGraph
format, file = next(a[2:] for a in sys.argv if a.startswith("-T")), sys.argv[-1]
AGraph(string=Path(file).read_text()).draw(sys.argv[sys.argv.index("-o") + 1], format=format, prog="dot")
"""


# Each tool: the DOT text and the SVG of its picture, the seconds to record and to draw, the loss.


def graphdiff(network):
    """Forward and backward."""
    import numpy as np

    import graphdiff as gd

    gd.seed(0)
    model = getattr(gd.models, network)()
    images = np.random.default_rng(0).normal(size=IMAGES[network]).astype("float32")
    start = time.perf_counter()
    loss = gd.losses.softmax_cross_entropy(model(images), np.array([3])).named("loss")
    back = loss.backward()
    for parameter in model.parameters():
        back[parameter].numpy()  # gradients are computed when they are asked for
    recorded = time.perf_counter()
    picture = gd.draw(loss, gradients=back)
    svg = picture.svg
    return picture.dot, svg, recorded - start, time.perf_counter() - recorded, loss.item()


def _on_torch(network):
    import torch

    from graphdiff.bench.peers.torch_models import MODELS, ResNet

    torch.manual_seed(0)
    model = ResNet((2, 2, 2, 2)) if network == "resnet18" else MODELS[network]()
    return model, torch.randn(IMAGES[network]), torch.tensor([3])


def torchviz(network):
    """The backward pass, with the parameters that it leads to."""
    import torch
    from torchviz import make_dot

    model, images, label = _on_torch(network)
    start = time.perf_counter()
    loss = torch.nn.functional.cross_entropy(model(images), label)
    loss.backward()
    recorded = time.perf_counter()
    dot = make_dot(loss, dict(model.named_parameters())).source
    svg = layout.render(dot, "svg", timeout=300).decode()
    return dot, svg, recorded - start, time.perf_counter() - recorded, loss.item()


def torchview(network):
    """The forward pass; running the model is a part of its drawing, and counted as recording."""
    from torchview import draw_graph

    model, images, _ = _on_torch(network)
    start = time.perf_counter()
    dot = draw_graph(model, input_data=images, expand_nested=True).visual_graph.source
    recorded = time.perf_counter()
    svg = layout.render(dot, "svg", timeout=300).decode()
    return dot, svg, recorded - start, time.perf_counter() - recorded, None


def torchlens(network):
    """Forward and backward in one picture; it calls a ``dot`` program itself."""
    import torch
    import torchlens as lens

    model, images, label = _on_torch(network)
    start = time.perf_counter()
    trace = lens.trace(model, images)
    loss = torch.nn.functional.cross_entropy(trace[trace.output_layers[0]].out, label)
    trace.log_backward(loss)
    recorded = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        if layout.available() == "pygraphviz":
            program = Path(folder, "dot")
            program.write_text(DOT)
            program.chmod(0o755)
            os.environ["PATH"] = f"{folder}{os.pathsep}{os.environ['PATH']}"
        dot = trace.draw_combined(vis_outpath=f"{folder}/it", vis_save_only=True, vis_fileformat="svg")
        seconds = time.perf_counter() - recorded
        os.environ["PATH"] = os.environ["PATH"].removeprefix(f"{folder}{os.pathsep}")
        return dot, Path(folder, "it.svg").read_text("utf-8"), recorded - start, seconds, loss.item()


TOOLS = {tool.__name__: tool for tool in (torchviz, torchview, torchlens, graphdiff)}


def measured(network, tool):
    """One picture: boxes, size, seconds, and what can be read off its text."""
    dot, svg, record, draw, loss = TOOLS[tool](network)
    _save_on_a_page(dot, RESULTS / "pictures" / f"{network}_{tool}.png")
    width, height = (
        float(re.search(rf'<svg[^>]* {side}="([\d.]+)pt"', svg)[1]) for side in ("width", "height")
    )
    shrunk = float(re.search(r"scale\(([\d.]+)", svg)[1]) * min(1, PAGE[0] / width, PAGE[1] / height)
    texts = re.findall(r'<text[^>]*font-size="([\d.]+)"[^>]*>([^<]*)<', svg)
    said = unescape(" ".join(text for _, text in texts))
    numbers = [float(number) for number in re.findall(r"\d+\.\d+", said)]
    return {
        "boxes": len(re.findall(r'class="node"', svg)),
        "width_pt": round(width),
        "height_pt": round(height),
        "record_s": round(record, 2),
        "draw_s": round(draw, 2),
        "text_on_a4_pt": round(shrunk * median(float(size) for size, _ in texts), 2),
        "reads": {
            "names of layers": all(part in said for part in PARTS[network]),
            "shapes": bool(re.search(r"\d ?[×x,] ?\d", said)),
            "loss": loss is not None and any(abs(number - loss) < 0.006 for number in numbers),
            "norms of gradients": bool(re.search(r"(∇\w*‖?|grad(ient)?( norm)?)[ =:]*\d", said)),
            "repeats": bool(re.search(r"(?<!\d)(?<!\d )× ?\d|\(x\d+\)", said)),
        },
    }


def _save_on_a_page(dot, path):
    """The picture as it is on a page, with few colours, so that the file is small."""
    from PIL import Image

    inches = f"{PAGE[0] / 72:.2f},{PAGE[1] / 72:.2f}"
    fitted = f'{dot.rstrip().removesuffix("}")}\nsize="{inches}"; }}'
    path.parent.mkdir(exist_ok=True)
    image = Image.open(io.BytesIO(layout.render(fitted, "png", dpi=130, timeout=300)))
    image.convert("RGB").quantize(48, dither=Image.Dither.NONE).save(path, optimize=True)


def main():
    """Every picture in a process of its own, one after the other."""
    found = {}
    for network, tool in product(IMAGES, TOOLS):
        command = [sys.executable, "-W", "ignore", __file__, network, tool]
        done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=600)
        if done.returncode:
            sys.exit(done.stderr)
        found.setdefault(network, {})[tool] = json.loads(done.stdout.splitlines()[-1])
        print(f"{network:10} {tool:10} {found[network][tool]}", flush=True)
    versions = {tool: version(tool) for tool in TOOLS} | {"layout": layout.available()}
    result = {"machine": description(gpu=False), "versions": versions, "pictures": found}
    (RESULTS / "pictures.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    print(json.dumps(measured(*sys.argv[1:]))) if len(sys.argv) > 1 else main()
