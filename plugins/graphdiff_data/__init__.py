"""The built-in data sets, registered as any plugin's."""

from graphdiff_data.digits import digits

__all__ = ["digits"]
