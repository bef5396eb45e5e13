"""The ledger as it is written and read. One short transaction a call; safe from several threads and processes."""

from __future__ import annotations

import datetime as dt
import os
import secrets
import traceback
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Engine, func, select, update
from sqlalchemy.orm import Session, sessionmaker

from ledger import processes
from ledger.models import Agreement, Confirmation, Decision, Delivery, Epoch, Look, Parting, Receipt, Run, Stage, Stray
from schemas.errors import HubError, Moved
from schemas.remarks import Remark, as_json
from schemas.said import Said

ROOT = Path(__file__).resolve().parent.parent
READING = "reading"  # the execution option of a transaction that writes nothing
FOREIGN = dt.timedelta(hours=24)  # a run of another machine cannot be looked at; after that long nobody believes in it


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a look at one dataset ended: with an error of its own at one of two stations, or well; and what it has to tell."""

    error: HubError | None = None
    station: Literal["read", "build"] = "read"
    remarks: Sequence[Remark] = ()


class Ledger:
    """Runs, stages, confirmations, deliveries and receipts. Rows it gives out are copies; changing them changes nothing."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._session = sessionmaker(engine, expire_on_commit=False)
        self._reading = sessionmaker(engine.execution_options(**{READING: True}), expire_on_commit=False)

    def close(self) -> None:
        self.engine.dispose()

    # runs

    def start_run(self, kind: str, system: str = "", *, run: str | None = None) -> str:
        """Open a run of this process; returns its id."""
        run = run or uuid.uuid4().hex
        pid = os.getpid()
        with self._session.begin() as session:
            session.merge(
                Run(
                    id=run, kind=kind, system=system, started_at=now(), ended_at=None, status="open",
                    host=processes.host(), pid=pid, born=processes.born(pid),
                )
            )  # fmt: skip
        return run

    def finish_run(self, run: str, status: str, error: BaseException | None = None) -> None:
        """Close a run as done, failed or killed. What went wrong is kept as the error says it, or by class and place if it is not one of ours."""
        with self._session.begin() as session:
            session.execute(update(Run).where(Run.id == run).values(status=status, ended_at=now(), **_said(error)))

    def run(self, run: str) -> Run | None:
        with self._reading() as session:
            return session.get(Run, run)

    def runs(self, *, system: str | None = None, status: str | None = None, limit: int = 100) -> list[Run]:
        """The newest runs first."""
        query = select(Run).order_by(Run.started_at.desc()).limit(limit)
        if system is not None:
            query = query.where(Run.system == system)
        if status is not None:
            query = query.where(Run.status == status)
        with self._reading() as session:
            return list(session.scalars(query))

    def last_runs(self, kind: str = "sync") -> dict[str, Run]:
        """The newest run of every system."""
        place = func.row_number().over(partition_by=Run.system, order_by=(Run.started_at.desc(), Run.id)).label("place")
        ranked = select(Run.id, place).where(Run.kind == kind).subquery()
        with self._reading() as session:
            found = session.scalars(select(Run).join(ranked, Run.id == ranked.c.id).where(ranked.c.place == 1))
            return {r.system: r for r in found}

    def mend(self, committed: set[str]) -> dict[str, str]:
        """Close the runs that nobody will close any more: done if the lake has their rows, killed otherwise."""
        here, closed = processes.host(), {}
        with self._session.begin() as session:
            for run in session.scalars(select(Run).where(Run.status == "open")):
                away = run.host != here and now() - run.started_at < FOREIGN
                if away or (run.host == here and processes.lives(run.pid, run.born)):
                    continue
                run.status, run.ended_at = ("done" if run.id in committed else "killed"), now()
                if run.status == "killed":
                    run.message_zh, run.message_en = "运行被中断，没有写入任何数据", "the run was cut off; it has written nothing"
                    run.whose_zh, run.whose_en = Moved.whose_zh, Moved.whose_en
                    again = f"hub {run.kind} {run.system}".strip()
                    run.next_zh, run.next_en = f"等下次运行，或现在运行 {again}", f"wait for the next run, or run {again}"
                closed[run.id] = run.status
        return closed

    def open_runs(self) -> set[str]:
        """Runs under way, here or on another host."""
        with self._session() as session:
            return set(session.scalars(select(Run.id).where(Run.status == "open")))

    # stages

    def set_stage(self, system: str, stage: str, *, by: str = "", note: str = "") -> None:
        with self._session.begin() as session:
            session.add(Stage(system=system, stage=stage, since=now(), by=by, note=note))

    def stages(self) -> dict[str, Stage]:
        """The stage each system is in; one without a row is as its file says."""
        newest = select(func.max(Stage.id)).group_by(Stage.system)
        with self._reading() as session:
            return {s.system: s for s in session.scalars(select(Stage).where(Stage.id.in_(newest)))}

    def stage_history(self, system: str) -> list[Stage]:
        with self._reading() as session:
            return list(session.scalars(select(Stage).where(Stage.system == system).order_by(Stage.id)))

    # agreements

    def agree(self, dataset: str, *, on_file: bool = True, by: str = "", note: str = "") -> None:
        """An agreement came in, or (on_file=False) ended."""
        with self._session.begin() as session:
            session.add(Agreement(dataset=dataset, on_file=on_file, since=now(), by=by, note=note))

    def agreements(self) -> frozenset[str]:
        """Dataset tables whose agreement is on file."""
        newest = select(func.max(Agreement.id)).group_by(Agreement.dataset)
        with self._reading() as session:
            return frozenset(session.scalars(select(Agreement.dataset).where(Agreement.id.in_(newest), Agreement.on_file)))

    def agreement_history(self, dataset: str) -> list[Agreement]:
        with self._reading() as session:
            return list(session.scalars(select(Agreement).where(Agreement.dataset == dataset).order_by(Agreement.id)))

    # decisions

    def decide(self, kind: str, subject: str, *, by: str, because: str, run: str = "") -> None:
        """A person let something pass that the hub had held back."""
        with self._session.begin() as session:
            session.add(Decision(kind=kind, subject=subject, at=now(), by=by, because=because, run=run))

    def decisions(self, subject: str | None = None, *, limit: int = 100) -> list[Decision]:
        """The newest first."""
        query = select(Decision).order_by(Decision.id.desc()).limit(limit)
        if subject is not None:
            query = query.where(Decision.subject == subject)
        with self._reading() as session:
            return list(session.scalars(query))

    # confirmations

    def confirm(self, dataset: str, run: str, changed: bool) -> None:
        """We looked, and this is what the far side has."""
        self.confirm_all(run, {dataset: changed})

    def confirm_all(self, run: str, datasets: Mapping[str, bool]) -> None:
        at = now()
        with self._session.begin() as session:
            for dataset, changed in sorted(datasets.items()):  # sorted: two processes wait for each other in one order
                row = session.get(Confirmation, dataset) or Confirmation(dataset=dataset, changed_at=None)
                row.run, row.confirmed_at, row.changed = run, at, changed
                row.changed_at = at if changed else row.changed_at
                session.add(row)

    def confirmed(self) -> dict[str, tuple[dt.datetime, str]]:
        """{dataset table: (when last confirmed, by which run)}."""
        with self._reading() as session:
            found = session.execute(select(Confirmation.dataset, Confirmation.confirmed_at, Confirmation.run))
            return {dataset: (at, run) for dataset, at, run in found}

    # looks

    def looked(self, run: str, ended: Mapping[str, Ended]) -> None:
        """How a look at each of these datasets ended."""
        at = now()
        blank = dict.fromkeys(("whose_zh", "whose_en", "message_zh", "message_en", "next_zh", "next_en"), "")
        with self._session.begin() as session:
            for dataset, end in sorted(ended.items()):
                row = session.get(Look, dataset) or Look(dataset=dataset, since=None)
                row.run, row.looked_at, row.failed = run, at, end.station if end.error else ""
                row.since = (row.since or at) if end.error else None
                row.remarks = as_json(end.remarks)
                for name, text in (blank | _said(end.error)).items():
                    setattr(row, name, text)
                session.add(row)

    def looks(self) -> dict[str, Look]:
        """The last look at every dataset, by its table."""
        with self._reading() as session:
            return {look.dataset: look for look in session.scalars(select(Look))}

    # deliveries

    def prepare(self, delivery: Delivery) -> Delivery:
        """Enter a package whose files are complete. Raises IntegrityError when its number has been given already."""
        delivery.status, delivery.prepared_at = "prepared", now()
        with self._session.begin() as session:
            session.add(delivery)
        return delivery

    def sent(self, delivery: int) -> None:
        """The batch stands at the platform. An answer that is already there stays."""
        with self._session.begin() as session:
            session.execute(
                update(Delivery).where(Delivery.id == delivery, Delivery.status == "prepared").values(status="sent", sent_at=now())
            )

    def answered(self, receipt: Receipt, *, next_zh: str = "", next_en: str = "") -> bool:
        """Keep a receipt, and its delivery as taken or refused; False when it was known."""
        known = select(Receipt.id).where(Receipt.delivery == receipt.delivery, Receipt.number == receipt.number)
        with self._session.begin() as session:
            if session.scalar(known) is not None:
                return False
            session.add(receipt)
            self._close(session, receipt.delivery, receipt.status, receipt.code, receipt.text, next_zh, next_en)
        return True

    def astray(self, stray: Stray) -> bool:
        """Keep a receipt that is not for what we sent, apart; its delivery stays as it is. False when it was known."""
        known = select(Stray.id).where(Stray.delivery == stray.delivery, Stray.number == stray.number)
        stray.seen_at = now()
        with self._session.begin() as session:
            if session.scalar(known) is not None:
                return False
            session.add(stray)
        return True

    def strays(self) -> list[Stray]:
        """The newest first."""
        with self._reading() as session:
            return list(session.scalars(select(Stray).order_by(Stray.id.desc())))

    def recall(self, delivery: int, *, code: str, reason: str, next_zh: str, next_en: str) -> None:
        """A package that we take back ourselves before the platform has answered."""
        with self._session.begin() as session:
            self._close(session, delivery, "refused", code, reason, next_zh, next_en)

    @staticmethod
    def _close(session: Session, delivery: int, status: str, code: str, reason: str, next_zh: str, next_en: str) -> None:
        row = session.get_one(Delivery, delivery)
        row.status, row.answered_at, row.code, row.reason = status, now(), code, reason
        row.sent_at = row.sent_at or row.answered_at
        row.next_zh, row.next_en = next_zh, next_en

    def delivery(self, delivery: int) -> Delivery | None:
        with self._reading() as session:
            return session.get(Delivery, delivery)

    def deliveries(
        self, *, platform: str | None = None, resource: str | None = None, status: tuple[str, ...] = (), limit: int | None = None
    ) -> list[Delivery]:
        """The newest first."""
        query = select(Delivery).order_by(Delivery.id.desc()).limit(limit)
        if platform is not None:
            query = query.where(Delivery.platform == platform)
        if resource is not None:
            query = query.where(Delivery.resource == resource)
        if status:
            query = query.where(Delivery.status.in_(status))
        with self._reading() as session:
            return list(session.scalars(query))

    def last_deliveries(self, platform: str, *, status: tuple[str, ...] = ()) -> dict[str, Delivery]:
        """By resource, the package with the largest number, of those in that status."""
        largest = select(Delivery.resource, func.max(Delivery.sequence).label("sequence")).where(Delivery.platform == platform)
        if status:
            largest = largest.where(Delivery.status.in_(status))
        top = largest.group_by(Delivery.resource).subquery()
        query = select(Delivery).join(top, (Delivery.resource == top.c.resource) & (Delivery.sequence == top.c.sequence))
        with self._reading() as session:
            return {d.resource: d for d in session.scalars(query.where(Delivery.platform == platform))}

    def last_delivery(self, platform: str, resource: str, *, status: tuple[str, ...] = ()) -> Delivery | None:
        """The package of one resource with the largest number, of those in that status."""
        query = select(Delivery).where(Delivery.platform == platform, Delivery.resource == resource)
        if status:
            query = query.where(Delivery.status.in_(status))
        with self._reading() as session:
            return session.scalar(query.order_by(Delivery.sequence.desc()).limit(1))

    def part(self, platform: str, resource: str, sequence: int, because: Said) -> None:
        """Up to that number the platform's copy is not what we believed."""
        with self._session.begin() as session:
            session.add(
                Parting(
                    platform=platform, resource=resource, sequence=sequence, found_at=now(),
                    because_zh=because.zh, because_en=because.en,
                )
            )  # fmt: skip

    def partings(self, platform: str) -> dict[str, Parting]:
        """By resource, the one with the largest number."""
        query = select(Parting).where(Parting.platform == platform).order_by(Parting.sequence, Parting.id)
        with self._reading() as session:
            return {p.resource: p for p in session.scalars(query)}

    def epoch(self, platform: str, *, renew: bool = False) -> str:
        """The mark in the names of the batches that platform gets, made at its first use and anew after a restore."""
        newest = select(Epoch.epoch).where(Epoch.platform == platform).order_by(Epoch.id.desc()).limit(1)
        with self._session.begin() as session:
            found = None if renew else session.scalar(newest)
            if found is None:
                found = secrets.token_hex(4)
                session.add(Epoch(platform=platform, epoch=found, since=now()))
            return found

    def receipts(self, delivery: int) -> list[Receipt]:
        with self._reading() as session:
            return list(session.scalars(select(Receipt).where(Receipt.delivery == delivery).order_by(Receipt.id)))


def _said(error: BaseException | None) -> dict[str, Any]:
    if error is None:
        return {}
    if isinstance(error, HubError):
        return {
            "whose_zh": error.whose_zh, "whose_en": error.whose_en, "message_zh": error.zh, "message_en": error.en,
            "next_zh": error.next_zh, "next_en": error.next_en,
        }  # fmt: skip
    place = _place(error)
    return {
        "whose_zh": HubError.whose_zh,
        "whose_en": HubError.whose_en,
        "message_zh": f"程序错误 {type(error).__name__}{place}",
        "message_en": f"a fault in the program: {type(error).__name__}{place}",
        "next_zh": "查看运行日志；数据未受影响",
        "next_en": "see the run's log; the data are as they were",
    }


def _place(error: BaseException) -> str:
    """The innermost line of our own code; the text of a foreign error may hold a person's data."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        path = Path(frame.filename)
        if path.is_relative_to(ROOT) and ".venv" not in path.parts and "site-packages" not in path.parts:
            return f"（{path.relative_to(ROOT)}:{frame.lineno}）"
    return ""
