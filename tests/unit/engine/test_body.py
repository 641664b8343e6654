"""What is kept of bodies while they pass."""

from wsproxy.engine.body import Body, Budget


def test_a_body_passes_and_its_beginning_is_kept() -> None:
    body = Body(5)
    pieces = [b"abc", b"def", b"", b"g"]
    assert [body(piece) is piece for piece in pieces] == [True] * 4
    assert (body.kept, body.length) == (b"abcde", 7)


def test_bodies_under_way_share_a_budget_and_give_it_back() -> None:
    budget = Budget(7)
    first, second = Body(5, budget), Body(5, budget)
    first(b"abcdef")
    second(b"xyz")
    assert (first.kept, second.kept, second.length) == (b"abcde", b"xy", 3)

    first.forget()
    second(b"zzzz")
    assert second.kept == b"xyzzz"
    second.forget()
    assert (budget.left, second.kept) == (7, b"")
