"""Registrations that were added or changed reach a running Dagster by themselves: its code location is asked to load them anew.

    systems/, schemas/ changed, and still for a moment  ->  reloadRepositoryLocation, as the page's own button does

python -m orchestration.reloading PORT PREFIX PARENT    watches as long as the process PARENT lives

Dagster reads definitions when its code location is loaded and has no way to be told by the location itself. Whoever starts
its web server through orchestration.instance gets this watcher beside it.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import sys
import time
import urllib.error
import urllib.request

from schemas.city import files_seen

LOCATION = "lianshu"  # as workspace.yaml calls it
EVERY = 10.0  # seconds between two looks; a change is taken up at the second look that finds it the same
_RELOAD = """mutation($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) {
  __typename ... on PythonError { message } } }"""
log = logging.getLogger("lianshu")


def reload(port: int, prefix: str = "") -> bool:
    """Ask the web server on this machine's own port to load the definitions anew; False when it does not answer or could not."""
    asked = json.dumps({"query": _RELOAD, "variables": {"name": LOCATION}}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{prefix}/graphql", asked, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=180) as answer:  # noqa: S310  # our own address
            said = json.load(answer)
    except (OSError, urllib.error.URLError, ValueError):
        return False
    done = (said.get("data") or {}).get("reloadRepositoryLocation") or {}
    if done.get("__typename") != "WorkspaceLocationEntry":
        log.warning("the code location was not reloaded: %s", done.get("__typename"))
        return False
    return True


def watch(port: int, prefix: str, parent: int, *, every: float = EVERY) -> None:
    """Look until the parent is gone."""
    loaded = before = files_seen()
    while os.getppid() == parent:
        time.sleep(every)
        now = files_seen()
        if now != loaded and now == before and reload(port, prefix):
            loaded = now
        before = now


def address(words: list[str]) -> tuple[int, str] | None:
    """Port and path prefix of the web server that a command of Dagster starts; None when it starts none."""
    if words[:2] != ["dagster", "dev"] and words[:1] != ["dagster-webserver"]:
        return None
    given = dict(w.split("=", 1) for w in words if w.startswith("--") and "=" in w)
    given |= {w: v for w, v in itertools.pairwise(words) if w in ("-p", "--port", "-l", "--path-prefix")}
    prefix = given.get("--path-prefix", given.get("-l", ""))
    return int(given.get("--port", given.get("-p", "3000"))), f"/{prefix.strip('/')}" if prefix.strip("/") else ""


if __name__ == "__main__":
    watch(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
