"""What the command that draws beside other libraries measures of a picture."""

import pytest
from benchmarks import pictures
from PIL import Image


def test_a_picture_is_counted_read_and_saved_as_on_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "RESULTS", tmp_path)
    found = pictures.measured("lenet5", "graphdiff")
    assert 5 < found["boxes"] < 60
    reads = found["reads"]
    assert [reads[what] for what in ("names of layers", "shapes", "loss", "norms of gradients")] == [True] * 4
    with Image.open(tmp_path / "pictures/lenet5_graphdiff.png") as image:
        width, height = image.size
    assert width <= pictures.PAGE[0] * 130 / 72 + 2
    assert height <= pictures.PAGE[1] * 130 / 72 + 2
    shrunk = min(1, pictures.PAGE[0] / found["width_pt"], pictures.PAGE[1] / found["height_pt"])
    assert 5 * shrunk < found["text_on_a4_pt"] < 20 * shrunk


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("× 35", {"repeats"}),
        ("1×6×28×28", {"shapes"}),
        ("‖∇W‖ 0.23", {"norms of gradients"}),
        ("accumulategrad_back_1", set()),
        ("features classifier", {"names of layers"}),
        ("loss 2.303", {"loss"}),
    ],
)
def test_what_can_be_read_off_is_what_the_text_says(tmp_path, monkeypatch, text, what):
    monkeypatch.setattr(pictures, "RESULTS", tmp_path)
    text = f'<g transform="scale(1 1)"><text font-size="9">{text}</text></g>'
    svg = f'<svg width="100pt" height="50pt">{text}</svg>'
    monkeypatch.setitem(pictures.TOOLS, "written", lambda network: ("digraph { a }", svg, 0.0, 0.0, 2.303))
    found = pictures.measured("lenet5", "written")
    assert {name for name, there in found["reads"].items() if there} == what
    assert found["text_on_a4_pt"] == 9
