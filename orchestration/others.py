"""What was synced outside Dagster (by hand, by another host) is shown in its view as well.

    hub.cursors, hub.made  >  what the instance's last materialisations say  ->  runless events

(No postponed annotations in this module: Dagster reads them.)
"""

import json
from collections.abc import Iterator

import dagster as dg

from orchestration import metadata
from orchestration.metadata import accepted, landed
from orchestration.sensors import open_to_look
from orchestration.standing import Newest, standings
from schemas.city import City
from schemas.registration import System

Seen = dict[str, list[int]]  # dataset table: the numbers of landing and standard that have been told
MOST = 200  # datasets told of at once


def tell_what_others_did(city: City) -> dg.SensorDefinition:
    """Once for every number that a run of Dagster has not told itself; no run is needed."""

    @dg.sensor(name="tell_what_others_did", minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.RUNNING)
    def look(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        told: Seen = json.loads(context.cursor) if context.cursor else {}
        datasets = {s.table(n): (s, n) for s in city if s.running for n in s.datasets}
        with open_to_look(city) as hub:
            if hub is None:
                return dg.SkipReason("还没有数据 nothing has landed yet")
            stand = standings(hub.lake, datasets)
        numbers = {t: [int(s.landed.get("state", 0)), int(s.accepted.get("state", 0))] for t, s in stand.items()}
        new = [t for t, n in numbers.items() if any(n) and told.get(t) != n][:MOST]
        if not new:
            return dg.SkipReason("没有新的变化 nothing new")
        events = [e for t in new for e in _events(context.instance, city, *datasets[t], stand[t])]
        return dg.SensorResult(asset_events=events, cursor=json.dumps(told | {t: numbers[t] for t in new}))

    return look


def _events(instance: dg.DagsterInstance, city: City, system: System, name: str, stand: Newest) -> Iterator[dg.AssetMaterialization]:
    """What the instance's newest materialisations do not say already."""
    described = [(landed(system, name), f"landing-{stand.landed.get('state', 0)}", metadata.of_landing(system, name, stand))]
    if system.datasets[name].record and stand.accepted:
        version = f"standard-{stand.accepted.get('state', 0)}"
        described.append((accepted(system, name), version, metadata.of_standard(city, system, name, stand)))
    for key, version, said in described:
        last = instance.get_latest_materialization_event(key)
        known = last.asset_materialization.tags if last and last.asset_materialization else None
        if (known or {}).get(_VERSION) != version:
            run = (stand.landed if key.path[0] == "landing" else stand.accepted).get("run", "")
            yield dg.AssetMaterialization(key, metadata={**said, "run": str(run)}, tags={_VERSION: version})


_VERSION = "dagster/data_version"
