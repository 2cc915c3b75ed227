"""A slot for one item between two threads: the newest wins."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """put() never waits, take() waits for the next item. What is replaced unread is lost.

    hand() waits instead until the last item was taken, for items that must not be lost.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._item: T | None = None
        self._closed = False

    def put(self, item: T) -> bool:
        """Leaves the item for the reader; True if it replaced one that nobody read."""
        with self._changed:
            replaced = self._item is not None
            self._item = None if self._closed else item
            self._changed.notify_all()
            return replaced

    def hand(self, item: T) -> None:
        """Leaves the item for the reader once the slot is free."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is None or self._closed)
            if not self._closed:
                self._item = item
                self._changed.notify_all()

    def take(self) -> T | None:
        """The newest item, waited for; None once the mailbox is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed)
            item, self._item = self._item, None
            self._changed.notify_all()
            return item

    def close(self) -> None:
        """Lets the reader have what is there and then go; later items are lost."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
