"""The tables of the ledger: the hub's own paperwork, never the city's data.

    runs            one row a run: when, how it ended, whose move it is
    stages          every change of stage of a registration; the newest counts
    agreements      which datasets may enter what is shared (agreement: required)
    decisions       what a person let pass, who and why
    confirmations   when each dataset was last looked at, changed or not
    looks           how the last look at each dataset ended: its own error, and what it has to tell
    deliveries      one row a package: prepared -> sent -> taken | refused
    receipts        what the platform answered, verbatim
    strays          receipts under a number of ours that answer other contents than ours
    partings        up to which number a platform's copy and ours are known to differ
    epochs          the mark in the names of our batches, anew after every restore

Times are UTC. No secret and no person's data enters: an error that is not ours is kept by its class and place only.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, Integer, String, Text, TypeDecorator, UniqueConstraint
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Utc(TypeDecorator[dt.datetime]):
    """An aware UTC time in Python, a plain timestamp in every database."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        del dialect
        return None if value is None else value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        del dialect
        return None if value is None else value.replace(tzinfo=dt.UTC)


WITHDRAWALS = ("withdrawal", "notice")  # kinds of delivery after which the platform holds nothing of a resource
Number = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER key


class Base(DeclarativeBase):
    pass


class Run(Base):
    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))  # sync, publish, deliver, receipts, …
    system: Mapped[str] = mapped_column(String(120), default="")  # department/system; empty for runs over everything
    started_at: Mapped[dt.datetime] = mapped_column(Utc)
    ended_at: Mapped[dt.datetime | None] = mapped_column(Utc)
    status: Mapped[str] = mapped_column(String(10))  # open, done, failed, killed
    whose_zh: Mapped[str] = mapped_column(Text, default="")
    whose_en: Mapped[str] = mapped_column(Text, default="")
    message_zh: Mapped[str] = mapped_column(Text, default="")
    message_en: Mapped[str] = mapped_column(Text, default="")
    next_zh: Mapped[str] = mapped_column(Text, default="")
    next_en: Mapped[str] = mapped_column(Text, default="")
    host: Mapped[str] = mapped_column(String(255), default="")
    pid: Mapped[int] = mapped_column(Integer, default=0)
    born: Mapped[str] = mapped_column(String(80), default="")  # when that process started: a number may be given again

    __table_args__ = (Index("runs_by_system", "system", "started_at"), Index("runs_by_status", "status"))


class Stage(Base):
    __tablename__ = "stages"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    system: Mapped[str] = mapped_column(String(120))
    stage: Mapped[str] = mapped_column(String(20))
    since: Mapped[dt.datetime] = mapped_column(Utc)
    by: Mapped[str] = mapped_column(String(120), default="")  # an account or role, not a person's number
    note: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (Index("stages_by_system", "system", "id"),)


class Agreement(Base):
    __tablename__ = "agreements"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    dataset: Mapped[str] = mapped_column(String(200))  # the dataset's table name
    on_file: Mapped[bool] = mapped_column()  # the newest row of a dataset counts
    since: Mapped[dt.datetime] = mapped_column(Utc)
    by: Mapped[str] = mapped_column(String(120), default="")
    note: Mapped[str] = mapped_column(Text, default="")  # number and date of the document

    __table_args__ = (Index("agreements_by_dataset", "dataset", "id"),)


class Decision(Base):
    __tablename__ = "decisions"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))  # accept, publish
    subject: Mapped[str] = mapped_column(String(200))  # a dataset's table name, or a record type
    at: Mapped[dt.datetime] = mapped_column(Utc)
    by: Mapped[str] = mapped_column(String(120), default="")
    because: Mapped[str] = mapped_column(Text)
    run: Mapped[str] = mapped_column(String(64), default="")  # the run that carried it out

    __table_args__ = (Index("decisions_by_subject", "subject", "id"),)


class Confirmation(Base):
    __tablename__ = "confirmations"

    dataset: Mapped[str] = mapped_column(String(200), primary_key=True)  # the dataset's table name
    run: Mapped[str] = mapped_column(String(64))
    confirmed_at: Mapped[dt.datetime] = mapped_column(Utc)
    changed: Mapped[bool] = mapped_column()  # whether that look brought anything
    changed_at: Mapped[dt.datetime | None] = mapped_column(Utc)  # the last look that did


class Look(Base):
    __tablename__ = "looks"

    dataset: Mapped[str] = mapped_column(String(200), primary_key=True)  # the dataset's table name
    run: Mapped[str] = mapped_column(String(64))
    looked_at: Mapped[dt.datetime] = mapped_column(Utc)
    failed: Mapped[str] = mapped_column(String(10))  # where it ended: read, build; empty when it went well
    since: Mapped[dt.datetime | None] = mapped_column(Utc)  # the first of the looks that have failed one after the other
    whose_zh: Mapped[str] = mapped_column(Text, default="")
    whose_en: Mapped[str] = mapped_column(Text, default="")
    message_zh: Mapped[str] = mapped_column(Text, default="")
    message_en: Mapped[str] = mapped_column(Text, default="")
    next_zh: Mapped[str] = mapped_column(Text, default="")
    next_en: Mapped[str] = mapped_column(Text, default="")
    remarks: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)  # schemas.remarks, as JSON


class Delivery(Base):
    __tablename__ = "deliveries"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    platform: Mapped[str] = mapped_column(String(40))
    resource: Mapped[str] = mapped_column(String(80))  # 信息资源代码
    dataset: Mapped[str] = mapped_column(String(200))  # the dataset's table name
    sequence: Mapped[int] = mapped_column(Integer)  # 1, 2, 3 … for each resource; a number is left out only after a restore
    previous: Mapped[int] = mapped_column(Integer, default=0)  # the taken package it builds on; 0 for a full one
    kind: Mapped[str] = mapped_column(String(10))  # full, changes; withdrawal, notice: what was given is taken back
    batch: Mapped[str] = mapped_column(String(120), unique=True)
    made_from: Mapped[int] = mapped_column(BigInteger)  # the number of the shared record
    snapshot: Mapped[int] = mapped_column(BigInteger)  # the version of the lake it was read at
    definition: Mapped[str] = mapped_column(String(64))
    entry: Mapped[str] = mapped_column(String(64), default="")  # the fingerprint of its catalogue entry
    rows: Mapped[int] = mapped_column(BigInteger)
    inserted: Mapped[int] = mapped_column(BigInteger)
    updated: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[int] = mapped_column(BigInteger)
    total: Mapped[int] = mapped_column(BigInteger)  # what the platform holds once it has taken this
    sha256: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(10))  # prepared, sent, taken, refused
    run: Mapped[str] = mapped_column(String(64), default="")
    because_zh: Mapped[str] = mapped_column(Text, default="")  # why it is a full one once more, or a withdrawal
    because_en: Mapped[str] = mapped_column(Text, default="")
    prepared_at: Mapped[dt.datetime] = mapped_column(Utc)
    sent_at: Mapped[dt.datetime | None] = mapped_column(Utc)
    answered_at: Mapped[dt.datetime | None] = mapped_column(Utc)
    code: Mapped[str] = mapped_column(String(40), default="")
    reason: Mapped[str] = mapped_column(Text, default="")  # the platform's own words
    next_zh: Mapped[str] = mapped_column(Text, default="")
    next_en: Mapped[str] = mapped_column(Text, default="")

    @property
    def withdraws(self) -> bool:
        return self.kind in WITHDRAWALS

    __table_args__ = (
        UniqueConstraint("platform", "resource", "sequence", name="one_package_a_number"),
        Index("deliveries_by_status", "status"),
    )


class Receipt(Base):
    __tablename__ = "receipts"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    delivery: Mapped[int] = mapped_column(ForeignKey("deliveries.id"))
    number: Mapped[str] = mapped_column(String(80))  # the platform's own number of the receipt
    received_at: Mapped[dt.datetime] = mapped_column(Utc)
    status: Mapped[str] = mapped_column(String(10))  # taken, refused
    code: Mapped[str] = mapped_column(String(40), default="")
    text: Mapped[str] = mapped_column(Text, default="")  # verbatim
    rows: Mapped[int | None] = mapped_column(BigInteger)
    total: Mapped[int | None] = mapped_column(BigInteger)  # what the platform says it holds now
    sha256: Mapped[str] = mapped_column(String(64), default="")  # over the platform's copy, as it states it

    __table_args__ = (UniqueConstraint("delivery", "number", name="one_receipt_once"),)


class Stray(Base):
    """A receipt that names a batch of ours and answers something else than we sent, or cannot be shown to answer it."""

    __tablename__ = "strays"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    delivery: Mapped[int] = mapped_column(ForeignKey("deliveries.id"))  # whose name it bears
    number: Mapped[str] = mapped_column(String(80))
    received_at: Mapped[dt.datetime] = mapped_column(Utc)
    status: Mapped[str] = mapped_column(String(10))
    code: Mapped[str] = mapped_column(String(40), default="")
    text: Mapped[str] = mapped_column(Text, default="")  # verbatim
    digest: Mapped[str] = mapped_column(String(64), default="")  # of what it answers; empty where the platform does not say
    seen_at: Mapped[dt.datetime] = mapped_column(Utc)

    __table_args__ = (UniqueConstraint("delivery", "number", name="one_stray_once"),)


class Parting(Base):
    """Up to this number the platform's copy of a resource is not what we believed: nothing is built on it."""

    __tablename__ = "partings"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    platform: Mapped[str] = mapped_column(String(40))
    resource: Mapped[str] = mapped_column(String(80))
    sequence: Mapped[int] = mapped_column(Integer)
    found_at: Mapped[dt.datetime] = mapped_column(Utc)
    because_zh: Mapped[str] = mapped_column(Text)
    because_en: Mapped[str] = mapped_column(Text)

    __table_args__ = (Index("partings_by_resource", "platform", "resource", "sequence"),)


class Epoch(Base):
    __tablename__ = "epochs"

    id: Mapped[int] = mapped_column(Number, primary_key=True)
    platform: Mapped[str] = mapped_column(String(40))
    epoch: Mapped[str] = mapped_column(String(16))  # random; the newest of a platform counts
    since: Mapped[dt.datetime] = mapped_column(Utc)

    __table_args__ = (Index("epochs_by_platform", "platform", "id"),)
