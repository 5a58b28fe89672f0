"""Plugins: how a layer, a loss, a backend… of any installed distribution gets its name in graphdiff.

A distribution announces its plugins as entry points of the groups ``graphdiff.layers``,
``graphdiff.losses`` and so on. A :class:`Registry` finds them by name, loads each at its first use
and never before, and keeps a broken one from disturbing the others. The built-ins use the same door.

Two environment variables steer the choice: ``GRAPHDIFF_PREFER`` picks among providers of one short
name (as :func:`prefer` does from Python), ``GRAPHDIFF_DISABLE_PLUGINS`` takes plugins out.
"""

from graphdiff.plugins.contracts import CALLABLE, Contract, instance_of, makes
from graphdiff.plugins.plugin import API_VERSION, PluginInfo
from graphdiff.plugins.registry import Registry, kinds, prefer, refresh

__all__ = [
    "API_VERSION",
    "CALLABLE",
    "Contract",
    "PluginInfo",
    "Registry",
    "instance_of",
    "kinds",
    "makes",
    "prefer",
    "refresh",
]
