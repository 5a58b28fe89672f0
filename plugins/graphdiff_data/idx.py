"""IDX, the format of MNIST: a header with type and lengths, then numbers, big-endian.

Source: Y. LeCun, C. Cortes and C. Burges, The MNIST Database, section "File formats".
"""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff_data.files import Reader, refused

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 8
_MOST_BYTES = 1 << 30


def read_idx(path: str | Path) -> np.ndarray[Any, Any]:
    """The array in an IDX file, plain or gzip, in the machine's byte order.

    Raises:
        DataError: not IDX, truncated, over-long, damaged, or above 1 GiB.
    """
    path = Path(path)
    with Reader(path) as reader:
        zeros, code, axes = struct.unpack(">HBB", reader.read(4))
        if zeros or code not in _TYPES or not 1 <= axes <= _MOST_AXES:
            raise refused(path, f"not an IDX file: starts with {zeros:04x} {code:02x} {axes:02x}")
        shape = struct.unpack(f">{axes}I", reader.read(4 * axes))
        dtype = np.dtype(_TYPES[code])
        size = math.prod(shape) * dtype.itemsize
        if size > _MOST_BYTES:
            raise refused(
                path, f"declares the shape {shape}, {size:,} bytes; at most {_MOST_BYTES:,} are read"
            )
        data = reader.read(size)
        reader.end()
    return np.frombuffer(data, dtype).reshape(shape).astype(dtype.newbyteorder("="), copy=False)
