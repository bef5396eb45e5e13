"""Nothing waits for ever: a call or a stream that may hang in a driver runs in a thread that can be left behind.

A driver written in C cannot be interrupted from outside. The thread is a daemon: it ends with its socket or with us.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")
_AHEAD = 2  # batches made before they are asked for


class Late(Exception):
    """Nothing came for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.seconds = seconds


def within(seconds: float, call: Callable[[], T]) -> T:
    """What the call returns or raises. Raises Late when it takes longer; the call itself may go on in its thread."""
    answers: queue.Queue[tuple[bool, Any]] = queue.Queue()

    def work() -> None:
        try:
            answers.put((True, call()))
        except BaseException as error:  # noqa: BLE001 - handed to the caller
            answers.put((False, error))

    threading.Thread(target=work, daemon=True, name="connector call").start()
    try:
        fine, answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise Late(seconds) from None
    if fine:
        return answer  # type: ignore[no-any-return]
    raise answer


def steady(batches: Iterator[T], each: float, whole: float) -> Iterator[T]:
    """The same items. Raises Late when one takes longer than `each`, or all of them longer than `whole` seconds."""
    made: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=_AHEAD)
    left = threading.Event()

    def work() -> None:
        try:
            for batch in batches:
                if not _put(made, ("batch", batch), left):
                    return
            _put(made, ("end", None), left)
        except BaseException as error:  # noqa: BLE001 - handed to the reader
            _put(made, ("error", error), left)
        finally:
            close = getattr(batches, "close", None)
            if close:
                close()

    worker = threading.Thread(target=work, daemon=True, name="connector stream")
    worker.start()
    until = time.monotonic() + whole
    finished = False
    try:
        while True:
            wait = min(each, until - time.monotonic())
            try:
                word, item = made.get(timeout=max(wait, 0.001))
            except queue.Empty:
                raise Late(each if wait == each else whole) from None
            finished = word != "batch"
            if word == "batch":
                yield item
            elif word == "end":
                return
            else:
                raise item
    finally:
        left.set()
        worker.join(timeout=5 if finished else 1)  # what it holds open is closed when this returns, unless it hangs


def _put(made: queue.Queue[tuple[str, Any]], item: tuple[str, Any], left: threading.Event) -> bool:
    while not left.is_set():
        try:
            made.put(item, timeout=0.2)
        except queue.Full:
            continue
        return True
    return False


def paced(batches: Iterator[T], rows: Callable[[T], int], per_second: int | None) -> Iterator[T]:
    """The same items, no faster than the far side may be asked for them."""
    if per_second is None:
        yield from batches
        return
    start, seen = time.monotonic(), 0
    for batch in batches:
        seen += rows(batch)
        yield batch
        ahead = seen / per_second - (time.monotonic() - start)
        if ahead > 0:
            time.sleep(ahead)
