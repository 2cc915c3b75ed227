"""The newest value of a thread, for any number of asyncio tasks, each at its own pace."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Broadcast(Generic[T]):
    """publish() comes from any thread and never waits; a Subscription reads on its event loop."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: set[Subscription[T]] = set()
        self._value: T | None = None
        self._number = 0
        self._closed = False

    @property
    def watched(self) -> bool:
        """Whether anybody listens."""
        return bool(self._listeners)

    @property
    def latest(self) -> T | None:
        return self._value

    @property
    def closed(self) -> bool:
        return self._closed

    def publish(self, value: T) -> None:
        with self._lock:
            self._value = value
            self._number += 1
            self._wake()

    def close(self) -> None:
        """Ends every subscription."""
        with self._lock:
            self._closed = True
            self._wake()

    def newer_than(self, number: int) -> tuple[int, T | None]:
        """The number of the newest value, and the value if its number is above `number`."""
        with self._lock:
            return self._number, self._value if self._number > number else None

    def _wake(self) -> None:
        for listener in self._listeners:
            listener.wake()

    def _add(self, listener: Subscription[T]) -> None:
        with self._lock:
            self._listeners.add(listener)

    def _remove(self, listener: Subscription[T]) -> None:
        with self._lock:
            self._listeners.discard(listener)


class Subscription(Generic[T]):
    """Listens to broadcasts from inside a running event loop, for as long as it is entered."""

    def __init__(self, *topics: Broadcast[T]) -> None:
        self._seen = dict.fromkeys(topics, 0)
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    async def newest(self, timeout: float) -> list[T] | None:
        """What is new since the last call, at most one value of each topic.

        Empty after `timeout` seconds without news; None once a topic is closed.
        """
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()
        if any(topic.closed for topic in self._seen):
            return None
        values = []
        for topic, seen in self._seen.items():
            self._seen[topic], value = topic.newer_than(seen)
            if value is not None:
                values.append(value)
        return values

    def wake(self) -> None:
        """Called from other threads."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._event.set)

    def __enter__(self) -> Subscription[T]:
        for topic in self._seen:
            topic._add(self)
        # What was published before counts as news.
        self._event.set()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for topic in self._seen:
            topic._remove(self)
