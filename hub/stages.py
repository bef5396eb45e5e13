"""`hub stage` and `hub agree`: dates that are not data of the city, entered in the ledger."""

from __future__ import annotations

import getpass
from typing import Annotated

import typer

from hub import completing, opening, screen
from schemas.errors import RegistrationError
from schemas.home import say, systems_folder

Because = Annotated[str, typer.Option("--note", help=say("说明，例如文号", "a note, such as a document number"))]


def who() -> str:
    """The account that typed the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def stage(
    path: Annotated[str, typer.Argument(metavar="DEPARTMENT/SYSTEM", autocompletion=completing.paths)],
    name: Annotated[
        str | None, typer.Argument(metavar="STAGE", help=say("新阶段；不写则列出历史", "the new stage; without it, the history"))
    ] = None,
    note: Because = "",
) -> None:
    from schemas.registration import STAGES

    system = opening.sound_city()[0].system(path)
    with opening.open_ledger() as ledger:
        if name is not None:
            if name not in STAGES:
                known = "、".join(f"{word}（{zh}）" for word, zh in STAGES.items())
                raise RegistrationError(f"没有阶段 {name}；有：{known}", f"no stage {name}; there are: {', '.join(STAGES)}")
            ledger.set_stage(system.path, name, by=who(), note=note)
        made = screen.table(say("阶段", "stage"), say("自", "since"), say("登记人", "by"), say("说明", "note"))
        for entry in ledger.stage_history(system.path):
            made.add_row(
                say(STAGES.get(entry.stage, entry.stage), entry.stage), screen.when(entry.since), entry.by, screen.cell(entry.note)
            )
    screen.out().print(made)
    if name is not None and name != system.stage:
        screen.note(
            f"登记文件里仍是 {system.stage}：请同步修改 {systems_folder() / (system.path + '.yml')} 的 stage",
            f"the file still says {system.stage}: change stage in {systems_folder() / (system.path + '.yml')} too",
        )


def agree(
    path: Annotated[str, typer.Argument(metavar="DEPARTMENT/SYSTEM/DATASET", autocompletion=completing.paths)],
    note: Because = "",
    ended: Annotated[bool, typer.Option("--ended", help=say("协议终止", "the agreement has ended"))] = False,
) -> None:
    system, names = opening.sound_city()[0].select(path)[0]
    if path.strip("/").count("/") != 2:
        known = "、".join(f"{system.path}/{n}" for n in names)
        raise RegistrationError(f"请写到数据集：{known}", f"name one dataset: {known}")
    with opening.open_ledger() as ledger:
        if note.strip():
            ledger.agree(system.table(names[0]), on_file=not ended, by=who(), note=note.strip())
        made = screen.table(say("协议", "agreement"), say("自", "since"), say("登记人", "by"), say("说明", "note"))
        for entry in ledger.agreement_history(system.table(names[0])):
            state = say("已归档", "on file") if entry.on_file else say("已终止", "ended")
            made.add_row(state, screen.when(entry.since), entry.by, screen.cell(entry.note))
    screen.out().print(made)
    if not note.strip():
        screen.note("仅列出；登记请写 --note 文号", "listed only; to enter one, write --note with the document's number")
        raise typer.Exit(screen.FAILED if ended else 0)
    screen.note(
        f"已记入台账：{path} 的共享协议{'终止' if ended else '已归档'}；下次 hub publish 和 hub deliver 生效",
        f"entered: the agreement of {path} {'has ended' if ended else 'is on file'}; hub publish and hub deliver take it up",
    )
