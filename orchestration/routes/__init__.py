"""The order of steps, in plain Python: for one system, and for what is shared. Dagster and the command line call these.

    sync      pull -> land -> (acknowledge) -> build -> check -> accept      one system, alone, one commit each
    publish   build what is due -> shared -> derived -> edition               everything
    deliver   package -> platform;  receipts   platform -> ledger

Each asks only what is due. A kill between two steps, a changed mapping and a sync by hand are the same ordinary case.
"""

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
