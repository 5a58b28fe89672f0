"""A headless Chromium to open pages with, and what it saw: requests, complaints, pieces of the picture."""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars"
)

_READ = """
return [...document.querySelectorAll(arguments[0])].map((element) => {
  const { left, top, right, bottom } = element.getBoundingClientRect();
  const unit = element.closest('[data-unit]')?.dataset.unit;
  return { at: [left, top, right, bottom], text: element.textContent, unit, classes: [...element.classList] };
});
"""


@functools.cache
def missing() -> str:
    """Why no browser can be driven here, or ""."""
    programs = [name for name in ("chromium", "chromedriver") if not shutil.which(name)]
    if programs:
        return f"not installed: {', '.join(programs)} (Debian: apt-get install chromium chromium-driver)"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed (pip install selenium)"
    return ""


needs_browser = pytest.mark.skipif(bool(missing()), reason=missing() or "a browser is here")


class Browser:
    """One browser window; every page is opened afresh."""

    def __init__(self, profile: Path, size: tuple[int, int] = (1300, 900), scripts: bool = True) -> None:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        for flag in [*FLAGS.split(), f"--user-data-dir={profile}", f"--window-size={size[0]},{size[1]}"]:
            options.add_argument(flag)
        if not scripts:
            off = {"profile.managed_default_content_settings.javascript": 2}
            options.add_experimental_option("prefs", off)
        options.binary_location = str(shutil.which("chromium"))
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(options, webdriver.ChromeService(shutil.which("chromedriver")))
        self.resize(*size)

    def resize(self, width: int, height: int) -> None:
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )

    def prefer(self, theme: str) -> None:
        feature = {"name": "prefers-color-scheme", "value": theme}
        self.devtools("Emulation.setEmulatedMedia", features=[feature])

    def open(self, path: Path) -> None:
        self.driver.get(path.as_uri())
        if self.driver.find_elements("css selector", "#data") and self.run("return 1") == 1:
            self.wait("html.ready")

    def wait(self, selector: str) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.driver, 10, 0.02).until(lambda d: d.find_elements("css selector", selector))

    def run(self, script: str, *args: Any) -> Any:
        return self.driver.execute_script(script, *args)

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        for key in keys:
            ActionChains(self.driver, duration=0).send_keys(key).perform()

    def click(self, selector: str) -> None:
        self.driver.find_element("css selector", selector).click()

    def read(self, selector: str) -> list[dict[str, Any]]:
        """Place on the screen, text and unit of all elements that match."""
        found: list[dict[str, Any]] = self.run(_READ, selector)
        return found

    def text(self, selector: str) -> str:
        return " ".join(" ".join(found["text"].split()) for found in self.read(selector))

    def style(self, selector: str, name: str) -> str:
        script = "return getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]"
        return str(self.run(script, selector, name))

    def complaints(self) -> list[str]:
        """What the console says, since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """The addresses that were asked for, since the last call."""
        events = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]

    def devtools(self, command: str, **params: Any) -> None:
        self.driver.execute_cdp_cmd(command, params)


def started(profile: Path, **options: Any) -> Iterator[Browser]:
    browser = Browser(profile, **options)
    try:
        yield browser
    finally:
        browser.driver.quit()
