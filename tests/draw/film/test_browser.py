"""The page of a film in a browser: the slider, playing, keys, and no request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from draw.page.browser import Browser, needs_browser, started
from draw.reading import needs_engine

import graphdiff as gd
from graphdiff.draw import draw_steps
from graphdiff.draw.film import Steps

pytestmark = [needs_browser, needs_engine]


@pytest.fixture(scope="module")
def steps() -> Steps:
    x = gd.variables(x=3.0)[0]
    return draw_steps(((n, gd.square(x * float(n)).backward()) for n in range(4)), title="growing")


@pytest.fixture(scope="module")
def page(steps: Steps, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return steps.save(tmp_path_factory.mktemp("film") / "film.html", seconds=0.05)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    yield from started(tmp_path_factory.mktemp("profile"))


def texts(svg: str) -> list[str]:
    return re.findall(r"<text.*?>(.*?)</text>", svg)


def shown(browser: Browser) -> list[str]:
    return [found["text"] for found in browser.read("main svg text")]


def test_keys_and_slider_show_every_frame_as_it_is(browser: Browser, page: Path, steps: Steps) -> None:
    browser.complaints(), browser.requests()  # those of the browser's own first page
    browser.open(page)
    assert shown(browser) == texts(steps.frames[0].svg)
    for frame in steps.frames[1:]:
        browser.press("\ue014")  # right
        assert shown(browser) == texts(frame.svg)
    assert browser.text("#named") == "step 3"
    browser.press("\ue014", "\ue012")  # not beyond the end, and back
    assert browser.text("#named") == "step 2"
    browser.run("const s = document.getElementById('slider'); s.value = 0; s.oninput()")
    assert shown(browser) == texts(steps.frames[0].svg)
    assert browser.complaints() == []
    assert [url for url in browser.requests() if not url.startswith(("file:", "data:"))] == []


def test_playing_ends_at_the_last_frame_and_starts_anew(browser: Browser, page: Path, steps: Steps) -> None:
    browser.open(page)
    for _ in range(2):
        browser.click("#play")
        assert browser.text("#play") == "Pause"
        browser.run("window.ended = new Promise(done => setInterval(() => timer || done(), 10))")
        browser.driver.execute_async_script("const done = arguments[0]; window.ended.then(() => done())")
        assert browser.text("#named") == "step 3"
        assert browser.text("#play") == "Play"


def test_a_notebook_shows_all_of_the_page_in_a_frame(browser: Browser, steps: Steps, tmp_path: Path) -> None:
    path = tmp_path / "notebook.html"
    path.write_text(f"<!DOCTYPE html><body>{steps._repr_html_()}", "utf-8")
    browser.open(path)
    browser.complaints()
    browser.driver.switch_to.frame(0)
    browser.press("\ue014")
    browser.click("#play")
    scroll = browser.run("const e = document.scrollingElement; return [e.scrollHeight, e.clientHeight]")
    assert scroll[0] <= scroll[1]
    assert shown(browser)[0] == "growing"
    assert browser.complaints() == []
    browser.driver.switch_to.default_content()


def test_the_dark_page_keeps_the_picture_on_paper(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.prefer("dark")
    assert browser.style("body", "backgroundColor") == "rgb(22, 24, 29)"
    assert browser.style("main svg", "backgroundColor") == "rgb(255, 255, 255)"
    browser.prefer("light")


def test_without_javascript_the_first_frame_is_there(page: Path, steps: Steps, tmp_path: Path) -> None:
    for browser in started(tmp_path, scripts=False):
        browser.open(page)
        visible = browser.driver.find_elements("css selector", "main svg text")
        expected = [" ".join(text.split()) for text in texts(steps.frames[0].svg)]
        assert [" ".join(element.text.split()) for element in visible] == expected
        assert not browser.driver.find_element("css selector", ".tools").is_displayed()
