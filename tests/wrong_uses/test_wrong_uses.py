"""The catalogue: each wrong use gives one of graphdiff's own errors, which names what it is about, the user's
line and a remedy; and a call that fails leaves nothing half done behind."""

import pytest
from wrong_uses import files, modules, pictures, tensors, training

from graphdiff import GraphdiffError

TABLES = (tensors, modules, training, pictures)
CALLS = {what: use for table in TABLES for what, use in table.WRONG.items()}


def refusal(call, *args):
    """What is said of a wrong use, by graphdiff itself."""
    with pytest.raises(GraphdiffError) as caught:
        call(*args)
    error = caught.value
    assert error.fix
    assert "wrong_uses" in error.source or "problems.py" in error.source, error.source
    return str(error)


def test_no_two_wrong_uses_are_one():
    assert len(CALLS) == sum(len(table.WRONG) for table in TABLES)
    assert len(CALLS) + len(files.WRONG) >= 150


@pytest.mark.parametrize(("call", "words"), CALLS.values(), ids=CALLS)
def test_a_wrong_use_is_refused(call, words):
    said = refusal(call)
    assert [word for word in words if word not in said] == [], said


@pytest.mark.parametrize(("call", "words"), files.WRONG.values(), ids=files.WRONG)
def test_a_wrong_file_is_refused(call, words, tmp_path):
    said = refusal(call, tmp_path)
    assert [word for word in words if word not in said] == [], said
    assert [path for path in tmp_path.rglob("*") if path.name.startswith(".")] == []  # nothing half written
