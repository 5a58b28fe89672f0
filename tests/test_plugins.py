"""Plugins: found by name, loaded lazily, and none able to disturb another.

The distributions are real ones, written into a temporary folder.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributions import World, new_world

from graphdiff.errors import ArgumentError, PluginConflictError, PluginError, UnknownPluginError
from graphdiff.plugins import (
    API_VERSION,
    PluginInfo,
    Registry,
    instance_of,
    kinds,
    makes,
    prefer,
    refresh,
)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    yield from new_world(tmp_path, monkeypatch)


SHAPES = {"shapes_a": "class Round: pass\nclass Square: pass\n"}


# Listing and loading


def test_listing_loads_nothing(world: World) -> None:
    world.install("dist-a", "1.2", modules=SHAPES, Round="shapes_a:Round", Square="shapes_a:Square")
    registry = world.registry

    assert list(registry) == ["Round", "Square"]
    assert {"Round", "Square", "list", "register"} <= set(dir(registry))
    assert "Round" in registry
    assert "dist-a:Round" in registry
    assert "Triangle" not in registry
    assert 3 not in registry
    assert repr(registry) == f"<graphdiff.{world.kind}: Round, Square>"
    assert registry.list() == [
        PluginInfo(world.kind, "Round", "dist-a", "1.2", "shapes_a:Round", "not loaded", ""),
        PluginInfo(world.kind, "Square", "dist-a", "1.2", "shapes_a:Square", "not loaded", ""),
    ]
    assert world.kind in kinds()
    assert "shapes_a" not in sys.modules


def test_a_name_is_loaded_alone_and_kept(world: World) -> None:
    modules = {"shapes_a": "class Round: pass", "shapes_b": "class Square: pass"}
    world.install("dist-a", modules=modules, Round="shapes_a:Round", Square="shapes_b:Square")

    first = world.registry.Round

    assert first.__name__ == "Round"
    assert vars(world.registry)["Round"] is first
    assert world.registry["Round"] is world.registry["dist-a:Round"] is world.registry.Round is first
    assert world.statuses() == {"dist-a:Round": "ok", "dist-a:Square": "not loaded"}
    assert "shapes_b" not in sys.modules


def test_a_value_without_attribute_is_the_module_and_a_dotted_one_goes_deeper(world: World) -> None:
    world.install("dist-a", modules=SHAPES, whole="shapes_a", deep="shapes_a:Round.__name__")
    assert world.registry.whole is sys.modules["shapes_a"]
    assert world.registry.deep == "Round"


def test_a_plugin_may_have_the_name_of_a_method(world: World) -> None:
    world.install("dist-a", modules=SHAPES, list="shapes_a:Round", _hidden="shapes_a:Square")
    assert world.registry["list"].__name__ == "Round"
    assert world.registry["_hidden"].__name__ == "Square"
    assert [info.name for info in world.registry.list()] == ["_hidden", "list"]
    assert not hasattr(world.registry, "_hidden")


def test_importing_the_registries_does_not_import_the_metadata_reader() -> None:
    code = "import sys, graphdiff.plugins; print('importlib.metadata' in sys.modules)"
    path = [p for p in sys.path if p]
    program = f"import sys; sys.path[:0] = {path!r}\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_python_tools_can_handle_a_registry(world: World) -> None:
    registry = world.registry
    with pytest.raises(AttributeError) as caught:
        registry._repr_html_  # noqa: B018
    assert type(caught.value) is AttributeError
    assert registry is Registry(world.kind) is copy.copy(registry) is copy.deepcopy(registry)
    assert pickle.loads(pickle.dumps(registry)) is registry
    assert registry.kind == world.kind
    assert inspect.unwrap(registry) is registry
    assert repr(registry) == f"<graphdiff.{world.kind}: no plugins>"


# Kinds


def test_an_object_is_held_to_the_contract_of_its_kind(world: World) -> None:
    source = """
        class Base: pass
        class Good(Base): pass
        class Bad: pass
        def made(): return Good()
        one = Good()
    """
    entries = {name: f"mod_a:{name}" for name in ("Good", "Bad", "made", "one")}
    world.install("dist-a", modules={"mod_a": source}, **entries)
    base = __import__("mod_a").Base
    Registry(world.kind, makes(base))
    assert world.registry.Good.__name__ == "Good"
    assert world.registry.made().__class__ is world.registry.Good
    for name, found in (("Bad", "the class Bad"), ("one", "of type Good")):
        with pytest.raises(PluginError, match=f"{found}; it has to be a subclass of Base, or a function"):
            _ = world.registry[name]
    refresh()
    Registry(world.kind, instance_of(base))
    assert type(world.registry.one) is base.__subclasses__()[0]
    with pytest.raises(PluginError, match="is the class Good; it has to be a Base"):
        _ = world.registry.Good


# Broken plugins


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import a_module_nobody_has", "ModuleNotFoundError: No module named 'a_module_nobody_has'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("Other = 1", "AttributeError"),
        ("def (", "SyntaxError"),
        (
            "class Bad(Exception):\n    def __str__(self): raise ValueError\nraise Bad()",
            "failed to load: Bad",
        ),
    ],
)
def test_a_broken_plugin_says_whose_it_is_each_time_and_harms_no_other(
    world: World, source: str, words: str
) -> None:
    world.install("good-dist", modules=SHAPES, Square="shapes_a:Square")
    world.install("bad-dist", "0.3", modules={"broken_mod": source}, Round="broken_mod:Round")

    causes = []
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            _ = world.registry.Round
        for part in (world.kind, "'Round'", "bad-dist 0.3", "broken_mod:Round", words):
            assert part in str(caught.value)
        assert "GRAPHDIFF_DISABLE_PLUGINS=bad-dist" in str(caught.value)
        causes.append(caught.value.__cause__)
    assert causes[0] is causes[1]
    assert causes[0] is not None
    assert causes[0].__traceback__ is not None

    assert world.registry.Square.__name__ == "Square"
    assert world.statuses() == {"bad-dist:Round": "failed", "good-dist:Square": "ok"}
    (info,) = [info for info in world.registry.list() if info.status == "failed"]
    assert words.removeprefix("failed to load: ") in info.error


def test_a_keyboard_interrupt_passes_and_is_not_held_against_the_plugin(world: World) -> None:
    world.install("dist-a", modules={"slow_mod": "raise KeyboardInterrupt"}, Round="slow_mod:Round")
    with pytest.raises(KeyboardInterrupt):
        _ = world.registry.Round
    assert world.statuses() == {"dist-a:Round": "not loaded"}


def test_a_distribution_with_broken_metadata_does_not_break_the_others(world: World) -> None:
    world.install("good-dist", modules=SHAPES, Round="shapes_a:Round")
    world.install("nameless", metadata="", Lost="shapes_a:Square")
    (world.install("no-metadata", Lost="shapes_a:Square") / "METADATA").unlink()
    (world.install("not-text") / "entry_points.txt").write_bytes(b"[graphdiff.x]\n\xff\xfe = a:b")
    (world.install("not-entries") / "entry_points.txt").write_text("[graphdiff.x]\nno equals sign\n")
    refresh()

    assert list(world.registry) == ["Round"]
    assert world.registry.Round.__name__ == "Round"
    with pytest.raises(UnknownPluginError) as caught:
        _ = world.registry.Lost
    for name in ("nameless", "no_metadata", "not_text", "not_entries"):
        assert f"{name}-1.0.dist-info" in str(caught.value)


# The version of the interface


@pytest.mark.parametrize(
    "source",
    [
        "class Round:\n    graphdiff_api = 2",
        "graphdiff_api = 2\nclass Round: pass",
        "graphdiff_api = 2\nclass Round:\n    graphdiff_api = 0",
    ],
)
def test_a_plugin_for_another_major_is_refused(world: World, source: str) -> None:
    world.install("dist-a", "5.0", modules={"new_mod": source}, Round="new_mod:Round")
    for _ in range(2):
        with pytest.raises(PluginError, match=rf"plugin API \d.* has plugin API {API_VERSION}") as caught:
            _ = world.registry.Round
        assert "dist-a 5.0" in str(caught.value)
    assert world.statuses() == {"dist-a:Round": "incompatible"}
    assert "was written for plugin API" in world.registry.list()[0].error


@pytest.mark.parametrize(
    "source",
    [
        "class Round: pass",
        "graphdiff_api = 1\nclass Round: pass",
        "graphdiff_api = 2\nclass Round:\n    graphdiff_api = 1",
        "def __getattr__(name): raise ImportError(name)\nclass Round: pass",
    ],
)
def test_a_plugin_for_this_major_or_silent_is_welcome(world: World, source: str) -> None:
    world.install("dist-a", modules={"some_mod": source}, Round="some_mod:Round")
    assert world.registry.Round.__name__ == "Round"


def test_a_plugin_for_another_major_that_fails_for_it_is_called_incompatible(world: World) -> None:
    modules = {"pack.__init__": "graphdiff_api = 9", "pack.sub": "import a_module_nobody_has"}
    world.install("dist-a", modules=modules, Round="pack.sub:Round")
    with pytest.raises(PluginError, match="plugin API 9") as caught:
        _ = world.registry.Round
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert world.statuses() == {"dist-a:Round": "incompatible"}


# Several providers of one name


def two_strangers(world: World) -> None:
    world.install("dist-a", "1.0", modules={"mod_a": "class Round: pass"}, Round="mod_a:Round")
    world.install("dist-b", "2.0", modules={"mod_b": "class Round: pass"}, Round="mod_b:Round")


def test_a_short_name_of_two_strangers_is_a_conflict_and_qualified_names_work(world: World) -> None:
    two_strangers(world)
    with pytest.raises(PluginConflictError) as caught:
        _ = world.registry.Round
    for part in ("dist-a 1.0", "dist-b 2.0", f'GRAPHDIFF_PREFER="{world.kind}:Round=dist-a"', "prefer("):
        assert part in str(caught.value)
    assert list(world.registry) == ["Round"]
    assert "mod_a" not in sys.modules
    assert world.registry["dist-a:Round"].__module__ == "mod_a"
    assert world.registry["Dist_B:Round"].__module__ == "mod_b"


def test_the_environment_prefers_a_provider(world: World) -> None:
    two_strangers(world)
    world.patch.setenv("GRAPHDIFF_PREFER", f"other:hinge=x, {world.kind}:Round = DIST.B")
    assert world.registry.Round.__module__ == "mod_b"


def test_prefer_goes_before_the_environment_and_can_change_its_mind(world: World) -> None:
    two_strangers(world)
    world.patch.setenv("GRAPHDIFF_PREFER", f"{world.kind}:Round=dist-b")
    prefer(world.kind, "Round", "dist-a")
    assert world.registry.Round.__module__ == "mod_a"
    prefer(world.kind, "Round", None)
    assert world.registry.Round.__module__ == "mod_b"


def test_a_preference_that_cannot_be_followed_is_an_error(world: World) -> None:
    two_strangers(world)
    world.patch.setenv("GRAPHDIFF_PREFER", f"{world.kind}:Round=dist-x")
    with pytest.raises(PluginError, match=r"GRAPHDIFF_PREFER prefers 'dist-x'(.|\n)*dist-a 1.0"):
        _ = world.registry.Round
    world.patch.setenv("GRAPHDIFF_PREFER", "dist-a")
    with pytest.raises(PluginError, match="GRAPHDIFF_PREFER holds 'dist-a'"):
        _ = world.registry.Round
    assert world.registry["dist-a:Round"].__module__ == "mod_a"


def test_a_built_in_gives_way_to_a_preference_only(world: World) -> None:
    world.install("another", folder="first", modules={"mod_a": "class Round: pass"}, Round="mod_a:Round")
    world.install("graphdiff", folder="last", modules={"mod_g": "class Round: pass"}, Round="mod_g:Round")
    sys.path.remove(str(world.root / "first"))
    world.patch.syspath_prepend(world.root / "first")
    refresh()

    assert world.registry.Round.__module__ == "mod_g"
    assert world.registry["another:Round"].__module__ == "mod_a"
    prefer(world.kind, "Round", "another")
    assert world.registry.Round.__module__ == "mod_a"
    prefer(world.kind, "Round", None)
    assert world.registry.Round.__module__ == "mod_g"


def test_copies_of_one_distribution_count_once_and_the_first_on_the_path_wins(world: World) -> None:
    world.install("dist-a", "1.0", folder="old", modules=SHAPES, Round="shapes_a:Round")
    world.install("dist_a", "2.0", folder="new", modules=SHAPES, Round="shapes_a:Round")
    assert [info.version for info in world.registry.list()] == ["2.0"]
    assert world.registry.Round.__name__ == "Round"


# Disabled plugins


@pytest.mark.parametrize("setting", ["dist-a", "x, Dist_A", "dist-a:Round", "{kind}:Round", "all"])
def test_a_disabled_plugin_is_listed_as_such_and_using_it_says_so(world: World, setting: str) -> None:
    world.install("dist-a", modules={"mod_a": "class Round: pass"}, Round="mod_a:Round")
    world.install("graphdiff", modules={"mod_g": "class Square: pass"}, Square="mod_g:Square")
    world.patch.setenv("GRAPHDIFF_DISABLE_PLUGINS", setting.format(kind=world.kind))

    assert world.statuses() == {"dist-a:Round": "disabled", "graphdiff:Square": "not loaded"}
    assert list(world.registry) == ["Square"]
    assert "Round" not in world.registry
    for key in ("Round", "dist-a:Round"):
        with pytest.raises(PluginError, match="disabled by GRAPHDIFF_DISABLE_PLUGINS"):
            _ = world.registry[key]
    assert "mod_a" not in sys.modules
    assert world.registry.Square.__name__ == "Square"


def test_disabling_one_of_two_providers_ends_the_conflict(world: World) -> None:
    two_strangers(world)
    world.patch.setenv("GRAPHDIFF_DISABLE_PLUGINS", "dist-a")
    assert world.registry.Round.__module__ == "mod_b"
    prefer(world.kind, "Round", "dist-a")
    with pytest.raises(PluginError, match=r"dist-a 1.0 \(disabled by GRAPHDIFF_DISABLE_PLUGINS\)"):
        _ = world.registry.Round


# Unknown names


def test_an_unknown_name_says_what_there_is(world: World) -> None:
    world.install("dist-a", "1.2", modules=SHAPES, Round="shapes_a:Round", ReLU="shapes_a:Square")
    world.install("bad-dist", modules={"broken_mod": "import nothing_like_it"}, Broken="broken_mod:X")
    with pytest.raises(PluginError):
        _ = world.registry.Broken

    with pytest.raises(UnknownPluginError) as caught:
        _ = world.registry.relu
    assert isinstance(caught.value, AttributeError)
    message = str(caught.value)
    assert f"no {world.kind} plugin is called 'relu'" in message
    assert "Did you mean 'ReLU'?" in message
    assert "Installed from dist-a 1.2: ReLU, Round." in message
    assert "Installed from bad-dist 1.0: Broken." in message
    assert "ModuleNotFoundError: No module named 'nothing_like_it'" in message

    with pytest.raises(UnknownPluginError, match="Did you mean 'dist-a:Round'"):
        _ = world.registry["dist-aa:Round"]
    assert not hasattr(world.registry, "Triangle")
    assert getattr(world.registry, "Triangle", None) is None
    assert hasattr(world.registry, "Round")


def test_an_unknown_name_where_nothing_is_installed_says_that(world: World) -> None:
    with pytest.raises(UnknownPluginError, match=f"No {world.kind} plugin is installed"):
        _ = world.registry["Linear"]


# Circles and threads


def test_a_plugin_that_needs_itself_while_loading_is_told_so(world: World) -> None:
    look_up = f"from graphdiff.plugins import Registry\nX = Registry({world.kind!r}).{{}}\nclass {{}}: pass"
    modules = {"mod_a": look_up.format("B", "A"), "mod_b": look_up.format("A", "B")}
    world.install("dist-a", modules=modules, A="mod_a:A", B="mod_b:B")
    with pytest.raises(PluginError, match=f"{world.kind}:A -> {world.kind}:B -> {world.kind}:A"):
        _ = world.registry.A


def test_a_module_that_looks_itself_up_through_its_getattr_does_not_recurse(world: World) -> None:
    source = f"""
        from graphdiff.plugins import Registry
        def __getattr__(name):
            return Registry({world.kind!r})[name]
    """
    world.install("dist-a", modules={"mod_a": source}, Round="mod_a:Round")
    with pytest.raises(PluginError, match="still loading"):
        _ = world.registry.Round


def test_a_look_up_in_the_middle_of_a_plain_import_fails_for_that_moment_only(world: World) -> None:
    source = f"""
        from graphdiff.plugins import Registry
        try:
            Registry({world.kind!r}).Round
        except Exception as error:
            early = error
        class Round: pass
    """
    world.install("dist-a", modules={"mod_a": source}, Round="mod_a:Round")
    module = __import__("mod_a")
    assert isinstance(module.early, PluginError)
    assert "still loading" in str(module.early)
    assert world.registry.Round is module.Round


def run_threads(*bodies: object) -> None:
    threads = [threading.Thread(target=body, daemon=True) for body in bodies]  # type: ignore[arg-type]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads), "dead-lock"


def test_threads_get_one_object_of_a_module_that_ran_once(world: World) -> None:
    source = """
        import sys, time
        sys.runs_of_mod_a = getattr(sys, "runs_of_mod_a", 0) + 1
        time.sleep(0.05)
        def __getattr__(name):
            return object()  # a new one at each access
    """
    world.install("dist-a", modules={"mod_a": source}, Round="mod_a:Round")
    world.patch.setattr(sys, "runs_of_mod_a", 0, raising=False)
    found: list[object] = []
    start = threading.Barrier(16)

    def look_up() -> None:
        start.wait()
        found.append(world.registry.Round)

    run_threads(*[look_up] * 16)
    assert len(found) == 16
    assert len(set(map(id, found))) == 1
    assert sys.runs_of_mod_a == 1  # type: ignore[attr-defined]


def test_threads_that_meet_a_broken_plugin_all_hear_why(world: World) -> None:
    source = "import time\ntime.sleep(0.01)\nimport nothing_like_it"
    world.install("dist-a", modules={"mod_a": source}, Round="mod_a:Round")
    heard: list[str] = []
    start = threading.Barrier(8)

    def look_up() -> None:
        start.wait()
        try:
            _ = world.registry.Round
        except PluginError as error:
            heard.append(str(error))

    run_threads(*[look_up] * 8)
    assert len(heard) == 8
    assert all("No module named 'nothing_like_it'" in text for text in heard)


def test_an_import_that_looks_up_plugins_does_not_deadlock_with_a_look_up_that_imports(world: World) -> None:
    source = f"""
        import time
        from graphdiff.plugins import Registry
        time.sleep(0.2)  # the other thread is by now loading Outer, which waits for this module
        Base = Registry({world.kind!r}).Round
        class Outer(Base): pass
    """
    modules = {"mod_outer": source, "mod_a": "class Round: pass"}
    world.install("dist-a", modules=modules, Outer="mod_outer:Outer", Round="mod_a:Round")
    imported = threading.Event()

    def plain_import() -> None:
        imported.set()
        __import__("mod_outer")

    def look_up() -> None:
        imported.wait()
        assert world.registry.Outer.__name__ == "Outer"

    run_threads(plain_import, look_up)
    assert world.statuses() == {"dist-a:Outer": "ok", "dist-a:Round": "ok"}


# After the start: refresh and scripts


def test_what_is_installed_later_is_found_after_refresh(world: World) -> None:
    world.install("dist-a", modules=SHAPES, Round="shapes_a:Round")
    round_ = world.registry.Round
    site = world.root / "site"
    (site / "shapes_b.py").write_text("class Square: pass")
    entries = site / "dist_a-1.0.dist-info" / "entry_points.txt"
    entries.write_text(entries.read_text() + "Square = shapes_b:Square\n")

    assert list(world.registry) == ["Round"]
    refresh()
    assert list(world.registry) == ["Round", "Square"]
    assert world.registry.Square.__name__ == "Square"
    assert world.registry.Round is round_


def test_a_repaired_plugin_loads_after_refresh(world: World) -> None:
    world.install("dist-a", modules={"mod_a": "import nothing_like_it"}, Round="mod_a:Round")
    with pytest.raises(PluginError):
        _ = world.registry.Round
    world.write("mod_a", "class Round: pass")
    with pytest.raises(PluginError):
        _ = world.registry.Round
    refresh()
    assert world.registry.Round.__name__ == "Round"


def test_a_script_registers_and_replaces_its_own(world: World) -> None:
    registry = world.registry

    @registry.register
    class Round: ...

    @registry.register("Disc")
    def disc() -> None: ...

    assert registry.register("Half", 0.5) == 0.5
    assert registry.Round is registry["script:Round"] is Round
    assert registry.Disc is disc
    assert registry.Half == 0.5
    assert list(registry) == ["Disc", "Half", "Round"]
    info = {info.name: info for info in registry.list()}["Disc"]
    assert (info.distribution, info.version, info.status) == ("script", "", "ok")
    assert info.value == f"{__name__}:test_a_script_registers_and_replaces_its_own.<locals>.disc"

    first = Round

    @registry.register()
    class Round: ...  # type: ignore[no-redef]

    assert registry.Round is Round
    assert registry.Round is not first
    refresh()
    assert registry.Round is Round


def test_a_script_takes_an_installed_name_only_by_override(world: World) -> None:
    world.install("dist-a", modules=SHAPES, Round="shapes_a:Round")
    installed = world.registry.Round
    with pytest.raises(PluginConflictError, match=r"(?s)dist-a 1.0\n.*override=True"):
        world.registry.register("Round", 1)
    assert world.registry.Round is installed

    @world.registry.register(override=True)
    class Round: ...

    assert world.registry.Round is Round
    assert world.registry["dist-a:Round"] is installed
    world.patch.setenv("GRAPHDIFF_PREFER", f"{world.kind}:Round=dist-a")
    refresh()
    assert world.registry.Round is Round
    prefer(world.kind, "Round", "dist-a")
    assert world.registry.Round is installed


def test_a_script_may_use_the_name_of_a_disabled_plugin(world: World) -> None:
    world.install("dist-a", modules=SHAPES, Round="shapes_a:Round")
    world.patch.setenv("GRAPHDIFF_DISABLE_PLUGINS", "all")
    assert world.registry.register("Round", 1) == 1
    assert world.registry.Round == 1


def test_what_cannot_be_registered_is_refused(world: World) -> None:
    class Late:
        graphdiff_api = API_VERSION + 1

    with pytest.raises(PluginError, match=f"plugin API {API_VERSION + 1}"):
        world.registry.register(Late)
    with pytest.raises(PluginError, match=r"of type int; it has to be something to call"):
        Registry("losses").register("three", 3)
    for name in ("", "a:b"):
        with pytest.raises(ArgumentError, match="a text without a colon"):
            world.registry.register(name, 1)
    with pytest.raises(ArgumentError, match="no name of its own"):
        world.registry.register(3)  # type: ignore[call-overload]
    assert world.registry.list() == []
