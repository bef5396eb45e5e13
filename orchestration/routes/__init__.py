"""The order of steps, in plain Python: for one system, and for what is shared. Dagster and the command line call these.

    sync      pull -> land -> (acknowledge) -> build -> check -> accept      one system, alone, one commit each
    publish   build what is due -> shared -> derived -> edition               everything
    deliver   package -> platform;  receipts   platform -> ledger

Each asks only what is due. A kill between two steps, a changed mapping and a sync by hand are the same ordinary case.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestration.routes.delivering import Delivered, Plan, collect, compare, deliver, docked, plan
    from orchestration.routes.opened import Hub, Tell
    from orchestration.routes.publishing import Published, publish
    from orchestration.routes.syncing import Outcome, Synced, build, sync

__all__ = [
    "Delivered",
    "Hub",
    "Outcome",
    "Plan",
    "Published",
    "Synced",
    "Tell",
    "build",
    "collect",
    "compare",
    "deliver",
    "docked",
    "plan",
    "publish",
    "sync",
]

_AT = {
    "delivering": ("Delivered", "Plan", "collect", "compare", "deliver", "docked", "plan"),
    "opened": ("Hub", "Tell"),
    "publishing": ("Published", "publish"),
    "syncing": ("Outcome", "Synced", "build", "sync"),
}


def __getattr__(name: str) -> Any:
    """Each is loaded when it is asked for: a publish has no use for the drivers of a sync, nor for the platform's client."""
    at = next((module for module, names in _AT.items() if name in names), None)
    if at is None:
        raise AttributeError(name)
    return getattr(importlib.import_module(f"{__name__}.{at}"), name)
