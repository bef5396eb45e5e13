"""A mapping that points at nothing builds nothing.

    fields + what is landed + samples  ->  nothing, or the error that keeps the last accepted rows where they are

A field whose source column is not there would become empty in standard, in shared and at the province, with every check
passing. That is one thing with a failed read: the dataset is not built.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection

from schemas import names
from schemas.city import City
from schemas.errors import RegistrationError
from schemas.registration import System
from warehouse import samples


def points_at_what_is_landed(system: System, name: str, landed: Collection[str]) -> None:
    """Raises RegistrationError naming the fields that point at nothing, what is there instead, and whose move it is."""
    fields = {f: m.source for f, m in system.datasets[name].fields.items() if m.source is not None}
    lost = {field: source for field, source in fields.items() if names.landed_of(source, landed) is None}
    if not lost:
        return
    columns = [names.source(c) for c in landed if c not in names.OWN]
    near = {c: difflib.get_close_matches(c, columns, 1) for c in lost.values()}
    guess = "、".join(f"{c} 是不是 {n[0]}" for c, n in near.items() if n)
    guess_en = ", ".join(f"is {c} meant to be {n[0]}" for c, n in near.items() if n)
    said, there = "、".join(f"{f} ← {c}" for f, c in lost.items()), "、".join(columns)
    raise RegistrationError(
        f"{system.path}/{name}: 映射指向没有归集的列（{said}），未重新生成，上次验收的数据不变；已归集的列：{there}{f'；{guess}' if guess else ''}",
        f"{system.path}/{name}: fields point at columns that are not landed ({said}); nothing was built and the rows last accepted stay;"
        f" landed are: {there}{f'; {guess_en}' if guess_en else ''}",
        next_zh=f"核对 systems/{system.path}.yml 的 fields；列是对方新加或刚改名的，先运行 hub sync {system.path}/{name}",
        next_en=f"look at fields in systems/{system.path}.yml; if the column is new at the far side, run hub sync {system.path}/{name} first",
    )


def keeps_its_samples(city: City, system: System, name: str) -> None:
    """Raises RegistrationError when a sample of the dataset does not become what the registration says it does."""
    dataset, where = system.datasets[name], f"{system.path}/{name}"
    said = samples.check_dataset(city, system, name) if dataset.sample and dataset.fields else []
    if said:
        raise RegistrationError(
            f"{where}: 登记自带的样例没有通过，未重新生成，上次验收的数据不变：{'；'.join(zh for zh, _ in said)}",
            f"{where}: the registration's own samples fail; nothing was built and the rows last accepted stay: {'; '.join(en for _, en in said)}",
            next_zh="修改登记中的映射或样例，运行 hub systems validate",
            next_en="mend the mapping or the samples, then run hub systems validate",
        )
