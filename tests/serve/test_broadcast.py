"""From a thread to asyncio tasks: the newest value, never a queue."""

from __future__ import annotations

import asyncio
import threading

from edgerun.serve.broadcast import Broadcast, Subscription

LONG = 10.0


def test_a_late_subscriber_gets_the_newest_value_at_once():
    topic: Broadcast[int] = Broadcast()
    topic.publish(1)
    topic.publish(2)

    async def listen() -> list[int] | None:
        with Subscription(topic) as subscription:
            return await subscription.newest(LONG)

    assert asyncio.run(listen()) == [2]


def test_a_slow_subscriber_skips_what_it_missed():
    topic: Broadcast[int] = Broadcast()

    async def listen() -> list[int]:
        seen: list[int] = []
        with Subscription(topic) as subscription:
            assert await subscription.newest(LONG) == []
            for value in (1, 2, 3):
                topic.publish(value)
            seen += await subscription.newest(LONG) or []
            topic.publish(4)
            seen += await subscription.newest(LONG) or []
        return seen

    assert asyncio.run(listen()) == [3, 4]


def test_values_come_from_other_threads():
    topic: Broadcast[int] = Broadcast()

    async def listen() -> list[int] | None:
        with Subscription(topic) as subscription:
            await subscription.newest(LONG)
            threading.Thread(target=topic.publish, args=(7,)).start()
            return await subscription.newest(LONG)

    assert asyncio.run(listen()) == [7]


def test_several_topics_give_one_value_each():
    first: Broadcast[str] = Broadcast()
    second: Broadcast[str] = Broadcast()

    async def listen() -> list[str] | None:
        with Subscription(first, second) as subscription:
            await subscription.newest(LONG)
            for name in ("a", "b"):
                first.publish(name)
            second.publish("c")
            return await subscription.newest(LONG)

    assert asyncio.run(listen()) == ["b", "c"]


def test_silence_gives_an_empty_list_and_a_close_ends():
    topic: Broadcast[int] = Broadcast()

    async def listen() -> list[object]:
        with Subscription(topic) as subscription:
            await subscription.newest(LONG)
            silence = await subscription.newest(0.01)
            topic.close()
            return [silence, await subscription.newest(LONG)]

    assert asyncio.run(listen()) == [[], None]


def test_watched_only_while_somebody_listens():
    topic: Broadcast[int] = Broadcast()

    async def listen() -> bool:
        with Subscription(topic):
            return topic.watched

    assert not topic.watched
    assert asyncio.run(listen())
    assert not topic.watched
