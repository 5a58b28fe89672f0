"""Image folders: what is read of them, and what is refused."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image
from plugins.data_files import noise, read_or_refuse, refusal, written

import graphdiff as gd
from graphdiff.errors import ArgumentError, DataError


def picture(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


@pytest.fixture
def pictures(tmp_path):
    for number, name in enumerate(["cat", "ant", "bee"]):
        for n in range(4):
            picture(tmp_path / name / f"{n}.png", np.full((8, 8, 3), 40 * number + n, np.uint8))
    written(tmp_path, ".DS_Store", b"x")
    written(tmp_path, "cat/.hidden", b"x")
    return tmp_path


def test_classes_are_the_subfolders(pictures):
    data = gd.datasets.image_folder(pictures, size=8)
    assert data.classes == ("ant", "bee", "cat")
    assert data.train.inputs.shape == (9, 3, 8, 8)
    assert data.train.inputs.dtype == np.uint8
    assert data.test.labels.dtype == np.int64
    assert sorted(data.test.labels) == [0, 1, 2]
    brightness = {0: 40, 1: 80, 2: 0}
    for image, label in zip(*data.train, strict=True):
        assert brightness[label] <= image[0, 0, 0] < brightness[label] + 4
        assert (image == image[0, 0, 0]).all()
    assert gd.datasets.image_folder(pictures, size=8, grey=True).test.inputs.shape == (3, 1, 8, 8)


def test_given_parts_are_kept(pictures, tmp_path_factory):
    root = tmp_path_factory.mktemp("parts")
    for part in ("train", "test"):
        for name in ("a", "b"):
            picture(root / part / name / "0.png", np.full((4, 4, 3), ord(name), np.uint8))
    data = gd.datasets.image_folder(root, size=4)
    assert data.classes == ("a", "b")
    assert data.test.inputs[:, 0, 0, 0].tolist() == [97, 98]
    picture(root / "test" / "c" / "0.png", np.zeros((4, 4, 3), np.uint8))
    assert "test has ['a', 'b', 'c']" in refusal(lambda p: gd.datasets.image_folder(p, size=4), root)


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "jpg", "jpeg", "JPG", "ppm", "tif", "tiff", "webp"])
def test_every_format_is_read(tmp_path, suffix):
    pixels = np.full((6, 6, 3), [200, 100, 50], np.uint8)
    for name in ("a", "b"):
        for n in range(2):
            picture(tmp_path / name / f"{n}.{suffix}", pixels)
    data = gd.datasets.image_folder(tmp_path, size=6, test_fraction=0.5)
    np.testing.assert_allclose(data.train.inputs[0, :, 3, 3], [200, 100, 50], atol=4)


def test_the_middle_is_cut_out_and_scaled(tmp_path):
    wide = np.zeros((10, 30), np.uint8)
    wide[:, 10:20] = 255
    for name in ("a", "b"):
        for n in range(2):
            picture(tmp_path / name / f"{n}.png", wide if n else wide.T)
    made = gd.datasets.image_folder(tmp_path, size=5, grey=True, test_fraction=0.5)
    scaled = np.asarray(Image.fromarray(wide).resize((15, 5)), int)[:, 5:10]
    for image in np.concatenate([made.train.inputs, made.test.inputs])[:, 0]:
        assert min(abs(image - scaled).max(), abs(image.T - scaled).max()) <= 1


def test_images_are_turned_upright(tmp_path):
    half = np.zeros((8, 8), np.uint8)
    half[:, :4] = 255
    turned = Image.Exif()
    turned[0x0112] = 6  # shown after a quarter turn clockwise, so that left is up
    for name in ("a", "b"):
        for n in range(2):
            picture(tmp_path / name / f"{n}.png", half, exif=turned)
    made = gd.datasets.image_folder(tmp_path, size=8, grey=True, test_fraction=0.5).train.inputs
    assert (made[:, 0, :4] == 255).all()
    assert (made[:, 0, 4:] == 0).all()


def png(width, height, data, bits=8):
    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def folder_refusal(root):
    with pytest.raises(DataError) as raised:
        gd.datasets.image_folder(root, size=4)
    return raised.value.what


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.txt", b"hello", "not one of .bmp"),
        ("x.png", b"hello", "not an image"),
        ("x.png", b"", "not an image"),
        ("x.png", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not an image"),
        ("x.png", png(4, 4, bytes(7)), "damaged"),
        ("x.png", png(4, 4, bytes(4 * 9), bits=16), "8 bits"),
        ("x.png", png(7072, 7072, b""), "at most 50,000,000"),
        ("x.png", png(60_000, 60_000, b""), "pixels"),
        ("x.png", png(10_000, 10_000, b""), "pixels"),
    ],
)
def test_what_is_no_image_is_refused(pictures, name, content, message):
    path = written(pictures, f"bee/{name}", content)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        what = folder_refusal(pictures)
    assert str(path) in what
    assert message in what


@pytest.mark.parametrize("form", ["png", "jpg", "gif", "bmp", "webp", "tiff", "ppm"])
def test_images_cut_off_or_changed_are_read_or_refused(pictures, form):
    path = picture(pictures / "bee" / f"x.{form}", noise(6, 6, 3))
    content = path.read_bytes()
    for length in range(0, len(content), 7):
        path.write_bytes(content[:length])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own on odd metadata
            read_or_refuse(lambda _: gd.datasets.image_folder(pictures, size=4), path)
    path.write_bytes(content[: len(content) // 4])
    assert str(path) in folder_refusal(pictures)


def test_folders_without_images_are_refused(pictures, tmp_path_factory):
    assert "no such folder" in folder_refusal(pictures / "nowhere")
    assert "no images" in folder_refusal(tmp_path_factory.mktemp("empty"))
    (pictures / "bee" / "deep").mkdir()
    assert "deep" in folder_refusal(pictures)
    with pytest.raises(ArgumentError, match="size=0"):
        gd.datasets.image_folder(pictures, size=0)
