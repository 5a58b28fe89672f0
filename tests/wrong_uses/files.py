"""Files and folders: state, checkpoints, pictures, data; each call gets an empty folder."""

import json

import numpy as np
from train.problems import points, trainer

import graphdiff as gd
from graphdiff.interop import graph_json
from graphdiff.train import Checkpoints, History

F = gd.sum(gd.variable([1.0, 2.0], name="x") * 2)


def _file(path, content=b"nothing of use"):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(content)
    return path


def _cut(folder, keep):
    path = folder / "s.safetensors"
    gd.save_state(path, {"w": np.ones((64, 64))})
    path.write_bytes(path.read_bytes()[:keep])
    return path


def _kept(folder):
    trainer().fit(points(12), epochs=1, checkpoints=Checkpoints(folder), progress=False)
    return folder


def _resume(folder, **options):
    options = {"epochs": 2, "progress": False, **options}
    return trainer().fit(points(12), checkpoints=Checkpoints(folder), resume=True, **options)


def _edited(folder, **changes):
    index = _kept(folder) / "checkpoint.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | changes))
    return folder


def _without(folder, name):
    index = _kept(folder) / "checkpoint.json"
    facts = json.loads(index.read_text())
    del facts[name]
    index.write_text(json.dumps(facts))
    return folder


def _arrays_gone(folder):
    for path in _kept(folder).glob("*.safetensors"):
        path.unlink()
    return folder


WRONG = {
    "a state file that is not there": (lambda d: gd.load_state(d / "no.safetensors"), ["no.safetensors"]),
    "a state file that is a folder": (lambda d: gd.load_state(d), ["is a folder, not a file"]),
    "a state file of something else": (
        lambda d: gd.load_state(_file(d / "s.safetensors")),
        ["s.safetensors", "whole"],
    ),
    "an empty state file": (lambda d: gd.load_state(_file(d / "s.safetensors", b"")), ["s.safetensors"]),
    "a state file cut in its head": (lambda d: gd.load_state(_cut(d, 12)), ["s.safetensors"]),
    "a state file cut in its numbers": (lambda d: gd.load_state(_cut(d, 2000)), ["s.safetensors"]),
    "a state file with a huge head": (
        lambda d: gd.load_state(_file(d / "s.safetensors", b"\xff" * 64)),
        ["s.safetensors"],
    ),
    "a torch file of something else": (lambda d: gd.load_state(_file(d / "s.pth")), ["s.pth"]),
    "an empty torch file": (lambda d: gd.load_state(_file(d / "s.pt", b"")), ["s.pt"]),
    "state under another suffix": (lambda d: gd.save_state(d / "s.npz", {}), ["s.npz", "safetensors"]),
    "state in a folder that is not there": (
        lambda d: gd.save_state(d / "no" / "s.safetensors", {"w": np.ones(2)}),
        ["cannot be written"],
    ),
    "state of objects": (lambda d: gd.save_state(d / "s.safetensors", {"w": object()}), ["s.safetensors"]),
    "state with names that are numbers": (
        lambda d: gd.save_state(d / "s.safetensors", {1: np.ones(2)}),
        ["s.safetensors"],
    ),
    "metadata that are no text": (
        lambda d: gd.save_state(d / "s.safetensors", {"w": np.ones(2)}, metadata={"epoch": 3}),
        ["s.safetensors"],
    ),
    "state that is no mapping": (lambda d: gd.save_state(d / "s.safetensors", [1.0]), ["list"]),
    "a file in the place of the checkpoints' folder": (
        lambda d: Checkpoints(_file(d / "kept")),
        ["cannot be made"],
    ),
    "checkpoints every half step": (lambda d: Checkpoints(d, every=0.5), ["every=0.5"]),
    "a checkpoint of an empty folder": (lambda d: Checkpoints(d).read(), ["no checkpoint"]),
    "a checkpoint that would be written over": (
        lambda d: trainer().fit(points(12), checkpoints=Checkpoints(_kept(d)), epochs=1, progress=False),
        ["resume=True"],
    ),
    "a checkpoint whose index is no JSON": (
        lambda d: _resume(_file(d / "checkpoint.json").parent),
        ["damaged"],
    ),
    "a checkpoint of another format": (lambda d: _resume(_edited(d, format=99)), ["99"]),
    "a checkpoint that names a file elsewhere": (
        lambda d: _resume(_edited(d, arrays="../x.safetensors")),
        ["damaged"],
    ),
    "a checkpoint that names a number": (lambda d: _resume(_edited(d, arrays=3)), ["damaged"]),
    "a checkpoint that is a list": (
        lambda d: _resume(_file(d / "checkpoint.json", b"[]").parent),
        ["damaged"],
    ),
    "a checkpoint whose arrays are gone": (lambda d: _resume(_arrays_gone(d)), ["safetensors"]),
    "a checkpoint without its epoch": (lambda d: _resume(_without(d, "epoch")), ["damaged", "epoch"]),
    "a checkpoint with a broken history": (lambda d: _resume(_edited(d, history=3)), ["damaged", "history"]),
    "a checkpoint without its settings": (
        lambda d: _resume(_without(d, "settings")),
        ["damaged", "settings"],
    ),
    "a checkpoint whose rate is text": (lambda d: _resume(_edited(d, lr="a")), ["damaged"]),
    "a checkpoint of another batch size": (lambda d: _resume(_kept(d), batch_size=7), ["batch"]),
    "a picture of an unknown kind": (lambda d: gd.draw(F).save(d / "f.xyz"), [".xyz", ".svg"]),
    "a picture without a suffix": (lambda d: gd.draw(F).save(d / "f"), [".svg"]),
    "a picture in a folder that is not there": (lambda d: gd.draw(F).save(d / "no" / "f.dot"), ["f.dot"]),
    "a picture in the place of a folder": (
        lambda d: gd.draw(F).save(_file(d / "f.dot" / "x").parent),
        ["f.dot"],
    ),
    "a resolution of 0": (lambda d: gd.draw(F).save(d / "f.png", dpi=0), ["dpi=0"]),
    "a resolution of text": (lambda d: gd.draw(F).save(d / "f.png", dpi="a"), ["dpi='a'"]),
    "no time for a layout": (lambda d: gd.draw(F).save(d / "f.svg", timeout=0), ["timeout=0"]),
    "a path that is a number": (lambda d: gd.draw(F).save(3), ["int"]),
    "a graph file that is no JSON": (lambda d: graph_json.from_json("{"), ["JSON"]),
    "a graph file of something else": (lambda d: graph_json.from_json("[]"), ["graph"]),
    "MNIST in an empty folder": (lambda d: gd.datasets.mnist(d), ["train-images-idx3-ubyte"]),
    "MNIST in a folder that is not there": (lambda d: gd.datasets.mnist(d / "no"), ["no such folder"]),
    "CIFAR-10 in an empty folder": (lambda d: gd.datasets.cifar10(d), ["CIFAR-10", "data_batch_1"]),
    "CIFAR-100 in an empty folder": (lambda d: gd.datasets.cifar100(d), ["CIFAR-100"]),
    "images in an empty folder": (lambda d: gd.datasets.image_folder(d, size=8), ["no"]),
    "an image that is none": (
        lambda d: gd.datasets.image_folder(_file(d / "cats" / "a.png").parent.parent, size=8),
        ["a.png"],
    ),
    "images of half a pixel": (lambda d: gd.datasets.image_folder(d, size=1.5), ["size=1.5"]),
    "a history of something else": (lambda d: History.from_dict({"x": 1}), ["history"]),
}
