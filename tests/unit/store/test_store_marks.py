"""Marks beside a capture: whoever keeps them, and whatever happens to the file."""

import json
import stat

import pytest

from tests.support.unprivileged import unprivileged
from wsproxy.errors import CaptureError
from wsproxy.store.marks import Marks, path_of


@pytest.fixture
def capture(tmp_path):
    return tmp_path / "a.wsp"


def test_marks_and_comments_are_there_again(capture):
    marks = Marks(capture, 1)
    marks.set(7)
    marks.set(3, "here it starts")
    again = Marks(capture, 1)
    again.load()
    assert list(again) == [3, 7]
    assert again.comment(3) == "here it starts"
    assert again.comment(7) == ""
    assert stat.S_IMODE(path_of(capture).stat().st_mode) == 0o600


def test_two_viewers_do_not_overwrite_each_other(capture):
    one, other = Marks(capture, 1), Marks(capture, 1)
    one.set(1)
    other.set(2)
    one.remove(1)
    other.load()
    assert list(other) == [2]


def test_marks_of_a_replaced_capture_are_neither_shown_nor_lost(capture):
    Marks(capture, 1).set(5, "of the old one")
    new = Marks(capture, 2)
    new.load()
    assert list(new) == []
    new.set(6)
    old = Marks(capture, 1)
    old.load()
    assert old.comment(5) == "of the old one"


def test_the_next_and_the_one_before_are_found(capture):
    marks = Marks(capture, 1)
    for number in (3, 9, 5):
        marks.set(number)
    assert marks.next(3) == 5
    assert marks.next(9) is None
    assert marks.next(9, backward=True) == 5
    assert marks.next(3, backward=True) is None


@pytest.mark.parametrize("text", ["{", "[]", '{"1": 5}', "[" * 100_000])
def test_a_damaged_file_is_said_to_be_and_not_overwritten(capture, text):
    path_of(capture).write_text(text)
    marks = Marks(capture, 1)
    with pytest.raises(CaptureError, match="it is damaged"):
        marks.load()
    with pytest.raises(CaptureError, match="it is damaged"):
        marks.set(1)
    assert path_of(capture).read_text() == text


def test_what_does_not_belong_into_the_file_is_left_out(capture):
    path_of(capture).write_text(json.dumps({"1": {"x": {}, "4": "no", "5": {"mark": True, "comment": None}}}))
    marks = Marks(capture, 1)
    marks.load()
    assert list(marks) == [5]


@unprivileged
def test_a_folder_that_cannot_be_written_is_said_to_be(capture):
    capture.parent.chmod(0o500)
    with pytest.raises(CaptureError, match="cannot keep marks"):
        Marks(capture, 1).set(1)
