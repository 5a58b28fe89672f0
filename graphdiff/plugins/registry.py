"""The registries behind `gd.layers`, `gd.losses` and the others: from a name to a plugin."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, TypeVar, final, overload

from graphdiff.arguments import check_flags, check_kind, shown
from graphdiff.errors import ArgumentError, PluginConflictError, PluginError, UnknownPluginError
from graphdiff.plugins import messages, settings
from graphdiff.plugins.contracts import ANYTHING, Contract
from graphdiff.plugins.discovery import forget, installed, normalized
from graphdiff.plugins.plugin import SCRIPT, Plugin, PluginInfo

T = TypeVar("T")
Named = TypeVar("Named", bound=Callable[..., Any])

_MISSING: Any = object()
_registries: dict[str, Registry] = {}


@final
class Registry:
    """The plugins of one kind, by name; a process has one registry per kind.

    Args:
        kind: the last word of the entry-point group, such as ``layers``.
        contract: what its plugins have to be; who made the registry with one decides.

    ``registry.Linear`` and ``registry["Linear"]`` load a plugin when first asked for it and keep it;
    ``registry["distribution:Linear"]`` says whose. A short name means, in this order: the preferred
    provider's plugin, the one a script registered, the built-in, the only one there is.

    A look-up raises UnknownPluginError (an AttributeError) for a name that nobody provides or whose
    providers are all disabled, PluginConflictError where several distributions provide a short name,
    PluginError for a plugin that cannot be loaded or is not what the contract asks for. Listing (`list`,
    ``in``, ``iter``, ``dir``, ``repr``) loads nothing and never raises; all but `list` leave disabled
    plugins out.
    """

    # The instance dictionary holds nothing but what was looked up, so that a second look-up is
    # ordinary attribute access.
    __slots__ = ("__dict__", "_contract", "_kind", "_scripts")
    _contract: Contract
    _kind: str
    _scripts: dict[str, Plugin]

    def __new__(cls, kind: str, contract: Contract | None = None) -> Registry:
        made = super().__new__(cls)
        made._kind, made._scripts, made._contract = kind, {}, ANYTHING
        made = _registries.setdefault(kind, made)
        made._contract = contract or made._contract
        return made

    def __reduce__(self) -> tuple[type[Registry], tuple[str]]:
        return Registry, (self._kind,)

    @property
    def kind(self) -> str:
        """The last word of the entry-point group, such as ``layers``."""
        return self._kind

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # what copy, pickle, IPython and inspect probe for
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return self[name]

    def __getitem__(self, key: str) -> Any:
        found = self.__dict__  # `_reset` puts a new one in its place, so a stale find is never kept
        if key in found:
            return found[key]
        plugin = self._find(key).get(self._contract)
        if not (key.startswith("_") or hasattr(Registry, key)):  # these keep their meaning as attributes
            found[key] = plugin
        return plugin

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and any(info.status != "disabled" for info in self._providers(key))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(info.name for info in self.list() if info.status != "disabled"))

    def __dir__(self) -> builtins.list[str]:
        return [*dir(Registry), *(name for name in self if name.isidentifier())]

    def __repr__(self) -> str:
        return f"<graphdiff.{self._kind}: {', '.join(self) or 'no plugins'}>"

    def list(self) -> builtins.list[PluginInfo]:
        """Every plugin of this kind, disabled ones too, sorted by name. Loads nothing, never raises."""
        return [*self._plugins()]

    @overload
    def register(self, name: None = None, /, *, override: bool = ...) -> Callable[[Named], Named]: ...
    @overload
    def register(self, name: str, /, *, override: bool = ...) -> Callable[[T], T]: ...
    @overload
    def register(self, name: str, plugin: T, /, *, override: bool = ...) -> T: ...
    @overload
    def register(self, plugin: Named, /, *, override: bool = ...) -> Named: ...
    def register(self, name: Any = None, plugin: Any = _MISSING, /, *, override: bool = False) -> Any:
        """Adds a plugin from running code, as a decorator, ``@registry.register`` or
        ``@registry.register("Name")``, or by a call, ``registry.register("Name", plugin)``.

        A name registered before from running code is replaced (a notebook cell run again). With
        `override` the short name means this plugin from now on, even where an installed one has it.
        Raises PluginConflictError if an installed plugin has the name and `override` is not set,
        PluginError if the plugin states another major of the plugin interface or is not what its kind
        asks for, ArgumentError if there is no usable name.
        """
        check_flags(override=override)
        if plugin is _MISSING and (name is None or isinstance(name, str)):
            return lambda decorated: self.register(name or _name_of(decorated), decorated, override=override)
        if plugin is _MISSING:
            name, plugin = _name_of(name), name
        if not (isinstance(name, str) and name and ":" not in name):
            raise ArgumentError(
                f"a plugin cannot be registered as {shown(name)}", fix="give a text without a colon"
            )
        self._add(name, plugin, override)
        return plugin

    def _add(self, name: str, plugin: Any, override: bool) -> None:
        value = f"{getattr(plugin, '__module__', '?')}:{getattr(plugin, '__qualname__', '?')}"
        made = Plugin(PluginInfo(self._kind, name, SCRIPT, "", value), lambda: plugin)
        made.get(self._contract)  # refuses here and now what could not be used
        owners = [i for i in self._providers(name) if i.distribution != SCRIPT and i.status != "disabled"]
        if override:
            settings.set_preference(self._kind, name, SCRIPT)
        elif owners:
            what, fix = messages.taken(owners)
            raise PluginConflictError(what, fix=fix)
        self._scripts[name] = made
        self._reset()

    def _reset(self) -> None:
        self.__dict__ = {}

    def _plugins(self) -> dict[PluginInfo, Plugin]:
        """Every plugin of this kind under what is known of it now, in the order of `list`."""
        known: dict[PluginInfo, Plugin] = {}
        for plugin in [*self._scripts.copy().values(), *installed().plugins.get(self._kind, ())]:
            info = plugin.info
            known[replace(info, status="disabled") if settings.is_disabled(info) else info] = plugin
        return {info: known[info] for info in sorted(known, key=_place)}

    def _providers(self, key: str) -> dict[PluginInfo, Plugin]:
        """The plugins that a short or a qualified name can mean."""
        check_kind("name", key, str, f"give the name of one of {self._kind}, as text")
        owner, colon, name = key.partition(":")
        if not colon:
            return {info: plugin for info, plugin in self._plugins().items() if info.name == key}
        meant = normalized(owner), name
        return {i: p for i, p in self._plugins().items() if (normalized(i.distribution), i.name) == meant}

    def _find(self, key: str) -> Plugin:
        """The one plugin that the rules for short and qualified names leave; raises if none is left."""
        providers = self._providers(key)
        enabled = {normalized(i.distribution): i for i in providers if i.status != "disabled"}
        preferred = settings.preference(self._kind, key)
        if preferred and providers:
            owner = normalized(preferred.distribution)
            if owner not in enabled:
                what, fix = messages.preferred_in_vain(preferred, [*providers])
                raise PluginError(what, fix=fix)
        elif not enabled:
            raise UnknownPluginError(
                messages.unknown(self._kind, key, [*providers], self.list()),
                fix="use one that is installed, or install what brings it; graphdiff plugins list shows all",
            )
        elif len(enabled) == 1:
            (owner,) = enabled
        elif first := [owner for owner in (SCRIPT, settings.BUILT_IN) if owner in enabled]:
            owner = first[0]
        else:
            what, fix = messages.conflict([*enabled.values()])
            raise PluginConflictError(what, fix=fix)
        return providers[enabled[owner]]


def kinds() -> list[str]:
    """The kinds that have an installed plugin or a registry in this process, sorted. Never raises."""
    return sorted({*_registries.copy(), *installed().plugins})


def prefer(kind: str, name: str, distribution: str | None) -> None:
    """Makes the short name mean the plugin of that distribution, in this process and from now on.

    It goes before the environment variable GRAPHDIFF_PREFER; None undoes it. The distribution is
    looked for when the name is used, so it may be installed or registered later.
    """
    settings.set_preference(kind, name, distribution)
    Registry(kind)._reset()


def refresh() -> None:
    """Looks again at what is installed and at the environment, as after ``pip install`` in a notebook.

    Failed plugins get another try at their next use. Plugins registered from running code stay.
    """
    forget()
    for registry in list(_registries.values()):
        registry._reset()


def _place(info: PluginInfo) -> tuple[str, str, str]:
    return info.name.lower(), info.name, info.provider


def _name_of(plugin: Any) -> str:
    name = getattr(plugin, "__name__", None)
    if not isinstance(name, str):
        raise ArgumentError(f"{shown(plugin)} has no name of its own", fix='register("Name", plugin)')
    return name
