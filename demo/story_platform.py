"""`hub demo province`: the platform works when it is told to, and refuses what it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from demo import province
from docking.resources import leaving
from schemas.city import read_city
from schemas.errors import RegistrationError
from schemas.home import say


def work(home: Path, refuse: str | None = None) -> Iterator[tuple[str, bool, str]]:
    """(batch, taken, what the platform says) for everything that waits. Raises RegistrationError for a resource there is none of."""
    platform = province.prepare(home)
    try:
        if refuse:
            platform.fault("refuse", resource=_known(refuse))
        answers = platform.process()
    finally:
        platform.close()
    if not answers:
        yield "", True, say("没有等待处理的批次", "no batch is waiting")
    for answer in answers:
        yield answer.batch, answer.status == province.TAKEN, answer.text if answer.code == "0" else f"[{answer.code}] {answer.text}"


def _known(resource: str) -> str:
    codes = {r.code: r.dataset.title for r in leaving(read_city()).values()}
    if resource not in codes:
        known = "、".join(f"{code}（{title}）" for code, title in codes.items())
        raise RegistrationError(f"没有资源 {resource}；有：{known}", f"there is no resource {resource}; there are: {', '.join(codes)}")
    return resource
