"""Pickles: plain arrays are read, and nothing of any other runs."""

import io
import os
import pickle
import struct

import numpy as np
import pytest
from graphdiff_data.pickled import read_pickle
from hypothesis import given
from hypothesis import strategies as st
from plugins.data_files import PICKLERS, peak, read_or_refuse, refusal, written

from graphdiff.errors import DataError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("data")


LIMIT = 1 << 22


def test_a_pickle_cut_off_anywhere_is_refused(tmp_path):
    content = {"data": np.arange(6, dtype=np.uint8).reshape(2, 3), "labels": [1, 2], "name": "x"}
    for dump in PICKLERS.values():
        whole = dump(content)
        for length in range(len(whole)):
            refusal(read_pickle, written(tmp_path, "cut", whole[:length]), LIMIT)
        assert "over-long" in refusal(read_pickle, written(tmp_path, "long", whole + b"."), LIMIT)
        made = read_pickle(written(tmp_path, "whole", whole), LIMIT)
        np.testing.assert_array_equal(made["data"], content["data"])
        assert made["labels"] == [1, 2]


CHANGES = st.lists(st.tuples(st.integers(0), st.integers(0, 255)), min_size=1, max_size=4)


@given(st.sampled_from(sorted(PICKLERS)), CHANGES)
def test_a_pickle_with_changed_bytes_is_read_or_refused(folder, pickler, changes):
    content = bytearray(PICKLERS[pickler]({"data": np.zeros((2, 3), np.uint8), "labels": [1, 2]}))
    for place, value in changes:
        content[place % len(content)] = value
    read_or_refuse(read_pickle, written(folder, "a", bytes(content)), LIMIT)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(folder, content):
    with pytest.raises(DataError):
        read_pickle(written(folder, "a", b"\x80\x04" + content), LIMIT)


PIECES = [
    b"(", b")", b"]", b"}", b"N", b"K\x03", b"\x85", b"\x86", b"\x87", b"t", b"l", b"d", b"a", b"e", b"s",
    b"u", b"q\x00", b"q\x01", b"h\x00", b"h\x01", b"\x94", b"R", b"b", b"X\x01\x00\x00\x00<", b"C\x02ab",
    b"X\x02\x00\x00\x00u1", b"X\x06\x00\x00\x00latin1", b"U\x02ab", b"\x93", b"cnumpy\ndtype\n",
    b"cnumpy\nndarray\n", b"cnumpy.core.multiarray\n_reconstruct\n",
    b"cnumpy.core.numeric\n_frombuffer\n", b"c_codecs\nencode\n",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_program_of_known_opcodes_is_read_or_refused(folder, pieces):
    read_or_refuse(read_pickle, written(folder, "a", b"\x80\x04" + b"".join(pieces) + b"."), LIMIT)


DEEP = b")" + b"\x85" * 200_000


@pytest.mark.parametrize(
    "program",
    [
        DEEP + b"X\x01\x00\x00\x00a\x93",  # a name that is deeply nested, which nobody can hash
        b"cnumpy\ndtype\n" + DEEP + b"\x85R",
        b"cnumpy\ndtype\nX\x02\x00\x00\x00u1\x85R(K\x03" + DEEP + b"tb",
        b"c_codecs\nencode\n" + DEEP + DEEP + b"\x86R",
        b"}" + DEEP + b"Ns",
    ],
)
def test_what_is_deeply_nested_is_refused(tmp_path, program):
    refusal(read_pickle, written(tmp_path, "deep", b"\x80\x04" + program + b"."), LIMIT)


def test_one_text_encoded_again_and_again_fills_no_memory(tmp_path):
    text = b"X" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20) + b"q\x01X\x06\x00\x00\x00latin1q\x02"
    whole = b"\x80\x04c_codecs\nencode\nq\x00" + text + b"h\x00h\x01h\x02\x86R" * 200 + b"."
    path = written(tmp_path, "many", whole)
    assert "encodes more text than it holds" in refusal(read_pickle, path, LIMIT)
    assert peak(lambda: refusal(read_pickle, path, LIMIT)) < 16 << 20


def test_a_key_of_any_length_is_not_decoded_again_and_again(tmp_path):
    key = b"B" + struct.pack("<I", 1 << 20) + b"a" * (1 << 20)
    assert "keys" in refusal(read_pickle, written(tmp_path, "key", b"\x80\x04}" + key + b"Ns."), LIMIT)


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i2", ">i4", "<u8", ">i8"])
@pytest.mark.parametrize("protocol", range(2, 6))
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_whole_numbers_are_read(tmp_path, dtype, protocol, order):
    array = np.arange(12).reshape(3, 4).astype(dtype, order=order)
    made = read_pickle(written(tmp_path, "a", pickle.dumps({"a": array}, protocol)), LIMIT)["a"]
    np.testing.assert_array_equal(made, array)


def test_plain_data_of_protocols_0_and_1_are_read(tmp_path):
    content = {"names": ["a", "b"], "count": 7, "flag": True, "none": None, "pair": (1, (2, 3, 4), ())}
    for protocol in range(6):
        assert read_pickle(written(tmp_path, "a", pickle.dumps(content, protocol)), LIMIT) == content


class Calls:
    """Unpickled the usual way, it calls."""

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


class Stated:
    def __setstate__(self, state):
        raise AssertionError("its state was set")

    def __getstate__(self):
        return {"a": 1}


class Persistent(pickle.Pickler):
    def persistent_id(self, item):
        return "id" if isinstance(item, Stated) else None


def persistent(protocol):
    out = io.BytesIO()
    Persistent(out, protocol).dump({"data": [Stated()]})
    return out.getvalue()


def hostile(marker):
    command = f"touch {marker}"
    return {
        "os.system": Calls(os.system, command),
        "eval": Calls(eval, f"open({str(marker)!r}, 'w')"),
        "exec": Calls(exec, f"open({str(marker)!r}, 'w')"),
        "getattr": Calls(getattr, "", "join"),
        "bytes": Calls(bytearray, 1 << 40),
        "state": Stated(),
        "function": os.system,
        "float": 1.5,
        "set": {1, 2},
        "objects": np.array([Calls(os.system, command)], object),
        "floats": np.zeros(3),
        "fields": np.zeros(3, [("a", "u1")]),
        "text": np.array(["a"]),
        "scalar": np.uint8(3),
        "matrix": np.ma.zeros(3),
    }


@pytest.mark.parametrize("name", hostile(""))
@pytest.mark.parametrize("protocol", range(6))
def test_hostile_pickles_are_refused_and_nothing_of_them_runs(tmp_path, name, protocol):
    marker = tmp_path / "ran"
    value = hostile(marker)[name]
    for content in ({"data": value}, [value], {"a": [{"b": (value,)}]}, value):
        path = written(tmp_path, "a", pickle.dumps(content, protocol))
        refusal(read_pickle, path, LIMIT)
        assert not marker.exists()


def test_the_marker_shows_what_runs(tmp_path):
    pickle.loads(pickle.dumps(hostile(tmp_path / "ran")["os.system"]))
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_persistent_ids_are_refused(tmp_path, protocol):
    assert "PERSID" in refusal(read_pickle, written(tmp_path, "a", persistent(protocol)), LIMIT)


def test_names_are_refused_by_name(tmp_path):
    path = written(tmp_path, "a", pickle.dumps(Calls(eval, "1")))
    assert "it names 'builtins.eval'" in refusal(read_pickle, path, LIMIT)


BLANK = b"cnumpy.core.multiarray\n_reconstruct\n)R"
BYTES = b"cnumpy\ndtype\nU\x02u1\x85R\x89U\x01atb"
CRAFTED = {
    "array without bytes": BLANK + b"(K\x01M\xff\xffM\xff\xff\x86" + BYTES,
    "negative shape": BLANK + b"(K\x01J\xff\xff\xff\xff\x85" + BYTES,
    "shape of lists": BLANK + b"(K\x01](K\x01e" + BYTES,
    "number of many bytes": b"\x8b" + struct.pack("<i", 500) + bytes(500),
    "type of objects": b"cnumpy\ndtype\nU\x02O8\x85R",
    "type of a huge width": b"cnumpy\ndtype\nU\x0aV999999999\x85R",
    "type by name": b"cnumpy\ndtype\nU\x06object\x85R",
    "state of text": b"U\x01a(K\x01tb",
    "state of a list": b"](K\x01tb",
    "call of text": b"U\x09os.system(U\x02lstR",
    "append to text": b"U\x01aK\x01a",
    "keys that are lists": b"}]K\x01s",
    "keys that are tuples": b"}" + b")" + b"\x85" * 50 + b"K\x01s",
    "memo that is empty": b"h\x05",
    "memo far away": b"K\x01r\xff\xff\xff\x7fj\xff\xff\xff\x7fK\x01\x86",
    "mark that is missing": b"t",
    "old class": b"(cos\nsystem\no",
    "old instance": b"(ios\nsystem\n",
    "new object": b"cbuiltins\nobject\n)\x81",
    "extension": b"\x82\x01",
    "name from parts": b"\x8c\x02os\x8c\x06system\x93",
    "name from numbers": b"K\x01K\x02\x93",
    "name from lists": b"]]\x93",
    "bytes of a huge length": b"\x8e" + struct.pack("<Q", 1 << 40) + b"a",
    "text of a huge length": b"\x8d" + struct.pack("<Q", 1 << 62) + b"a",
    "negative length": b"T" + struct.pack("<i", -5),
    "number of a million digits": b"L" + b"9" * 1_000_000 + b"L\n",
    "codec of another kind": b"c_codecs\nencode\nU\x01aU\x03zip\x86R",
    "buffer outside": b"\x97",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_crafted_pickles_are_refused(tmp_path, name):
    refusal(read_pickle, written(tmp_path, "a", b"\x80\x02" + CRAFTED[name] + b"."), LIMIT)


def test_a_bomb_of_many_small_steps_is_stopped(tmp_path):
    path = written(tmp_path, "a", b"\x80\x02" + b"]" * 3_000_000 + b".")
    assert "more than 1,000,000 steps" in refusal(read_pickle, path, LIMIT)
    doubled = b"\x80\x02]" + b"q\x00h\x00\x86" * 60 + b"."
    refusal(read_pickle, written(tmp_path, "b", doubled), LIMIT)


def test_a_pickle_over_its_limit_is_not_read(tmp_path):
    path = written(tmp_path, "a", bytes(LIMIT + 1))
    assert peak(lambda: refusal(read_pickle, path, LIMIT)) < 1 << 20
