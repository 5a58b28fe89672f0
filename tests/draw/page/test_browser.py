"""The page in headless Chromium: fold, search, step, trace, themes, and that nothing leaves it."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from draw.page import samples
from draw.page.browser import Browser, needs_browser, started
from draw.reading import needs_engine

from graphdiff.draw import draw, draw_diff
from graphdiff.draw.page import page

pytestmark = [needs_browser, needs_engine]

LEFT, UP, RIGHT, DOWN = "\ue012", "\ue013", "\ue014", "\ue015"
TAB = "\ue004"
HOME, END, ENTER, ESCAPE = "\ue011", "\ue010", "\ue007", "\ue00c"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    yield from started(tmp_path_factory.mktemp("profile"))


@pytest.fixture(scope="module")
def pages(folder: Path) -> Callable[[str], Path]:
    titles = {"lenet": "LeNet-5", "resnet152": "ResNet-152", "neuron": "Neuron", "fan_out": "Fan-out"}

    def made(name: str) -> Path:
        path = folder / f"{name}.html"
        if not path.exists():
            draw(getattr(samples, name)(), title=titles[name]).save(path)
        return path

    return made


@pytest.fixture
def quiet(browser: Browser) -> Iterator[None]:
    """Nothing may be asked of the network, and nothing complained of, during a test."""
    browser.prefer("light")
    browser.resize(1300, 900)
    browser.complaints(), browser.requests()
    yield
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith(("file:", "data:"))] == []


Pages = Callable[[str], Path]
pytestmark.append(pytest.mark.usefixtures("quiet"))


def boxes(browser: Browser) -> list[str]:
    return [" ".join(found["text"].split()) for found in browser.read(".box > text.name")]


@pytest.mark.parametrize("name", ["neuron", "lenet", "resnet152"])
def test_the_page_shows_soon(
    browser: Browser, pages: Pages, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = pages(name)
    browser.open(path)
    paint = browser.run("return performance.getEntriesByName('first-contentful-paint')[0]?.startTime")
    ready = browser.run("return performance.now()")
    assert browser.read("#world text")
    with capsys.disabled():
        size = path.stat().st_size
        sys.stdout.write(f"\n{name}: {size:,} bytes, first paint {paint} ms, driven after {ready:.0f} ms\n")


def test_scopes_fold_and_unfold(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))
    before = boxes(browser)
    assert "0" in before
    browser.press("F")
    assert boxes(browser) == ["image", "input", "features", "classifier", "softmax_cross_entropy", "loss"]
    browser.click(".box[aria-expanded=false] .sign")
    assert "features" not in boxes(browser)
    assert "classifier" in boxes(browser)
    assert browser.text(".frame text") == "features"
    browser.press("U")
    assert boxes(browser).count("conv2d") == 2
    assert browser.text("#facts").startswith("19 operations shown in 21 boxes")


def test_keys_alone_fold_and_unfold(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))
    browser.press("F")
    browser.run("document.querySelector('.box[aria-expanded=false]').focus()")
    browser.press(ENTER)
    assert browser.text(".frame text") == "features"
    assert browser.run("return document.activeElement.classList.contains('frame')")
    browser.press(ENTER)
    assert browser.read(".frame") == []
    assert browser.run("return document.activeElement.getAttribute('aria-label')").startswith("features")


def test_tab_reaches_the_tools_and_the_boxes(browser: Browser, pages: Pages) -> None:
    browser.open(pages("fan_out"))
    seen = []
    for _ in range(10):
        browser.press(TAB)
        seen.append(
            browser.run("const a = document.activeElement; return a.getAttribute('aria-label') || a.id")
        )
    assert [name.split()[0] for name in seen[:5]] == ["Search", "play-steps", "Light", "Keys", "The"]
    assert seen[5:] == ["x, 3.00", "y, 4.00", "multiply, 12.00", "add, 15.00", "f, 15.00"]


def test_arrows_lead_along_the_graph(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))
    browser.run("document.querySelector('.box').focus()")
    seen = []
    for key in (DOWN, DOWN, UP):
        browser.press(key)
        seen.append(browser.run("return document.activeElement.getAttribute('aria-label')").split(",")[0])
    assert seen == ["features.0", "features.1", "features.0"]
    assert browser.text("#details h2") == "0"


def test_search_lists_marks_and_shows(browser: Browser, pages: Pages) -> None:
    browser.open(pages("resnet152"))
    browser.press("/", "layer3.7 batch_norm")
    assert len(browser.read("#matches li[role=option]")) == 3
    browser.press(ENTER)
    match = browser.read(".box.chosen")[0]
    assert "match" in match["classes"]
    assert within(match["at"], browser.read("#stage")[0]["at"])
    assert "layer3.7" in browser.text("#details")
    browser.press(ESCAPE)
    assert browser.read(".match") == []


def test_backward_steps_tell_local_upstream_and_contribution(browser: Browser, pages: Pages) -> None:
    browser.open(pages("fan_out"))
    browser.press("s")
    assert browser.text(".count") == "forward 1 of 2"
    assert "3.00 × 4.00 = 12.00" in browser.text(".step .sum")
    assert browser.style("g.node.current ellipse", "fill") != browser.style(
        "g.node:not(.current) ellipse", "fill"
    )
    browser.press(RIGHT, RIGHT)
    assert browser.text(".count") == "backward 1 of 2"
    assert browser.text(".step .sum") == "1.00 × 1.00 = 1.00 1.00 × 1.00 = 1.00"
    assert "x has 2 uses; more is to come" in browser.text(".step")
    browser.press(RIGHT)
    assert browser.text(".step .sum") == "4.00 × 1.00 = 4.00 3.00 × 1.00 = 3.00"
    assert "x has 2 uses; their sum: 5.00" in browser.text(".step")
    browser.press(HOME)
    assert browser.text(".count") == "forward 1 of 2"
    browser.press(ESCAPE)
    assert browser.read(".current") == []


def test_products_of_tensors_and_sums_over_broadcast_axes_are_told(browser: Browser, folder: Path) -> None:
    import graphdiff as gd

    x, w, b = (
        gd.variable(np.ones(shape), name=name) for name, shape in (("x", (6, 5)), ("w", (5, 4)), ("b", 4))
    )
    browser.open(draw(gd.sum(x @ w + b).backward(), style="overview").save(folder / "linear.html"))
    browser.press("s", RIGHT, RIGHT, RIGHT, RIGHT)
    assert "b was broadcast: summed to its shape, 4" in browser.text(".step")
    assert "1 × 6×4 ‖·‖ 4.9 = [6.00, 6.00, 6.00, 6.00]" in browser.text(".step .sum")
    browser.press(RIGHT)
    assert "Xᵀ·∇ with ∇ = 6×4 ‖·‖ 4.9 = 5×4 ‖·‖ 27" in browser.text(".step .sum")


def test_gradients_appear_as_they_are_computed(browser: Browser, pages: Pages) -> None:
    browser.open(pages("fan_out"))
    script = """return [...document.querySelectorAll('g.node text[fill="#c0262d"]')]
        .filter((text) => getComputedStyle(text).visibility === 'visible').length"""
    assert browser.run(script) == 6
    browser.press("s")
    seen = [browser.run(script)]
    for _ in range(3):
        browser.press(RIGHT)
        seen.append(browser.run(script))
    assert seen[0] == seen[1] == 0
    assert seen == sorted(seen)
    assert seen[-1] == 6


def test_steps_unfold_what_they_need_and_fold_it_again(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))
    before = boxes(browser)
    browser.press("s")
    assert "conv2d" in boxes(browser)
    assert len(browser.read(".box.current")) == 1
    browser.press(RIGHT, RIGHT)
    assert "conv2d" not in boxes(browser)
    browser.press(ESCAPE)
    assert boxes(browser) == before


def test_every_step_of_a_network_has_its_box_and_numbers(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))
    browser.press("s")
    for k in range(38):
        current = browser.read(".box.current")
        assert len(current) == 1, k
        assert "‖·‖" in browser.text(".step") or "loss" in browser.text(".step")
        browser.press(RIGHT)
    assert browser.text(".count") == "backward 19 of 19"


def test_playing_moves_on(browser: Browser, pages: Pages) -> None:
    browser.open(pages("fan_out"))
    browser.press("s", " ")
    browser.wait(".back .count")
    browser.press(" ")
    assert "Play" in browser.text("#play")


def test_paths_are_traced(browser: Browser, pages: Pages) -> None:
    browser.open(pages("neuron"))
    everything = len(browser.read("g.node[role=img]"))
    browser.run("document.querySelector('[aria-label^=w0]').focus()")
    browser.press("d")
    assert [found["text"].strip() for found in browser.read("g.node[role=img]:not(.dim)")] == [
        "w₀",
        "×",
        "+",
        "+",
        "σ",
        "f",
    ]
    browser.press(ESCAPE)
    assert len(browser.read("g.node[role=img]:not(.dim)")) == everything
    browser.run("document.querySelector('[aria-label^=x1]').focus()")
    browser.press("p")
    browser.run("document.querySelectorAll('[aria-label^=add]')[0].focus()")
    browser.press(ENTER)
    assert [found["text"].strip() for found in browser.read("g.node[role=img]:not(.dim)")] == ["x₁", "×", "+"]


def test_details_tell_what_is_known(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))
    browser.press("/", "max_pool2d", ENTER)
    told = browser.text("#details")
    for words in ("features.2", "32×6×14×14", "float32", "1 for the winner", "samples.py:", "mean"):
        assert words in told
    browser.press(ESCAPE, "F")
    browser.click(".box[aria-expanded=false] text.name")
    assert "conv2d × 2" in browser.text("#details")
    assert "2.6k in 4 tensors" in browser.text("#details")


def test_bad_numbers_are_found_at_once(browser: Browser, folder: Path) -> None:
    import graphdiff as gd

    x = gd.variable([-1.0] * 8, name="x")
    with gd.scope("inner.deep"):
        y = gd.exp(gd.log(gd.tanh(x)))
    browser.open(draw(gd.sum(y).backward(), style="overview").save(folder / "bad.html"))
    assert browser.text(".wrong").startswith("First value that is not finite: log")
    browser.click(".wrong button")
    assert browser.text("#details h2") == "log"
    assert "8 not finite" in browser.text("#details")
    assert "inner" in browser.text(".frame text")


def test_a_layers_own_colour_has_readable_text(browser: Browser, folder: Path) -> None:
    import graphdiff as gd
    from graphdiff.draw.labels import Label

    class Dark(gd.Module):
        def forward(self, x: gd.Tensor) -> gd.Tensor:
            return gd.tanh(gd.exp(x))

        def draw_label(self) -> Label:
            return Label(rows=["of its own"], color="#221144")

    net = gd.layers.Sequential(dark=Dark())
    f = gd.sum(net(gd.variable([1.0] * 8, name="x")))
    for theme in ("light", "dark"):
        browser.prefer(theme)
        browser.open(draw(f.backward(), style="overview").save(folder / "tint.html"))
        browser.press("F")
        box = ".box[aria-label^=dark]"
        assert browser.style(f"{box} > rect", "fill") == "rgb(34, 17, 68)"
        assert browser.style(f"{box} text", "fill") == "rgb(255, 255, 255)"
        assert "of its own" in browser.text(box)


def test_boxes_are_coloured_by_what_they_cost(browser: Browser, folder: Path) -> None:
    picture = draw(samples.lenet(), style="overview", show="forward", numbers="time")
    browser.open(picture.save(folder / "costs.html"))
    browser.press("F")
    fills = """return [...document.querySelectorAll('.box[aria-label] > rect:not(.behind)')]
        .map((rect) => [rect.parentNode.textContent, getComputedStyle(rect).fill])"""
    most = "rgb(139, 122, 184)"
    assert most not in [fill for _, fill in browser.run(fills)]
    for amount, unit in (("compute", "FLOPs"), ("memory", "iB"), ("time", "s")):
        browser.run(
            "const s = document.querySelector('#tint'); s.value = arguments[0];"
            "s.dispatchEvent(new Event('change'))",
            amount,
        )
        (text,) = [text for text, fill in browser.run(fills) if fill == most]
        assert unit in text
        assert text.startswith("features") or amount == "time"  # what takes longest is the machine's affair
        nothing_overlaps(browser)


def test_paper_shows_all_of_the_picture(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))
    browser.click("#closer")
    moved = browser.run("return document.querySelector('#world').getAttribute('transform')")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    box = browser.run(
        "const b = document.querySelector('#world').getBBox(); return [b.x, b.y, b.width, b.height]"
    )
    x, y, w, h = map(
        float, browser.run("return document.querySelector('#picture').getAttribute('viewBox')").split()
    )
    assert x <= box[0]
    assert y <= box[1]
    assert x + w >= box[0] + box[2]
    assert y + h >= box[1] + box[3]
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("return document.querySelector('#world').getAttribute('transform')") == moved


def test_the_theme_follows_the_system_and_the_button(browser: Browser, pages: Pages) -> None:
    browser.prefer("dark")
    browser.open(pages("neuron"))
    dark = browser.style("body", "backgroundColor")
    ink = browser.style("g.node text[fill='#1b7f3b']", "fill")
    browser.press("t")
    assert browser.style("body", "backgroundColor") == "rgb(255, 255, 255)"
    assert dark != "rgb(255, 255, 255)"
    assert browser.style("g.node text[fill='#1b7f3b']", "fill") != ink
    browser.click("#theme")
    assert browser.style("body", "backgroundColor") == dark


def test_composites_of_a_circuit_unfold(browser: Browser, pages: Pages) -> None:
    browser.open(pages("neuron"))
    assert [found["text"].strip() for found in browser.read("g.cluster")] == []
    browser.press("U")
    assert "sigmoid" in browser.text("g.cluster")
    assert len(browser.read("svg#picture")) == 1
    browser.press("s", END, LEFT, LEFT, LEFT, LEFT)
    assert browser.text(".count") == "backward 4 of 8"
    assert browser.text(".step .sum") == "−1.00 × −0.20 = 0.20"
    browser.press("F")
    assert browser.read("g.cluster") == []
    assert "5 operations" in browser.text("#facts")


def test_wheel_buttons_and_keys_zoom(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))

    def width() -> float:
        x0, _, x1, _ = browser.read(".box > rect")[0]["at"]
        return float(x1 - x0)

    whole = width()
    browser.click("#closer")
    assert width() == pytest.approx(1.3 * whole, rel=0.01)
    browser.press("0")
    assert width() == pytest.approx(whole, rel=0.01)
    browser.run("""document.querySelector('#stage').dispatchEvent(
        new WheelEvent('wheel', { deltaY: -200, clientX: 300, clientY: 300, cancelable: true }))""")
    assert width() > whole
    before = browser.read(".box > rect")[0]["at"][0]
    browser.press("0", LEFT)
    assert browser.read(".box > rect")[0]["at"][0] != before


def within(inner: Sequence[float], outer: Sequence[float]) -> bool:
    return all(a <= b for a, b in zip((*outer[:2], *inner[2:]), (*inner[:2], *outer[2:]), strict=True))


def test_fingers_drag_and_pinch(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))

    def box() -> tuple[float, float]:
        x0, _, x1, _ = browser.read(".box > rect")[0]["at"]
        return x0, x1 - x0

    def touch(kind: str, *points: tuple[float, float]) -> None:
        at = [{"x": x, "y": y, "id": k} for k, (x, y) in enumerate(points)]
        browser.devtools("Input.dispatchTouchEvent", type=kind, touchPoints=at)

    x, width = box()
    touch("touchStart", (200, 300))
    touch("touchMove", (260, 300))
    touch("touchEnd")
    assert box() == pytest.approx((x + 60, width), abs=1)
    touch("touchStart", (300, 300), (400, 300))
    for spread in (60, 100, 150):
        touch("touchMove", (350 - spread, 300), (350 + spread, 300))
    touch("touchEnd")
    assert box()[1] == pytest.approx(3 * width, rel=0.05)


@pytest.mark.parametrize("show", ["forward", "both", "backward"])
@pytest.mark.parametrize("style", ["overview", "circuit"])
def test_no_keys_and_clicks_upset_it(browser: Browser, folder: Path, style: str, show: str) -> None:
    """Any keys and clicks in any order; the fixture sees to it that nothing is complained of."""
    choose = random.Random(f"{style} {show}")
    browser.open(draw(samples.scoped(3), style=style, show=show).save(folder / f"{style}_{show}.html"))
    click = """const found = document.querySelectorAll('.box, .frame, g.node');
        const one = found[Math.floor(arguments[0] * found.length)];
        one?.dispatchEvent(new PointerEvent('pointerover', { bubbles: true, pointerType: 'mouse' }));
        one?.dispatchEvent(new MouseEvent('click', { bubbles: true, detail: arguments[1] }));"""
    for _ in range(40):
        browser.press(choose.choice([*"stadpFU0+-? ", LEFT, UP, RIGHT, DOWN, HOME, END, ENTER, ESCAPE, TAB]))
        if choose.random() < 0.3:
            browser.run(click, choose.random(), choose.choice([1, 2]))
    browser.press(ESCAPE, ESCAPE, ESCAPE)
    assert browser.read(".current, .dim, .later") == []
    assert browser.read("#world text")


def overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    (a, b, c, d), (e, f, g, h) = one["at"], other["at"]
    return bool(a < g - 0.5 and e < c - 0.5 and b < h - 0.5 and f < d - 0.5)


def nothing_overlaps(browser: Browser) -> None:
    found = browser.read(".box > rect:not(.behind)")
    labels = browser.read("g.label")
    for one, other in itertools.combinations(found, 2):
        assert not overlap(one, other), (one, other)
    for label in labels:
        assert not [box for box in found if overlap(label, box)], label
    for one, other in itertools.combinations(labels, 2):
        assert not overlap(one, other), (one, other)
    frames = {frame["unit"]: frame["at"] for frame in browser.read(".frame > rect:not(.grip)")}
    for box in found:
        for unit, frame in frames.items():
            if box["unit"].startswith(f"{unit}/"):
                assert within(box["at"], frame)
            else:
                assert not overlap(box, {"at": frame}), (box, unit)


@pytest.mark.parametrize("seed", range(12))
def test_nothing_overlaps_in_random_graphs(browser: Browser, folder: Path, seed: int) -> None:
    path = folder / f"random{seed}.html"
    path.write_text(page(draw(samples.scoped(seed), style="overview")), encoding="utf-8")
    browser.open(path)
    nothing_overlaps(browser)
    browser.press("U")
    nothing_overlaps(browser)


def test_nothing_overlaps_in_networks(browser: Browser, pages: Pages) -> None:
    for name in ("lenet", "resnet152"):
        browser.open(pages(name))
        nothing_overlaps(browser)
        browser.press("U")
        nothing_overlaps(browser)


def test_a_chain_is_straight(browser: Browser, pages: Pages) -> None:
    browser.open(pages("lenet"))
    browser.press("U")
    boxes = [found["at"] for found in browser.read(".box[data-unit] > rect:not(.behind)")]
    middles = [round((x0 + x1) / 2) for x0, _, x1, _ in boxes]
    assert len(set(middles)) == 2  # the chain, and the labels that join it at the loss


def test_a_phone_shows_picture_and_details(browser: Browser, pages: Pages) -> None:
    browser.resize(390, 844)
    browser.open(pages("lenet"))
    assert browser.run("return document.documentElement.scrollWidth") <= 390
    stage, side = browser.read("#stage")[0]["at"], browser.read("#side")[0]["at"]
    assert stage[3] - stage[1] > 400
    assert side[1] >= stage[3]
    assert all(x0 >= 0 and x1 <= 390 for x0, _, x1, _ in (found["at"] for found in browser.read("button")))


def test_names_cannot_run(browser: Browser, folder: Path) -> None:
    import graphdiff as gd

    evil = "\"><script>document.title='ran'</script><img src=x onerror=\"document.title='ran'\">"
    with gd.scope(evil):
        x = gd.variable([1.0] * 8, name=evil)
        path = draw(gd.sum(gd.exp(x)).backward(), title=evil, style="overview").save(folder / "evil.html")
    browser.open(path)
    browser.press("U", "/", "script", ENTER)
    assert browser.run("return document.title") != "ran"
    assert evil in browser.text("#details h2")


def test_the_picture_is_there_without_scripts(tmp_path: Path, pages: Pages) -> None:
    for plain in started(tmp_path / "profile", scripts=False):
        plain.driver.get(pages("lenet").as_uri())
        (picture,) = plain.driver.find_elements("id", "picture")
        assert picture.is_displayed()
        assert picture.size["width"] > 300
        assert picture.size["height"] > 600
        shown = [text.text for text in plain.driver.find_elements("css selector", "#picture text")]
        assert "LeNet-5" in shown
        assert not plain.driver.find_element("id", "search").is_displayed()
        assert plain.complaints() == []


def test_a_training_step_has_panels_whose_rows_are_layers(browser: Browser, folder: Path) -> None:
    browser.open(draw(samples.training_step()).save(folder / "step.html"))
    panels = {found["text"]: found["at"] for found in browser.read(".frame.panel")}
    assert [*panels] == ["forward", "backward", "update"]
    assert all(one[2] < other[0] for one, other in itertools.pairwise(panels.values()))
    rows: dict[str, list[float]] = {}
    for box in browser.read(".box:not(.input) > text.name"):
        rows.setdefault(box["text"].lstrip("∂Δ "), []).append(box["at"][1])
    assert {name: len(tops) for name, tops in rows.items()} == {
        "one": 3,
        "two.in_": 3,
        "loss": 2,
        "optimizer": 1,
    }
    assert all(max(tops) - min(tops) < 1 for tops in rows.values())
    assert [row for row, _ in sorted(rows.items(), key=lambda row: row[1])] == [
        "optimizer",
        "one",
        "two.in_",
        "loss",
    ]
    assert len(browser.read(".link.across")) == 3  # one for the loss, and each gradient to its update
    nothing_overlaps(browser)
    browser.press("U")
    assert {"add", "subtract", "matmul"} <= {*boxes(browser)}
    nothing_overlaps(browser)
    browser.press("F")
    assert len(browser.read(".frame.panel")) == 3
    browser.press("s", END)
    assert browser.text("#steps .count")


def test_a_comparison_finds_and_tells_what_changed(browser: Browser, folder: Path) -> None:
    picture = draw_diff(*samples.widened(), style="tensor", title="Wider")
    browser.open(picture.save(folder / "diff.html"))
    assert browser.text("#facts").startswith("1 box added")
    browser.press("/", *"added")
    assert browser.text("#matches b") == "norm"
    browser.press(ENTER, ESCAPE)
    assert "+ added" in browser.text("#details dd")
    browser.press("a")
    dim = browser.run("return [...document.querySelectorAll('g.node.dim')].map((g) => g.id)")
    (two,) = [box.id for box in picture.view.boxes if box.title == "two"]
    (one,) = [box.id for box in picture.view.boxes if box.title == "one"]
    assert two in dim
    assert one not in dim
