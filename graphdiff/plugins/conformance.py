"""``graphdiff plugins check NAME``: a plugin through the conformance kit of its kind, on its own samples."""

from __future__ import annotations

from graphdiff.errors import PluginError
from graphdiff.plugins.plugin import PluginInfo
from graphdiff.plugins.registry import Registry

_KITS = {
    "primitives": "check_primitive",
    "layers": "check_layer",
    "losses": "check_loss",
    "optimizers": "check_optimizer",
    "models": "check_model",
    "datasets": "check_dataset",
    "backends": "check_backend",
}


def conformance(info: PluginInfo) -> str:
    """What came of the checks; loads the plugin.

    Raises:
        PluginError: it cannot be used. CheckError: it fails a check; the report.
        ArgumentError: it has no ``samples``.
    """
    from graphdiff import testing

    plugin = Registry(info.kind)[info.qualified]
    if info.kind not in _KITS:
        raise PluginError(
            f"{info} loads; there are no checks of {info.kind} by name", fix="use graphdiff.testing"
        )
    return str(getattr(testing, _KITS[info.kind])(info.name if info.kind == "backends" else plugin))
