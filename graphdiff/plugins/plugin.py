"""One plugin: who provides it, and what came of loading it."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

from graphdiff.errors import PluginError
from graphdiff.plugins.contracts import Contract

API_VERSION = 1
"""The major version of the plugin interface; a plugin states its own as ``graphdiff_api``."""

SCRIPT = "script"
"""Stands for the distribution of a plugin that running code registered."""

Status = Literal["ok", "not loaded", "failed", "incompatible", "disabled"]


@dataclass(frozen=True)
class PluginInfo:
    """What is known of a plugin without loading it, and how loading went if it was tried."""

    kind: str
    name: str
    distribution: str
    version: str
    value: str
    status: Status = "not loaded"
    error: str = ""

    @property
    def provider(self) -> str:
        """The distribution with its version, as messages name it."""
        return f"{self.distribution} {self.version}".rstrip()

    @property
    def qualified(self) -> str:
        """The name that means this plugin whatever else is installed."""
        return f"{self.distribution}:{self.name}"

    def __str__(self) -> str:
        return f"{self.kind} plugin {self.name!r} of {self.provider} ({self.value})"


class _Outcome(NamedTuple):
    status: Status
    value: Any = None
    error: str = ""
    remedy: str = ""
    cause: BaseException | None = None


class _Loading(threading.local):
    """The plugins that the current thread is in the middle of loading, outermost first."""

    def __init__(self) -> None:
        self.stack: list[Plugin] = []


_loading = _Loading()
_lock = threading.Lock()


class Plugin:
    """A plugin that is loaded at most once, when it is first asked for.

    No lock is held while foreign code is imported: the import system runs a module once whatever
    the threads do, and a lock of ours held across it could deadlock with the import lock of a module
    that looks plugins up in its body. The lock only makes the first outcome the one that stays.
    """

    def __init__(self, info: PluginInfo, load: Callable[[], Any]) -> None:
        self._info = info
        self._load = load
        self._outcome: _Outcome | None = None

    @property
    def info(self) -> PluginInfo:
        outcome = self._outcome
        return replace(self._info, status=outcome.status, error=outcome.error) if outcome else self._info

    def get(self, contract: Contract) -> Any:
        """The plugin object.

        Raises PluginError, from the exception that loading met the first time, if the plugin cannot
        be loaded, was written for another major version of the plugin interface, or is not what the
        contract asks for.
        """
        outcome = self._outcome or self._keep(self._try(contract))
        if outcome.status == "ok":
            return outcome.value
        raise PluginError(f"{self._info} {outcome.error}", fix=outcome.remedy) from outcome.cause

    def _keep(self, outcome: _Outcome) -> _Outcome:
        with _lock:
            self._outcome = self._outcome or outcome
            return self._outcome

    def _try(self, contract: Contract) -> _Outcome:
        if self in _loading.stack:
            raise self._circular()
        before, path = self._half_imported(), sys.path.copy()
        _loading.stack.append(self)
        try:
            value = self._load()
            return self._refusal(self._stated_api(value)) or _of_kind(value, contract)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # SystemExit, and what test tools raise to skip a module
            if before and self._half_imported() is before:  # no last word: the import is still going on
                raise self._circular() from error
            return self._refusal(self._stated_api(None), error) or self._failure(error)
        finally:
            _loading.stack.pop()
            sys.path += [place for place in path if place not in sys.path]  # others still need these

    def _circular(self) -> PluginError:
        path = [*_loading.stack[_loading.stack.index(self) :], self]
        return PluginError(
            f"{self._info} is needed while it is itself still loading: "
            f"{' -> '.join(f'{plugin._info.kind}:{plugin._info.name}' for plugin in path)}",
            fix="look it up inside the function that uses it, not while its module is being imported",
        )

    def _half_imported(self) -> Any:
        """Its module if that is being imported right now (by whatever code), else None."""
        module = sys.modules.get(_leading(r"[\w.]*", self._info.value))
        return module if getattr(getattr(module, "__spec__", None), "_initializing", False) else None

    def _stated_api(self, value: Any) -> Any:
        """The major stated by the object, else by the top-level module of its entry point, else None."""
        stated = getattr(value, "graphdiff_api", None)
        if stated is not None:
            return stated
        module = sys.modules.get(_leading(r"\w*", self._info.value))
        return getattr(module, "__dict__", {}).get("graphdiff_api")  # past any __getattr__ of the module

    def _refusal(self, api: Any, cause: BaseException | None = None) -> _Outcome | None:
        if api is None or (type(api) is int and api == API_VERSION):
            return None
        stated = repr(api) if type(api) in (int, float, str) else f"of type {type(api).__name__}"
        error = f"was written for plugin API {stated}, and this graphdiff has plugin API {API_VERSION}"
        remedy = f"Use a version of it made for plugin API {API_VERSION}, or a graphdiff with API {stated}."
        return _Outcome("incompatible", error=error, remedy=remedy, cause=cause)

    def _failure(self, cause: BaseException) -> _Outcome:
        distribution = self._info.distribution
        remedy = (
            "Its own traceback is above. Repair, upgrade or uninstall it and restart Python, or call "
            f"graphdiff.plugins.refresh(). GRAPHDIFF_DISABLE_PLUGINS={distribution} takes it out. "
            "Other plugins are not affected."
        )
        return _Outcome("failed", error=f"failed to load: {_one_line(cause)}", remedy=remedy, cause=cause)


def _of_kind(value: Any, contract: Contract) -> _Outcome:
    if contract.holds(value):
        return _Outcome("ok", value)
    found = f"the class {value.__name__}" if isinstance(value, type) else f"of type {type(value).__name__}"
    return _Outcome(
        "failed",
        error=f"is {found}; it has to be {contract.wanted}",
        remedy="Point its entry point at another object, or change this one.",
    )


def _leading(pattern: str, value: str) -> str:
    match = re.match(pattern, value)
    return match.group() if match else ""


def _one_line(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # a stranger's exception may not even know how to print itself
        return type(error).__name__
