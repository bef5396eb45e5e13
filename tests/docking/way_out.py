"""The whole way out, open: a small lake, a ledger, the simulated platform."""

import datetime as dt
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from demo.province import Province, prepare
from docking import withdrawal
from docking.deliver import deliver
from docking.package import make, pending
from docking.parted import look
from docking.platforms import open_exchange
from docking.receipts import collect
from docking.way import Way
from ledger.opening import open_ledger
from tests.docking.shared_city import ALLOWANCE, CODE, FIELDS, city, share
from warehouse import keys
from warehouse.lake import Lake

ROOT = Path(__file__).resolve().parents[2]
NOW = dt.timedelta(0)


@dataclass
class Path_:
    """The whole way out, open."""

    home: Path
    lake: Lake
    city: object
    ledger: object
    province: Province

    def share(self, **tables):
        share(self.lake, self.city, self.ledger.agreements(), **tables)

    @property
    def out(self) -> Way:
        return Way(self.home, self.city, self.lake, self.ledger, "province")

    @contextmanager
    def exchange(self):
        opened = open_exchange(self.home, self.city, "province")
        yield opened
        opened.close()

    def make(self, table=ALLOWANCE, **more):
        return make(self.out, table, "run", **more)

    def deliver(self, delivery):
        with self.exchange() as exchange:
            return deliver(self.out, exchange, delivery)

    def send(self, table=ALLOWANCE, **more):
        """Make, deliver, let the province work, take in the receipts; returns the delivery as it ended."""
        made_ = self.make(table, **more)
        if made_ is None:
            return None
        self.deliver(made_)
        self.province.process()
        self.collect()
        return self.ledger.delivery(made_.id)

    def look(self):
        with self.exchange() as exchange:
            return look(self.out, exchange)

    def withdraw(self, **more):
        """Take back whatever is due, let the province work, take in the receipts; returns the deliveries as they ended."""
        sent = [d for w in withdrawal.due(self.out, **more) if (d := withdrawal.make(self.out, w, "run"))]
        for d in sent:
            self.deliver(d)
        self.province.process()
        self.collect()
        return [self.ledger.delivery(d.id) for d in sent]

    def collect(self, wait=NOW):
        return self.gather(wait).receipts

    def gather(self, wait=NOW):
        with self.exchange() as exchange:
            return collect(self.out, exchange, wait=wait)

    def pending(self, **more):
        return pending(self.out, **more)

    def ours(self, table=ALLOWANCE):
        """What may leave of the shared dataset now, asked of the lake directly."""
        resource = self.out.leaving()[table]
        shown = ", ".join(f"{c.sql} AS {c.name}" for c in resource.columns)
        key = resource.row_key(keys.key(self.home, "platform"))
        found = self.lake.cursor().execute(
            f"SELECT {key} AS row_key, {shown} FROM shared.person WHERE _source = ? ORDER BY row_key", [table]
        )
        names = [d[0] for d in found.description]
        return [dict(zip(names, r, strict=True)) for r in found.fetchall()]

    def theirs(self, code=CODE):
        return [{k: self.plain(k, v) for k, v in r.items()} for r in self.province.copy(code)]

    def plain(self, name, value):
        if not self.province.sqlite or value is None or name not in FIELDS:
            return value
        kind = FIELDS[name].get("type")
        if FIELDS[name].get("share") == "masked":
            return value
        from decimal import Decimal

        reads = {"date": dt.date.fromisoformat, "datetime": dt.datetime.fromisoformat, "decimal": Decimal, "boolean": bool}
        return reads.get(kind, lambda v: v)(value)

    def equal(self):
        assert self.theirs() == self.ours()
        return len(self.ours())


def open_path(home, url, monkeypatch):
    monkeypatch.delenv("HUB_LEDGER", raising=False)
    return Path_(home, Lake(home), city(), open_ledger(home), prepare(home, url))
