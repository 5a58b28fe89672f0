from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from graphdiff.draw import layout
from graphdiff.errors import DrawingError, LayoutTimeoutError, LayoutToolMissingError

MAGIC = {"svg": b"<?xml", "png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-"}

RICH = """digraph G {
    graph [fontname="Helvetica,Arial,sans-serif"];
    w [label=<<I>w</I><SUB>1</SUB>> shape=plaintext];
    wire [shape=plain label=<<TABLE BORDER="0">
        <TR><TD><B>−2.00</B></TD></TR><HR/><TR><TD>8.6e−5</TD></TR>
    </TABLE>>];
    g [label="‖∇W‖ × ∂f"];
    w -> wire -> g;
}"""

DENSE = "digraph {" + "\n".join(f"n{i} -> n{j}" for i in range(150) for j in range(i)) + "}"

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a shell script")
needs_engine = pytest.mark.skipif(layout.available() is None, reason="no layout engine is installed")


@pytest.fixture
def no_system_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GRAPHVIZ_DOT", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.fixture
def wheel(no_system_dot: None) -> None:
    if layout.available() != "pygraphviz":
        pytest.skip("pygraphviz is not installed")


@pytest.fixture
def nothing_installed(no_system_dot: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


@pytest.fixture
def fake_dot(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Put a shell script in the place of the system's ``dot``; its folder is returned."""

    def write(script: str) -> Path:
        program = tmp_path / "dot"
        program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{script}\n")
        program.chmod(0o755)
        monkeypatch.delenv("GRAPHVIZ_DOT", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
        return tmp_path

    return write


def png_size(picture: bytes) -> tuple[int, int]:
    return int.from_bytes(picture[16:20], "big"), int.from_bytes(picture[20:24], "big")


@needs_engine
@pytest.mark.parametrize("format", layout.FORMATS)
def test_every_format_has_its_magic_bytes_and_is_deterministic(format: str) -> None:
    first, again = (layout.render(RICH, format) for _ in range(2))
    assert first.startswith(MAGIC[format])
    assert first == again


def test_a_pdf_does_not_carry_the_time_of_day(wheel: None) -> None:
    assert b"/CreationDate (D:19700101000000" in layout.render(RICH, "pdf")


@needs_engine
def test_dpi_scales_a_png_and_leaves_an_svg_alone() -> None:
    width, height = png_size(layout.render(RICH, "png", dpi=100))
    double_width, double_height = png_size(layout.render(RICH, "png", dpi=200))
    assert min(width, height) > 0
    assert double_width == pytest.approx(2 * width, abs=2)
    assert double_height == pytest.approx(2 * height, abs=2)
    assert layout.render(RICH, "svg", dpi=200) == layout.render(RICH, "svg")


@needs_engine
def test_unicode_and_html_like_labels_survive() -> None:
    svg = layout.render(RICH, "svg").decode()
    for text in ("−2.00", "8.6e−5", "‖∇W‖ × ∂f"):
        assert text in svg
    for style in ('font-style="italic"', 'font-weight="bold"', 'baseline-shift="sub"'):
        assert style in svg
    assert svg.count("<poly") >= 2  # the rule of <HR/> beside the arrowheads


@needs_engine
def test_threads_may_render_at_once() -> None:
    texts = [f"digraph {{ node_{i} }}" for i in range(8)]
    with ThreadPoolExecutor() as pool:
        pictures = list(pool.map(lambda text: layout.render(text, "svg").decode(), texts))
    assert all(f"node_{i}" in picture for i, picture in enumerate(pictures))


@needs_engine
@pytest.mark.parametrize(
    ("dot", "complaint"),
    [
        ("digraph { a -> ", "syntax error"),
        ("digraph { a [label=<<B>x>] }", "mismatched tag"),
        ("digraph { a [label=<<FOO>x</FOO>>] }", "Unknown HTML element"),
        ("", "about 0 nodes"),
    ],
)
def test_broken_dot_raises_with_what_the_engine_said(dot: str, complaint: str) -> None:
    with pytest.raises(DrawingError, match=complaint) as caught:
        layout.render(dot, "svg")
    assert type(caught.value) is DrawingError
    assert "Traceback" not in str(caught.value)


@needs_engine
def test_a_warning_is_no_error() -> None:
    assert b"<svg" in layout.render("digraph { a [shape=nosuch]; a:nosuch -> b }", "svg")


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(DrawingError, match=r"(?s)'gif'.*svg, png, pdf"):
        layout.render("digraph {}", "gif")


@needs_engine
def test_the_limit_stops_a_long_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen[bytes]):
        def __init__(self, *args: object, **options: object) -> None:
            super().__init__(*args, **options)  # type: ignore[call-overload]
            started.append(self)

    monkeypatch.setattr("subprocess.Popen", Recorded)
    begin = time.monotonic()
    with pytest.raises(LayoutTimeoutError, match=r"150 nodes and 11175 edges .* limit of 0\.5 s") as caught:
        layout.render(DENSE, "svg", timeout=0.5)
    assert time.monotonic() - begin < 5
    assert all(remedy in str(caught.value) for remedy in ("fold", "`timeout`", '.save("x.dot")'))
    assert [process.poll() is not None for process in started] == [True]


@posix_only
def test_what_the_engine_started_is_killed_with_it(fake_dot: Callable[[str], Path]) -> None:
    heartbeat = fake_dot("(while :; do echo >> beat; sleep 0.02; done) &\nwait") / "beat"
    with pytest.raises(LayoutTimeoutError):
        layout.render("digraph {}", "svg", timeout=1.0)
    beats = heartbeat.stat().st_size
    assert beats > 0
    time.sleep(0.2)
    assert heartbeat.stat().st_size == beats


@posix_only
def test_an_interrupt_kills_the_engine(
    fake_dot: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    heartbeat = fake_dot("while :; do echo >> beat; sleep 0.02; done") / "beat"

    class Interrupted(subprocess.Popen[bytes]):
        def communicate(self, *_: object) -> tuple[bytes, bytes]:
            while not heartbeat.exists():
                time.sleep(0.01)
            raise KeyboardInterrupt

    monkeypatch.setattr("subprocess.Popen", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        layout.render("digraph {}", "svg")
    beats = heartbeat.stat().st_size
    time.sleep(0.2)
    assert heartbeat.stat().st_size == beats


@posix_only
def test_a_system_dot_is_preferred(fake_dot: Callable[[str], Path]) -> None:
    folder = fake_dot('echo "$@" > arguments; cat > input; echo "Warning: never mind" >&2; echo picture')
    assert layout.available() == "dot"
    assert layout.render("digraph { é }", "png", dpi=160) == b"picture\n"
    assert (folder / "arguments").read_text() == "-Tpng -Gdpi=160\n"
    assert (folder / "input").read_text(encoding="utf-8") == "digraph { é }"


@posix_only
def test_graphviz_dot_names_the_program(
    fake_dot: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = (fake_dot("echo named") / "dot").rename(tmp_path / "other")
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setenv("GRAPHVIZ_DOT", str(program))
    assert layout.render("digraph {}", "svg") == b"named\n"
    monkeypatch.setenv("GRAPHVIZ_DOT", str(program.with_name("gone")))
    assert layout.available() is None
    with pytest.raises(LayoutToolMissingError, match=r"GRAPHVIZ_DOT names .*gone"):
        layout.render("digraph {}", "svg")


@posix_only
@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("echo 'lost the plot' >&2; echo picture; exit 1", "lost the plot"),
        ("echo 'Error: lost an edge' >&2; echo picture", "lost an edge"),
        ("exit 0", "it said nothing"),
        ("kill -SEGV $$", "exit status -11"),
    ],
)
def test_an_engine_that_fails_is_never_silent(
    fake_dot: Callable[[str], Path], script: str, complaint: str
) -> None:
    fake_dot(script)
    with pytest.raises(DrawingError, match=complaint):
        layout.render("digraph {}", "svg")


@posix_only
def test_a_dot_that_is_no_program_is_named(fake_dot: Callable[[str], Path]) -> None:
    program = fake_dot("") / "dot"
    program.write_bytes(b"\x7fnot a program")
    with pytest.raises(DrawingError, match=r"dot cannot be run"):
        layout.render("digraph {}", "svg")


@pytest.mark.parametrize(
    ("platform", "remedies"),
    [
        ("linux", ["pip install", "pygraphviz", "apt-get install graphviz"]),
        ("darwin", ["pip install", "pygraphviz", "brew install graphviz"]),
        ("win32", ["pip install", "pygraphviz", "winget install", "choco install graphviz"]),
        ("sunos5", ["graphviz package"]),
    ],
)
def test_without_an_engine_the_message_says_what_to_install(
    nothing_installed: None, monkeypatch: pytest.MonkeyPatch, platform: str, remedies: list[str]
) -> None:
    assert layout.available() is None
    monkeypatch.setattr("sys.platform", platform)
    with pytest.raises(LayoutToolMissingError) as caught:
        layout.render("digraph {}", "svg")
    assert all(remedy in str(caught.value) for remedy in [*remedies, '.save("x.dot")'])


def stand_in_for_pygraphviz(monkeypatch: pytest.MonkeyPatch, folder: Path, source: str) -> None:
    package = folder / "pygraphviz"
    package.mkdir()
    (package / "__init__.py").write_text(source)
    monkeypatch.delitem(sys.modules, "pygraphviz", raising=False)
    monkeypatch.syspath_prepend(folder)


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("raise ImportError('libX11.so.6: no such file')", r"libX11\.so\.6"),
        ("__version__ = '1.14'", r"pygraphviz 1\.14"),
    ],
)
def test_a_wheel_that_cannot_be_loaded_counts_as_missing(
    no_system_dot: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, source: str, complaint: str
) -> None:
    stand_in_for_pygraphviz(monkeypatch, tmp_path, source)
    with pytest.raises(LayoutToolMissingError, match=complaint):
        layout.render("digraph {}", "svg")


@pytest.mark.skipif(sys.platform != "linux", reason="fonts are looked up by fontconfig")
def test_a_machine_without_fonts_draws_svg_only(
    wheel: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "fonts.conf").write_text("<fontconfig></fontconfig>")
    monkeypatch.setenv("FONTCONFIG_FILE", str(tmp_path / "fonts.conf"))
    layout._require_fonts.cache_clear()
    for format in ("png", "pdf"):
        with pytest.raises(DrawingError, match="fonts-liberation"):
            layout.render(RICH, format)
    assert "‖∇W‖" in layout.render(RICH, "svg").decode()


def test_the_engine_stays_out_of_this_process(wheel: None) -> None:
    script = (
        "import sys; from graphdiff.draw import layout; layout.render('digraph {}', 'svg');"
        "print({'graphviz', 'pygraphviz'} & set(sys.modules))"
    )
    root = Path(layout.__file__).parents[2]
    printed = subprocess.check_output([sys.executable, "-c", script], cwd=root, text=True)
    assert printed == "set()\n"


@needs_engine
def test_inline_svg_is_a_bare_element_that_keeps_its_size() -> None:
    svg = layout.render('digraph { a [label="<script> -->"] }', "svg")
    element = layout.inline_svg(svg)
    assert element.startswith("<svg style=")
    assert element.endswith("</svg>")
    assert all(part in element for part in ("width=", "height=", "viewBox=", "&lt;script&gt;"))
    assert not any(part in element for part in ("<?xml", "<!", "<script"))
