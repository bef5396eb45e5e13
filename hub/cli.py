"""The `hub` command line. Parses, calls, prints; what it does is in orchestration.routes and the warehouse.

Every command imports what it needs when it runs, so that `hub --help` answers at once. Commands of other packages join
through the entry point group `hub.commands` and are loaded only when they are asked for.
"""

from __future__ import annotations

import difflib
import os
import sys
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any

import typer
from typer.core import TyperGroup

from schemas.errors import HubError
from schemas.home import keep_private, say

if "--english" in sys.argv:  # before the commands below write their help
    sys.argv.remove("--english")
    os.environ["HUB_LANGUAGE"] = "en"

from hub import lake, publishing, quality, quarantine, query, reaching, runs, screen, stages, status, syncing, systems, trying, why

UsageError: Any = typer.BadParameter.__mro__[1]  # typer gives the base class of what a reader typed wrongly no name


class Doors(TyperGroup):
    """The commands of this package and those other packages add; the place where every error is shown."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *(n for n in _added() if n not in self.commands)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        own = super().get_command(ctx, cmd_name)
        if own is not None or cmd_name not in _added():
            return own
        return _load(_added()[cmd_name])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0] if args else ""
        known = self.list_commands(ctx)
        if name and not name.startswith("-") and name not in known:
            near = difflib.get_close_matches(name, known, 3)
            zh, en = ("是不是", "did you mean") if near else ("有", "there are")
            there = near or known
            ctx.fail(say(f"没有命令 {name}；{zh}：{'、'.join(there)}", f"no command {name}; {en}: {', '.join(there)}"))
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except HubError as error:
            screen.show_error(error)
            raise typer.Exit(screen.code_of(error)) from None
        except (typer.Exit, typer.Abort, KeyboardInterrupt, BrokenPipeError):
            raise
        except UsageError as error:
            _titles()
            raise _translated(error) from None
        except Exception as error:
            if os.environ.get("HUB_DEBUG") == "1":
                raise
            screen.show_error(screen.unforeseen(error))
            raise typer.Exit(screen.FAILED) from None

    def get_params(self, ctx: Any) -> list[Any]:
        params: list[Any] = super().get_params(ctx)
        for param in params:
            if param.name in _COMPLETION:
                param.help = say(*_COMPLETION[param.name])
        return params

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _titles()
        super().format_help(ctx, formatter)


_COMPLETION = {
    "install_completion": ("为当前命令行安装自动补全", "install completion for the current shell"),
    "show_completion": ("显示自动补全脚本", "show the completion script of the current shell"),
}


def _translated(error: Any) -> Exception:
    """A mistake in what was typed, in the reader's language; typer speaks English only."""
    param = getattr(error, "param", None)
    name = (param.metavar if param.param_type_name == "argument" else "/".join(param.opts)) if param else ""
    zh = {
        "MissingParameter": f"缺少参数 {name}",
        "NoSuchOption": f"没有选项 {getattr(error, 'option_name', '')}",
        "BadParameter": f"参数 {name} 的值不对：{error.message}",
    }.get(type(error).__name__, error.message)
    near = getattr(error, "possibilities", None)
    if near:
        zh += f"；是不是：{'、'.join(sorted(near))}"
    mistake: Exception = UsageError(say(zh, error.format_message()), error.ctx)
    return mistake


def _added() -> dict[str, EntryPoint]:
    return {e.name: e for e in entry_points(group="hub.commands")}


def _load(entry: EntryPoint) -> Any:
    """The sub-app of another package; one that cannot be loaded says so when it is called, and hides nothing else."""
    try:
        app = entry.load()
        return typer.main.get_command(app)
    except Exception as error:  # noqa: BLE001  # whatever another package does at import
        reason = f"{type(error).__name__}: {error}"
        broken = typer.Typer(help=say(f"（无法加载：{reason}）", f"(cannot be loaded: {reason})"))

        @broken.callback(invoke_without_command=True)
        def fail() -> None:
            raise HubError(
                f"命令 {entry.name} 无法加载：{reason}",
                f"the command {entry.name} cannot be loaded: {reason}",
                next_zh=f"安装缺少的部分，例如 pip install 'lianshu[{entry.name}]'",
                next_en=f"install what is missing, for example pip install 'lianshu[{entry.name}]'",
            )

        return typer.main.get_command(broken)


def _titles() -> None:
    """Typer's own headings in the reader's language."""
    from typer import rich_utils

    rich_utils.OPTIONS_PANEL_TITLE = say("选项", "Options")
    rich_utils.ARGUMENTS_PANEL_TITLE = say("参数", "Arguments")
    rich_utils.COMMANDS_PANEL_TITLE = say("命令", "Commands")
    rich_utils.ERRORS_PANEL_TITLE = say("用法有误", "Usage error")


app = typer.Typer(
    name="hub",
    cls=Doors,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None if os.environ.get("HUB_PLAIN") else "rich",
    help=say(
        "联枢：把一座城市各部门的信息系统汇成一套可信的共享数据。", "Lianshu: one trustworthy shared dataset from a city's many systems."
    ),
    epilog=say(
        "HUB_HOME 枢纽写入的一切 · HUB_SYSTEMS 登记文件 · HUB_LANGUAGE=en 英文 · HUB_DEBUG=1 显示程序细节",
        "HUB_HOME all the hub writes · HUB_SYSTEMS registrations · HUB_LANGUAGE=zh Chinese · HUB_DEBUG=1 program details",
    ),
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"lianshu {version('lianshu')}")
        raise typer.Exit


@app.callback()
def hub(
    in_english: bool = typer.Option(False, "--english", help=say("英文显示（等同 HUB_LANGUAGE=en）", "speak English (as HUB_LANGUAGE=en)")),
    _: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help=say("显示版本", "show the version")),
) -> None:
    if in_english:
        os.environ["HUB_LANGUAGE"] = "en"


_REGISTER, _DAILY, _LOOK, _UPKEEP = (
    say("登记与接入", "Registering and reaching systems"),
    say("日常运行", "Daily work"),
    say("查看与追溯", "Looking, and tracing back"),
    say("维护", "Upkeep"),
)
_Command = tuple[str, str, Any, str, str]
_COMMANDS: list[_Command] = [
    (
        _REGISTER,
        "check",
        reaching.check,
        "诊断一个系统能否接入：网络、账号、权限、时钟、编码。",
        "Diagnose whether a system can be reached.",
    ),
    (
        _REGISTER,
        "discover",
        reaching.discover,
        "列出对方有哪些表和列；--write 生成登记草稿。",
        "List what is there; --write drafts the registration.",
    ),
    (
        _REGISTER,
        "try",
        trying.try_,
        "取几行走完全程并逐站显示，不写入。",
        "Take a few rows all the way and show every station; writes nothing.",
    ),
    (_REGISTER, "stage", stages.stage, "把系统进入新阶段的日期记入台账。", "Enter in the ledger that a system has reached a stage."),
    (_REGISTER, "agree", stages.agree, "把数据共享协议记入台账。", "Enter a sharing agreement in the ledger."),
    (
        _DAILY,
        "sync",
        syncing.sync,
        "读取、落地、转换、检查、验收。有失败或被拦下时退出码为 1。",
        "Read, land, convert, check, accept. Exit code 1 if something failed or was blocked.",
    ),
    (
        _DAILY,
        "build",
        syncing.build,
        "只从已落地的数据重做标准化，不连接对方。",
        "Rebuild from what is landed; the far side is not needed.",
    ),
    (
        _DAILY,
        "accept",
        syncing.accept,
        "核实后放行被拦下的数据集，理由记入台账。",
        "Let a blocked dataset pass; the reason is entered in the ledger.",
    ),
    (_DAILY, "publish", publishing.publish, "汇成共享库，计算指标，导出分析版。", "Bring shared records, figures and editions up to date."),
    (_DAILY, "deliver", publishing.deliver, "向上级平台报送。", "Deliver to the upper platform."),
    (
        _DAILY,
        "receipts",
        publishing.receipts,
        "取回执；退回原因照录，并给出下一步。",
        "Take the platform's receipts; refusals verbatim, with the next step.",
    ),
    (
        _LOOK,
        "status",
        status.status,
        "各系统：新鲜度、行数、问题、该谁处理、下一步。",
        "Per system: freshness, rows, problems, whose move, next step.",
    ),
    (
        _LOOK,
        "runs",
        runs.runs,
        "最近的运行：谁启动的都在这里，结果和下一步。",
        "The newest runs, whoever started them: how they ended, and the next step.",
    ),
    (_LOOK, "query", query.query, "用 SQL 查询分析版（已脱敏）。", "Ask the analysts' edition in SQL."),
    (_LOOK, "fields", query.fields, "分析版有哪些表和字段。", "Tables and fields of the edition."),
    (_LOOK, "quarantine", quarantine.quarantine, "被隔离的行：计数、逐行、下载。", "Rows left out: counted, opened, downloaded."),
    (_LOOK, "quality", quality.quality, "最近一次检查的结果。", "What the newest checks found."),
    (_LOOK, "why", why.why, "从一个数字或一行追溯到来源，每一步都对得上。", "From a figure or a row back to its sources; the sum adds up."),
]
app.add_typer(systems.app, name="systems", rich_help_panel=_REGISTER)
for panel, name, function, zh, en in _COMMANDS:
    app.command(name, help=say(zh, en), rich_help_panel=panel)(function)
app.add_typer(lake.app, name="lake", rich_help_panel=_UPKEEP)


def main() -> None:
    """The console script. What a reader typed wrongly is answered in the reader's language."""
    _titles_if_needed()
    keep_private()
    try:
        app()
    except BrokenPipeError:  # the reader closed the pipe: `hub query … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(screen.FAILED)


def _titles_if_needed() -> None:
    if {"-h", "--help"} & set(sys.argv) or len(sys.argv) == 1:
        _titles()
