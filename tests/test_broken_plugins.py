"""Distributions with all that can be wrong, installed together: the sound one and graphdiff work, and each
broken one is named with its reason."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

# Distribution -> (what it provides, its modules, words of the reason).
BROKEN = {
    "raises": ("layers", "Raises = raises_mod:X", {"raises_mod": "1 / 0"}, "ZeroDivisionError"),
    "exits": ("layers", "Exits = exits_mod:X", {"exits_mod": "raise SystemExit(3)"}, "SystemExit: 3"),
    "skips": (
        "layers",
        "Skips = skips_mod:X",
        {"skips_mod": "class Skipped(BaseException): pass\nraise Skipped('no GPU')"},
        "Skipped: no GPU",
    ),
    "syntax": ("layers", "Syntax = syntax_mod:X", {"syntax_mod": "def ("}, "SyntaxError"),
    "dependency": (
        "losses",
        "Dependency = dependency_mod:X",
        {"dependency_mod": "import nothing_like_it"},
        "No module named 'nothing_like_it'",
    ),
    "nowhere": ("losses", "Nowhere = nowhere_mod:X", {}, "No module named 'nowhere_mod'"),
    "attribute": ("losses", "Attribute = attribute_mod:X", {"attribute_mod": "Y = 1"}, "AttributeError"),
    "future": (
        "optimizers",
        "Future = future_mod:X",
        {"future_mod": "graphdiff_api = 2\nclass X: pass"},
        "was written for plugin API 2",
    ),
    "strange-api": (
        "optimizers",
        "StrangeApi = strange_mod:X",
        {
            "strange_mod": """
                class Evil(int):
                    def __eq__(self, other): raise RuntimeError
                    def __repr__(self): raise RuntimeError
                    __hash__ = None
                graphdiff_api = Evil(1)
                class X: pass
            """
        },
        "plugin API of type Evil",
    ),
    "number": (
        "losses",
        "Number = number_mod:X",
        {"number_mod": "X = 3"},
        "is of type int; it has to be some",
    ),
    "whole-module": ("models", "Whole = whole_mod", {"whole_mod": ""}, "is of type module"),
    "no-layer": (
        "layers",
        "NoLayer = no_layer_mod:X",
        {"no_layer_mod": "class X: pass"},
        "is the class X; it has to be a subclass of Module",
    ),
    "no-optimizer": (
        "optimizers",
        "NoOptimizer = no_optimizer_mod:X",
        {"no_optimizer_mod": "from graphdiff import Module as X"},
        "is the class Module; it has to be a subclass of Optimizer",
    ),
    "no-primitive": (
        "primitives",
        "no_primitive = no_primitive_mod:X",
        {"no_primitive_mod": "def X(x): return x"},
        "is of type function; it has to be a Primitive",
    ),
    "no-backend": (
        "backends",
        "no_backend = no_backend_mod:X",
        {"no_backend_mod": "class X: pass"},
        "has to be a subclass of Backend",
    ),
    "circle": (
        "layers",
        "Circle = circle_one:X",
        {"circle_one": "from circle_two import Y\nX = 1", "circle_two": "from circle_one import X\nY = 1"},
        "partially initialized module 'circle_one'",
    ),
    "itself": (
        "layers",
        "Itself = itself_mod:X",
        {"itself_mod": "import graphdiff\nX = graphdiff.layers.Itself"},
        "still loading",
    ),
    "meta": (
        "layers",
        "Meta = meta_mod:X",
        {
            "meta_mod": """
                class Meta(type):
                    def __getattribute__(cls, name): raise RuntimeError(f"no {name} here")
                class X(metaclass=Meta): pass
            """
        },
        "RuntimeError: no graphdiff_api here",
    ),
    "chameleon": (
        "layers",
        "Chameleon = chameleon_mod:X",
        {"chameleon_mod": "from unittest.mock import MagicMock\nX = MagicMock()"},
        "plugin API of type MagicMock",
    ),
    "prose": ("layers", "Prose = see the manual", {}, "is not written module:attribute"),
    "mute": (
        "layers",
        "Mute = mute_mod:X",
        {
            "mute_mod": """
                class Mute(Exception):
                    def __str__(self): raise ValueError
                raise Mute
            """
        },
        "failed to load: Mute",
    ),
    "warns": (
        "layers",
        "Warns = warns_mod:X",
        {"warns_mod": "import warnings\nwarnings.simplefilter('error')\nwarnings.warn('old', FutureWarning)"},
        "FutureWarning: old",
    ),
    "tidies": (
        "layers",
        "Tidies = tidies_mod:X",
        {"tidies_mod": "import sys\nsys.path.clear()\nimport q"},
        "'q'",
    ),
    "<b>odd</b>": (
        "layers",
        "<script>alert(1)</script> = odd_mod:X\n[/red] \x1b[31m:x: = odd_mod:X",
        {"odd_mod": "raise OSError('<script>alert(2)</script>')"},
        "OSError: <script>",
    ),
}

# Distribution -> (file of its metadata, content), words of the reason.
UNREADABLE = {
    "nameless": (("METADATA", b"Version: 1.0\n"), "no name or no version"),
    "versionless": (("METADATA", b"Name: versionless\n"), "no name or no version"),
    "bare": (("METADATA", None), "bare-1.0.dist-info"),
    "binary": (("entry_points.txt", b"[graphdiff.layers]\n\xff\xfe = a:b"), "UnicodeDecodeError"),
    "unequal": (("entry_points.txt", b"[graphdiff.layers]\nno equals sign\n"), "unequal-1.0.dist-info"),
}

SOUND = """
    import graphdiff as gd
    print("a word on standard output")
    class Twice(gd.Module):
        def forward(self, x):
            return x + x
    class Fails(gd.Module):
        def forward(self, x):
            raise LookupError("no such thing")
    class Linear(gd.Module):
        pass
"""
SOUND_ENTRIES = (
    "Twice = sound_mod:Twice\nFails = sound_mod:Fails\nLinear = sound_mod:Linear\nTwin = sound_mod:Twice"
)

SLOW = "import time\ntime.sleep(1)\nfrom sound_mod import Twice"

USE = """
import json, sys, numpy as np, graphdiff as gd
from graphdiff.plugins import Registry

reasons = {}
for kind, distribution, name in json.loads(sys.argv[1]):
    try:
        Registry(kind)[f"{distribution}:{name}"]
    except gd.errors.PluginError as error:
        reasons[distribution] = str(error)

gd.seed(0)
model = gd.layers.Sequential(fc=gd.layers.Linear(64, 10), twice=gd.layers.Twice())
rng, optimizer = np.random.default_rng(0), gd.optimizers.SGD(lr=0.1)
inputs = rng.normal(size=(64, 64)).astype("float32")
labels = inputs[:, :10].argmax(1)

def step(x, y):
    loss = gd.losses.softmax_cross_entropy(model(x), y)
    optimizer.step(model, loss.backward())
    return loss

losses = [step(inputs, labels).item() for _ in range(20)]
for name in ("Fails", "Twin"):
    try:
        gd.layers.Sequential(**{"<script>": gd.layers[name]()})(1.0)
    except (LookupError, gd.errors.PluginError) as error:
        reasons[name] = "; ".join([str(error), *getattr(error, "__notes__", [])])
named = gd.layers.Sequential(**{"<script>alert(9)</script>": model})
gd.draw(named(inputs[:2])).save("page.html")
found = {"linear": gd.layers.Linear.__module__, "slow": "slow_mod" in sys.modules}
print(json.dumps({"reasons": reasons, "losses": losses, **found}))
"""


class Site:
    def __init__(self, root):
        self.root = root
        for name, (kind, entries, modules, _) in BROKEN.items():
            self.install(name, kind, entries, modules)
        self.install("sound", "layers", SOUND_ENTRIES, {"sound_mod": SOUND})
        self.install("slow", "layers", "Slow = slow_mod:Twice", {"slow_mod": SLOW})
        self.install("twin", "layers", "Twin = sound_mod:Twice", {})
        for name, ((file, content), _) in UNREADABLE.items():
            path = self.install(name, "layers", "Lost = sound_mod:Twice", {}) / file
            path.unlink()
            if content is not None:
                path.write_bytes(content)

    def install(self, name, kind, entries, modules):
        folder = self.root / f"{name.replace('-', '_').replace('/', '_')}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text(f"[graphdiff.{kind}]\n{entries}\n")
        for module, source in modules.items():
            (self.root / f"{module}.py").write_text(textwrap.dedent(source))
        return folder

    def run(self, *command, code=0, columns=300):
        variables = {k: v for k, v in os.environ.items() if not k.startswith("GRAPHDIFF_")}
        variables |= {"PYTHONPATH": str(self.root), "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": str(columns)}
        done = subprocess.run(
            [sys.executable, *command], cwd=self.root, env=variables, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    return Site(tmp_path_factory.mktemp("site"))


def names(distribution):
    kind, entries, *_ = BROKEN[distribution]
    return [(kind, distribution, line.partition(" = ")[0]) for line in entries.splitlines()]


@pytest.fixture(scope="module")
def used(site):
    """What came of using each, and graphdiff, in one process."""
    wanted = [name for distribution in BROKEN for name in names(distribution)]
    return json.loads(site.run("-c", USE, json.dumps(wanted)).splitlines()[-1])


@pytest.fixture(scope="module")
def checked(site):
    return json.loads(site.run("-m", "graphdiff", "plugins", "check", "--json", code=1))


def test_there_are_more_than_twenty():
    assert len(BROKEN) + len(UNREADABLE) >= 20


def test_listing_runs_no_code_of_theirs(site):
    listed = json.loads(site.run("-m", "graphdiff", "plugins", "list", "--json"))
    assert {p["status"] for p in listed["plugins"]} == {"not loaded"}
    assert {p["distribution"] for p in listed["plugins"]} == {*BROKEN, "sound", "slow", "twin", "graphdiff"}
    assert len(listed["unreadable"]) == len(UNREADABLE)


@pytest.mark.parametrize("name", BROKEN)
def test_using_one_says_whose_it_is_and_why(used, name):
    assert f"of {name} 1.0" in used["reasons"][name]
    assert BROKEN[name][3] in used["reasons"][name]


@pytest.mark.parametrize("name", BROKEN)
def test_the_check_says_the_same(checked, name):
    found = [p for p in checked["plugins"] if p["distribution"] == name]
    assert [p["name"] for p in found] == [n for _, _, n in sorted(names(name), key=lambda n: n[2].lower())]
    assert {p["status"] for p in found} <= {"failed", "incompatible"}
    assert all(BROKEN[name][3] in p["reason"] for p in found)


@pytest.mark.parametrize("name", UNREADABLE)
def test_metadata_that_cannot_be_read_are_named(checked, name):
    (text,) = [text for text in checked["unreadable"] if f"{name}-1.0.dist-info" in text]
    assert UNREADABLE[name][1] in text


def test_the_sound_ones_and_graphdiff_work(used, checked):
    assert used["losses"][-1] < 0.5 * used["losses"][0]
    for plugin in checked["plugins"]:
        if plugin["distribution"] in ("sound", "slow", "twin", "graphdiff"):
            assert plugin["status"] == "ok", plugin


def test_a_slow_one_is_not_waited_for_until_it_is_used(used):
    assert used["slow"] is False


def test_a_layer_that_fails_in_use_is_named(used):
    assert used["reasons"]["Fails"] == "no such thing; in the layer <script> (Fails)"


def test_a_name_of_two_is_a_conflict_and_a_built_in_stays(used, checked):
    assert "sound 1.0 and twin 1.0" in used["reasons"]["Twin"]
    assert used["linear"] == "graphdiff_layers.linear"
    reasons = {(p["distribution"], p["name"]): p["reason"] for p in checked["plugins"]}
    assert reasons["sound", "Linear"] == "also of graphdiff 0.1.0; this one is 'sound:Linear'"
    assert reasons["twin", "Twin"] == "also of sound 1.0; this one is 'twin:Twin'"


def test_nothing_is_cut_in_a_narrow_table(site):
    table = site.run("-m", "graphdiff", "plugins", "list", columns=80)
    assert "…" not in table


def test_names_have_no_effect_on_terminal_or_page(site, used):
    table = site.run("-m", "graphdiff", "plugins", "list")
    assert "<script>alert(1)</script>" in table
    assert r"[/red] \x1b[31m:x:" in table
    told = site.run("-m", "graphdiff", "plugins", "info", "<script>alert(1)</script>")
    assert "odd_mod.py" in told
    assert "OSError: <script>alert(2)" in told
    page = (site.root / "page.html").read_text("utf-8")
    assert "alert(9)" in page
    assert "<script>alert" not in page
