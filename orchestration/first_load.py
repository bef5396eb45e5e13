"""Everything in this process: all systems in one run, then publish, then deliver. For the first load and the demo.

The runs are Dagster's, in the same instance that `make dev` shows, and need no server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.city import City, read_city

JOBS = ("first_load", "publish", "deliver")


@dataclass(frozen=True)
class Ran:
    """How one job ended. `failed` has the steps that failed, each with what Dagster was told."""

    job: str
    run: str  # Dagster's run id
    success: bool
    failed: dict[str, str]


def run_everything(
    home: Path | None = None, *, tell: Callable[..., None] | None = None, city: City | None = None, jobs: Iterable[str] = JOBS
) -> dict[str, Ran]:
    """Run the jobs one after the other; each runs even when the one before it failed in part. Progress goes to `tell`."""
    import dagster as dg

    from orchestration.definitions import definitions_of
    from orchestration.instance import prepare
    from orchestration.steps import Steps, silent

    prepare(home)
    city = city or read_city()
    repository = definitions_of(city)
    say: Any = tell or silent
    ran: dict[str, Ran] = {}
    with dg.DagsterInstance.get() as instance:
        for name in jobs:
            steps = Steps.open(city, say, home)
            try:
                say("job", name)
                result = repository.resolve_job_def(name).execute_in_process(
                    instance=instance,
                    resources={"steps": steps},
                    raise_on_error=False,
                    run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                )
                failed = {e.step_key or "": _said(e) for e in result.all_events if e.is_step_failure}
                ran[name] = Ran(name, result.run_id, result.success, failed)
                say("job done", name, success=result.success, failed=failed)
            finally:
                steps.close()
    return ran


def _said(event: Any) -> str:
    """The failure's own words: those we raised, never a driver's."""
    data = event.step_failure_data
    told = data.user_failure_data
    return str(told.description) if told else str(data.error.cls_name if data.error else "")
