"""One slot, the newest wins."""

from __future__ import annotations

import threading

from edgerun.serve.mailbox import Mailbox


def test_the_newest_item_wins_and_the_loss_is_told():
    box: Mailbox[int] = Mailbox()
    assert [box.put(i) for i in range(3)] == [False, True, True]
    assert box.take() == 2
    assert box.put(3) is False


def test_take_waits_for_an_item():
    box: Mailbox[str] = Mailbox()
    got: list[str | None] = []
    reader = threading.Thread(target=lambda: got.append(box.take()))
    reader.start()
    box.put("frame")
    reader.join(10)
    assert got == ["frame"]


def test_what_is_handed_over_is_not_lost():
    box: Mailbox[int] = Mailbox()
    got: list[int | None] = []
    writer = threading.Thread(target=lambda: [box.hand(i) for i in range(200)])
    writer.start()
    got = [box.take() for _ in range(200)]
    writer.join(10)
    assert got == list(range(200))


def test_close_lets_the_one_who_hands_over_go():
    box: Mailbox[int] = Mailbox()
    box.hand(1)
    writer = threading.Thread(target=box.hand, args=(2,))
    writer.start()
    box.close()
    writer.join(10)
    assert not writer.is_alive()
    assert (box.take(), box.take()) == (1, None)


def test_close_wakes_the_reader_and_ends_it():
    box: Mailbox[str] = Mailbox()
    got: list[str | None] = []
    reader = threading.Thread(target=lambda: got.append(box.take()))
    reader.start()
    box.close()
    reader.join(10)
    assert got == [None]


def test_what_was_there_before_the_close_is_still_read():
    box: Mailbox[str] = Mailbox()
    box.put("last")
    box.close()
    assert (box.take(), box.take()) == ("last", None)
    box.put("late")
    assert box.take() is None
