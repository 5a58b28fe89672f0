"""A machine that does not do its part: no room on the disk, no right to write, a worker that is killed, a
file that changes while it is read. Each ends in graphdiff's own error, and the old file is as it was."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch
from train.problems import points, trainer

import graphdiff as gd
from graphdiff import GraphdiffError
from graphdiff.errors import DataError, DrawingError, StateError
from graphdiff.train import Checkpoints

X = gd.sum(gd.variable([1.0, 2.0], name="x") * 2)


@pytest.mark.parametrize(
    ("name", "kind", "write"),
    [
        ("s.safetensors", StateError, lambda path, n: gd.save_state(path, {"w": np.full(5000, n)})),
        ("x.dot", DrawingError, lambda path, n: gd.draw(X, title="t" * 9000 * n).save(path)),
        ("x.json", DrawingError, lambda path, n: gd.draw(X, title="t" * 9000 * n).save(path)),
        ("x.html", DrawingError, lambda path, n: gd.draw(X, title="t" * n).save(path)),
    ],
)
def test_a_full_disk_leaves_the_old_file(name, kind, write, tmp_path):
    resource = pytest.importorskip("resource")
    path = tmp_path / name
    write(path, 1)
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))  # writing fails as on a full disk
    try:
        with pytest.raises(kind, match=name) as caught:
            write(path, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, old)
    assert caught.value.fix
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [name]


@pytest.mark.parametrize("write", [
    lambda place: gd.save_state(place / "s.safetensors", {"w": np.ones(2)}),
    lambda place: gd.draw(X).save(place / "x.dot"),
    lambda place: Checkpoints(place / "kept"),
])  # fmt: skip
def test_a_place_that_cannot_be_written_to(write):
    with pytest.raises(GraphdiffError, match="cannot be") as caught:
        write(Path("/proc/self"))
    assert caught.value.fix


class _Killed(torch.utils.data.Dataset):
    def __len__(self):
        return 64

    def __getitem__(self, index):
        if index == 40:
            os.kill(os.getpid(), signal.SIGKILL)
        return np.ones(3, "float32"), 1


@pytest.mark.filterwarnings("ignore")  # torch warns of fork, of few cores
def test_a_killed_worker_ends_training_with_a_reason():
    loader = torch.utils.data.DataLoader(_Killed(), batch_size=8, num_workers=1)
    with pytest.raises(DataError, match="a process that makes batches ended") as caught:
        trainer().fit(loader, epochs=1, progress=False)
    assert "num_workers=0" in caught.value.fix


def test_a_state_file_that_is_cut_while_others_read_it(tmp_path):
    path = tmp_path / "s.safetensors"
    gd.save_state(path, {"w": np.arange(10000)})
    found = gd.load_state(path)
    path.write_bytes(path.read_bytes()[:5000])
    np.testing.assert_array_equal(found["w"], np.arange(10000))  # read, not mapped
    with pytest.raises(StateError, match="whole"):
        gd.load_state(path)


def test_a_trainer_is_as_it_was_after_a_checkpoint_it_cannot_take(tmp_path):
    trainer().fit(points(12), epochs=1, checkpoints=Checkpoints(tmp_path), progress=False)
    index = tmp_path / "checkpoint.json"
    index.write_text(index.read_text().replace('"sums"', '"other"'))
    made = trainer()
    before = made.model.state_dict()
    with pytest.raises(StateError, match="sums"):
        made.fit(points(12), epochs=2, checkpoints=Checkpoints(tmp_path), resume=True, progress=False)
    for name, value in made.model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_an_error_under_the_command_names_no_line_of_the_command(tmp_path):
    script = textwrap.dedent("""
        import sys
        options = ["--data", "digits", "--augment", "Cutout:size=-1", "--out", sys.argv[1]]
        sys.argv = ["graphdiff", "train", "mlp", *options]
        from graphdiff.cli import main
        main()
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1
    assert "Cutout" in done.stderr
    assert "click" not in done.stderr and "Traceback" not in done.stderr  # noqa: PT018
