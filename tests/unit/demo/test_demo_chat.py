"""Who is in the room, and by which name."""

import pytest

from wsproxy.demo.chat import MAX_LENGTH, Room


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def tell(self, message: str) -> None:
        self.heard.append(message)


def test_a_member_gets_the_name_they_asked_for() -> None:
    room, member = Room(), Listener()
    assert room.join(member, "ada") == "ada"
    assert member.heard == ["connected: ada", "log: ada joined"]


def test_a_taken_name_gets_a_number() -> None:
    room = Room()
    assert [room.join(Listener(), "ada") for _ in range(3)] == ["ada", "ada-2", "ada-3"]


@pytest.mark.parametrize("wanted", ["", "two words", "a" * 21, "\x1b[31m", "log: x", "a\nb"])
def test_a_name_that_will_not_do_becomes_a_guest(wanted: str) -> None:
    assert Room().join(Listener(), wanted) == "guest-1"


def test_a_guest_does_not_take_the_name_of_somebody_who_chose_it() -> None:
    room = Room()
    room.join(Listener(), "guest-1")
    assert room.join(Listener()) == "guest-2"


def test_a_name_is_free_again_when_its_member_left() -> None:
    room, first = Room(), Listener()
    room.join(first, "ada")
    room.leave(first)
    assert room.join(Listener(), "ada") == "ada"


def test_who_left_is_told_nothing_more_and_can_say_nothing() -> None:
    room, first, second = Room(), Listener(), Listener()
    room.join(first, "ada")
    room.join(second, "bob")
    room.leave(first)
    before = list(first.heard)
    room.say(second, "hello")
    room.say(first, "am I heard?")
    room.leave(first)
    assert first.heard == before
    assert second.heard[-2:] == ["log: ada left", "log: bob: hello"]


def test_a_long_line_is_cut() -> None:
    room, member = Room(), Listener()
    room.join(member, "ada")
    room.say(member, "x" * 5000)
    assert member.heard[-1] == "log: ada: " + "x" * MAX_LENGTH
