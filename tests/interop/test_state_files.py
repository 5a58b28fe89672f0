"""State dicts in files: round trips, torch's own files, and files that are refused."""

import os
import pickle
import stat

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import graphdiff as gd
from graphdiff.errors import ArgumentError, StateError

dtypes = st.sampled_from("bool int8 int16 int32 int64 uint8 uint16 uint32 float16 float32 float64".split())
arrays = dtypes.flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, min_side=0, max_dims=3)))


@given(
    st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda n: n != "__metadata__"), arrays, max_size=4)
)
def test_what_is_saved_comes_back(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("state") / "s.safetensors"
    gd.save_state(path, state)
    found = gd.load_state(path)
    assert found.keys() == state.keys()
    for name, value in state.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape)
        np.testing.assert_array_equal(found[name], value)


def test_tensors_and_metadata_are_saved(tmp_path):
    from safetensors import safe_open

    path = tmp_path / "s.safetensors"
    gd.save_state(path, {"w": gd.tensor([[1.0, 2.0], [3.0, 4.0]]).T}, metadata={"epoch": "3"})
    np.testing.assert_array_equal(gd.load_state(path)["w"], [[1.0, 3.0], [2.0, 4.0]])
    with safe_open(path, "np") as file:
        assert file.metadata() == {"epoch": "3"}


def test_torch_writes_safetensors_that_are_read(tmp_path):
    from safetensors.torch import save_file

    values = {"a": torch.arange(3.0), "b": torch.tensor([1.5, -2.0], dtype=torch.bfloat16)}
    save_file(values, tmp_path / "t.safetensors")
    found = gd.load_state(tmp_path / "t.safetensors")
    np.testing.assert_array_equal(found["a"], [0, 1, 2])
    assert found["b"].dtype == "float32"
    np.testing.assert_array_equal(found["b"], [1.5, -2.0])


@pytest.mark.parametrize("wrapped", [False, True])
def test_torchs_file_is_read(tmp_path, wrapped):
    model = torch.nn.BatchNorm1d(3)
    state = dict(model.state_dict(), half=torch.tensor([0.5], dtype=torch.bfloat16))
    torch.save({"state_dict": state} if wrapped else state, tmp_path / "t.pth")
    found = gd.load_state(tmp_path / "t.pth")
    assert found.keys() == state.keys()
    assert found["num_batches_tracked"].dtype == "int64"
    assert found["half"].tolist() == [0.5]


class Hostile:
    def __reduce__(self):
        return os.mkdir, (self.path,)

    def __init__(self, path):
        self.path = str(path)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_hostile_torch_file_runs_nothing(tmp_path, zipped):
    trap = tmp_path / "trap"
    path = tmp_path / "h.pth"
    if zipped:
        torch.save({"w": Hostile(trap)}, path)
    else:
        path.write_bytes(pickle.dumps({"w": Hostile(trap)}))
    with pytest.raises(StateError, match=r"h\.pth is not a torch file of weights alone"):
        gd.load_state(path)
    assert not trap.exists()


def test_a_torch_file_of_other_things_is_refused(tmp_path):
    torch.save([torch.ones(2)], tmp_path / "list.pth")
    with pytest.raises(StateError, match="holds no state dict"):
        gd.load_state(tmp_path / "list.pth")


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "s.safetensors"
    gd.save_state(path, {"w": np.arange(4.0)})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(StateError, match="is not a whole safetensors file"):
            gd.load_state(path)
    path.write_bytes(whole + b"x")
    with pytest.raises(StateError, match="is not a whole safetensors file"):
        gd.load_state(path)


def test_wrong_uses_are_answered(tmp_path):
    with pytest.raises(StateError, match="there is no file"):
        gd.load_state(tmp_path / "none.safetensors")
    with pytest.raises(ArgumentError, match="no safetensors file by its name"):
        gd.save_state(tmp_path / "s.npz", {})
    with pytest.raises(StateError, match="cannot be written: No such file"):
        gd.save_state(tmp_path / "missing" / "s.safetensors", {})
    with pytest.raises(StateError, match="has no form in the file"):
        gd.save_state(tmp_path / "s.safetensors", {"w": np.array([object()])})
    assert list(tmp_path.iterdir()) == []


def test_a_failed_write_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "s.safetensors"
    gd.save_state(path, {"w": np.ones(2)})

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StateError, match="No space left on device"):
        gd.save_state(path, {"w": np.zeros(2)})
    np.testing.assert_array_equal(gd.load_state(path)["w"], [1, 1])
    assert [p.name for p in tmp_path.iterdir()] == ["s.safetensors"]


def test_a_new_file_has_ordinary_permissions(tmp_path):
    umask = os.umask(0o022)
    os.umask(umask)
    gd.save_state(tmp_path / "s.safetensors", {"w": np.ones(2)})
    assert stat.S_IMODE((tmp_path / "s.safetensors").stat().st_mode) == 0o666 & ~umask
