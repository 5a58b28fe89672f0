"""Pickles of plain data and arrays of whole numbers, read by a reader that can do nothing else.

A pickle is a program for a small stack machine, and Python's own machine imports and calls what the program
names. This one is a table of opcodes that build dicts, lists, tuples, text and whole numbers. The few names
that a pickled array needs stand for functions of this file, which check what they are given. An opcode or a
name that is not in the tables ends the reading.
"""

from __future__ import annotations

import math
import pickletools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from graphdiff_data.files import read_whole, refused

_MOST_STEPS = 1_000_000
_LONGEST_KEY = 1000
_WHOLE_NUMBERS = re.compile(r"\|?[iu][1248]")


def read_pickle(path: Path, limit: int) -> dict[str, Any]:
    """The dict in a pickle file of any protocol; its keys, and strings of Python 2, as text by Latin-1.

    Args:
        limit: bytes that the file may have.

    Raises:
        DataError: a longer file, a truncated one, or one with anything else in it.
    """
    data, place = read_whole(path, limit), 0
    machine = _Machine(len(data))
    try:
        for step, (opcode, argument, position) in enumerate(pickletools.genops(data)):
            if step >= _MOST_STEPS:
                raise ValueError(f"more than {_MOST_STEPS:,} steps")
            place = position or 0
            machine.step(opcode.name, argument)
        result = machine.result()
    except (ValueError, TypeError, LookupError, OverflowError) as problem:
        raise refused(path, f"not a pickle of plain arrays: {problem}, after byte {place:,}") from None
    if place + 1 < len(data):
        raise refused(path, f"over-long: {len(data) - place - 1:,} bytes after the end of the pickle")
    return result


class _Machine:
    """The stack, the places of marks on it, and the memo.

    Args:
        room: characters that may be encoded in all. A pickle holds each text that it encodes, so it needs no
            more than its own length; without the bound, one long text encoded often fills any memory.
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def step(self, opcode: str, argument: Any) -> None:
        if opcode in _LITERALS:
            self.stack.append(argument)
        elif opcode in _ACTIONS:
            _ACTIONS[opcode](self, argument)
        elif opcode not in _SILENT:
            raise ValueError(f"it has the opcode {opcode}")

    def result(self) -> dict[str, Any]:
        (value,) = self.stack
        if not isinstance(value, dict):
            raise TypeError(f"it holds no dict but {type(value).__name__}")
        return {key: item.array if isinstance(item, _Array) else item for key, item in value.items()}

    def marked(self) -> list[Any]:
        """Takes what lies above the last mark."""
        start = self.marks.pop()
        taken, self.stack[start:] = self.stack[start:], []
        return taken

    def last(self, count: int) -> list[Any]:
        """Takes so many from the top."""
        if count > len(self.stack):
            raise IndexError("the stack is empty")
        taken, self.stack[-count:] = self.stack[-count:], []
        return taken

    def memoize(self, number: int | None) -> None:
        self.memo[len(self.memo) if number is None else number] = self.stack[-1]

    def encoded(self, text: str) -> bytes:
        self.room -= len(text)
        if self.room < 0:
            raise ValueError("it encodes more text than it holds")
        return text.encode("latin-1")

    def append(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not list:
            raise TypeError("it appends to what is no list")
        self.stack[-1].extend(items)

    def fill(self, items: list[Any]) -> None:
        if type(self.stack[-1]) is not dict or len(items) % 2:
            raise TypeError("it sets items of what is no dict")
        self.stack[-1].update(zip(map(_key, items[::2]), items[1::2], strict=True))

    def mapping(self) -> None:
        items = self.marked()
        self.stack.append({})
        self.fill(items)

    def call(self) -> None:
        function, arguments = self.last(2)
        if type(function) is not _Name or type(arguments) is not tuple:
            raise TypeError("it calls what is no function")
        self.stack.append(function.stands_for(self, *arguments))

    def build(self) -> None:
        (state,) = self.last(1)
        if not isinstance(self.stack[-1], (_Array, _Type)) or type(state) is not tuple:
            raise TypeError("it sets the state of what has none")
        self.stack[-1].build(self, *state)


class _Name:
    """A name in the pickle, and the function here that it stands for."""

    def __init__(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:
            raise TypeError("it names something by what is no text")
        if (module, name) not in _FUNCTIONS:
            raise ValueError(f"it names {f'{module}.{name}'[:80]!r}")
        self.stands_for = _FUNCTIONS[module, name]


class _Type:
    """The dtype of an array."""

    def __init__(self, machine: _Machine, code: Any, *_: Any) -> None:
        if type(code) is not str or not _WHOLE_NUMBERS.fullmatch(code):
            named = repr(code[:80]) if type(code) is str else "that is no text"
            raise ValueError(f"it has an array of the type {named}")
        self.dtype = np.dtype(code)

    def build(self, machine: _Machine, version: Any, order: Any, *_: Any) -> None:
        if order not in ("<", ">", "|", "="):
            raise ValueError("it has an array of unknown byte order")
        self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """An array: empty until its state is set."""

    def __init__(self, *_: Any) -> None:
        self.array: np.ndarray[Any, Any] = np.empty(0, np.uint8)

    def build(
        self, machine: _Machine, version: Any, shape: Any, kind: Any, fortran: Any, content: Any
    ) -> None:
        raw = machine.encoded(content) if isinstance(content, str) else content
        if type(shape) is not tuple or not all(type(n) is int and n >= 0 for n in shape):
            raise TypeError("it has an array without a shape")
        if not isinstance(kind, _Type) or not isinstance(raw, (bytes, bytearray)):
            raise TypeError("it has an array of no numbers")
        if math.prod(shape) * kind.dtype.itemsize != len(raw):
            raise ValueError(f"an array of shape {shape} and {kind.dtype} has {len(raw):,} bytes")
        self.array = np.frombuffer(raw, kind.dtype).reshape(shape, order="F" if fortran else "C")


def _of_buffer(machine: _Machine, content: Any, kind: Any, shape: Any, order: Any) -> _Array:
    made = _Array()
    made.build(machine, 1, shape, kind, order == "F", content)
    return made


def _encoded(machine: _Machine, text: Any, encoding: Any) -> bytes:
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise TypeError("it encodes what is no text")
    return machine.encoded(text)


def _key(key: Any) -> str:
    if not isinstance(key, (str, bytes)) or len(key) > _LONGEST_KEY:
        raise TypeError(f"it has a dict with keys that are no text of at most {_LONGEST_KEY:,} characters")
    return key if isinstance(key, str) else key.decode("latin-1")


# NumPy 2 renamed a module; protocol 5 has a function of its own; bytes below protocol 3 are text to encode.
_FUNCTIONS: dict[tuple[Any, Any], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _of_buffer,
    ("numpy._core.numeric", "_frombuffer"): _of_buffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("_codecs", "encode"): _encoded,
}
_SILENT = {"PROTO", "FRAME", "STOP"}
_LITERALS = set(
    "INT BININT BININT1 BININT2 LONG LONG1 STRING BINSTRING SHORT_BINSTRING UNICODE SHORT_BINUNICODE "
    "BINUNICODE BINUNICODE8 SHORT_BINBYTES BINBYTES BINBYTES8 BYTEARRAY8".split()
)
_ACTIONS: dict[str, Callable[[_Machine, Any], None]] = {
    "NONE": lambda m, _: m.stack.append(None),
    "NEWTRUE": lambda m, _: m.stack.append(True),
    "NEWFALSE": lambda m, _: m.stack.append(False),
    "MARK": lambda m, _: m.marks.append(len(m.stack)),
    "EMPTY_DICT": lambda m, _: m.stack.append({}),
    "EMPTY_LIST": lambda m, _: m.stack.append([]),
    "EMPTY_TUPLE": lambda m, _: m.stack.append(()),
    "LIST": lambda m, _: m.stack.append(m.marked()),
    "TUPLE": lambda m, _: m.stack.append(tuple(m.marked())),
    "TUPLE1": lambda m, _: m.stack.append(tuple(m.last(1))),
    "TUPLE2": lambda m, _: m.stack.append(tuple(m.last(2))),
    "TUPLE3": lambda m, _: m.stack.append(tuple(m.last(3))),
    "DICT": lambda m, _: m.mapping(),
    "APPEND": lambda m, _: m.append(m.last(1)),
    "APPENDS": lambda m, _: m.append(m.marked()),
    "SETITEM": lambda m, _: m.fill(m.last(2)),
    "SETITEMS": lambda m, _: m.fill(m.marked()),
    "PUT": lambda m, number: m.memoize(number),
    "BINPUT": lambda m, number: m.memoize(number),
    "LONG_BINPUT": lambda m, number: m.memoize(number),
    "MEMOIZE": lambda m, _: m.memoize(None),
    "GET": lambda m, number: m.stack.append(m.memo[number]),
    "BINGET": lambda m, number: m.stack.append(m.memo[number]),
    "LONG_BINGET": lambda m, number: m.stack.append(m.memo[number]),
    "GLOBAL": lambda m, names: m.stack.append(_Name(*names.split(" ", 1))),
    "STACK_GLOBAL": lambda m, _: m.stack.append(_Name(*m.last(2))),
    "REDUCE": lambda m, _: m.call(),
    "BUILD": lambda m, _: m.build(),
}
