"""The command line as a process: how fast it answers, what it exits with, what it says when it is typed wrongly."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.hub.small_city import REGISTRATION

ROOT = Path(__file__).resolve().parents[2]
HUB = [sys.executable, "-c", "import sys; sys.argv[0] = 'hub'; from hub.cli import main; main()"]


def hub(city, *words, **env):
    whole = {**os.environ, **city.environment, "PYTHONPATH": str(ROOT), **env}
    return subprocess.run([*HUB, *words], env=whole, cwd=city.home, capture_output=True, text=True, timeout=120)


def test_help_answers_before_anything_heavy_is_imported(city):
    code = (
        "import sys, hub.cli; heavy = {'dagster', 'great_expectations', 'duckdb', 'pyarrow', 'sqlalchemy', 'pydantic', 'numpy', 'rich'};"
        " print(sorted(heavy & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() in ("[]", "['pydantic']")  # typer may look at pydantic itself


def test_help_costs_less_than_a_second_of_cpu(city):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = hub(city, "systems", "--help")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0


def test_no_command_loads_dagster_or_great_expectations(city):
    code = (
        "import sys; sys.argv = ['hub', 'sync']\nfrom hub.cli import main\n"
        "try: main()\nexcept SystemExit as e: print('exit', e.code)\n"
        "print('heavy', sorted({'dagster', 'great_expectations'} & set(sys.modules)))"
    )
    env = {**os.environ, **city.environment}
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert "exit 0" in found.stdout
    assert "heavy []" in found.stdout


def test_help_is_chinese_first_and_english_on_request(city):
    assert "登记与接入" in hub(city, "--help").stdout
    for words, env in ((("--english", "--help"), {}), (("--help", "--english"), {}), (("--help",), {"HUB_LANGUAGE": "en"})):
        english = hub(city, *words, **env).stdout
        assert "Registering and reaching systems" in english
        assert not re.search("[\u4e00-\u9fff]", english.replace("虚构城市：十二个系统的对端", ""))


def test_usage_mistakes_exit_with_2_and_say_what_was_meant(city):
    for words, said in (
        (("sycn",), "sync"),
        (("sync", "--agian"), "--again"),
        (("try",), "缺少参数"),
        (("query", "SELECT 1", "--limit", "x"), "--limit"),
        (("accept", "civil_affairs/assistance/person"), "--because"),
    ):
        done = hub(city, *words)
        assert done.returncode == 2, (words, done)
        assert said in done.stderr
        assert "Traceback" not in done.stderr


def test_wrong_yaml_exits_with_2_and_names_file_line_word_and_what_is_allowed(city):
    text = city.write("civil_affairs/assistance", "title: 救助\nowner: {contakt: x}\n")
    for words in (("systems", "validate"), ("sync", "civil_affairs/assistance"), ("try", "civil_affairs/assistance")):
        done = hub(city, *words)
        assert done.returncode == 2
        assert f"{text}:2: owner.contakt" in done.stderr
        assert "contact" in done.stderr
        assert "该谁处理：登记人" in done.stderr


def test_a_broken_pipe_is_no_traceback(city):
    whole = {**os.environ, **city.environment, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen([*HUB, "systems", "schema"], env=whole, cwd=city.home, stdout=pipe, stderr=pipe) as process:
        process.stdout.close()
        process.wait(60)
        assert b"Traceback" not in process.stderr.read()


def test_a_fault_in_the_program_is_told_without_a_traceback_and_kept_in_the_log(city, monkeypatch):
    from warehouse.lake import Lake

    assert city.hub("sync").exit_code == 0
    monkeypatch.setattr(Lake, "snapshot", lambda self: 1 / 0)
    done = city.hub("lake", "info")
    assert done.exit_code == 1
    assert "ZeroDivisionError" in done.output
    assert "该谁处理：枢纽工程师" in done.output
    assert "Traceback" not in done.output
    assert "ZeroDivisionError" in (city.home / "logs" / "hub.log").read_text("utf-8")
    shown = city.hub("lake", "info", env={"HUB_DEBUG": "1"})
    assert isinstance(shown.exception, ZeroDivisionError)


def test_a_second_sync_of_the_same_system_is_told_and_changes_nothing(city):
    from warehouse.lake import Lake

    assert city.hub("sync").exit_code == 0
    city.people(range(30, 33))
    lake = Lake(city.home)
    with lake.sole("civil_affairs_assistance"):
        second = hub(city, "sync", "civil_affairs/assistance")
    lake.close()
    assert second.returncode == 1
    assert "正在被另一个同步任务读取" in second.stderr
    assert "下次运行自动继续" in second.stderr
    assert city.hub("sync").exit_code == 0
    assert '"n": 23' in city.hub("lake", "query", "SELECT count(*) AS n FROM landing.civil_affairs_assistance__person", "--json").output


def test_two_syncs_at_once_lose_and_double_nothing(city):
    whole = {**os.environ, **city.environment, "PYTHONPATH": str(ROOT)}
    both = [subprocess.Popen([*HUB, "sync"], env=whole, cwd=city.home, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    said = [p.communicate(timeout=120) for p in both]
    codes = sorted(p.returncode for p in both)
    assert codes in ([0, 0], [0, 1]), said
    assert all(b"Traceback" not in err for _, err in said)
    assert '"n": 20' in city.hub("lake", "query", "SELECT count(*) AS n FROM landing.civil_affairs_assistance__person", "--json").output


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/bin/su").exists(), reason="nobody to be")
def test_a_read_only_systems_folder_is_enough_for_everything_but_writing_to_it(city):
    city.write("civil_affairs/notes", "title: 备注库\nconnector: database\nconnection: {dialect: sqlite, file: notes.sqlite}\n")
    (city.home / "far").mkdir()
    (city.home / "far" / "notes.sqlite").write_bytes(city.source.read_bytes())
    for path in sorted(city.systems.rglob("*"), reverse=True):
        path.chmod(0o555 if path.is_dir() else 0o444)
    city.systems.chmod(0o555)
    try:
        assert city.hub("systems", "validate").exit_code == 0
        assert city.hub("sync").exit_code == 0
        assert city.hub("publish").exit_code == 0
        if os.geteuid() != 0:  # root may write anywhere
            refused = city.hub("discover", "civil_affairs/notes", "--write")
            assert refused.exit_code == 2
            assert "无法写入" in refused.output
    finally:
        for path in (city.systems, *city.systems.rglob("*")):
            path.chmod(0o755)


def test_a_csv_that_would_lack_rows_is_not_written(city, tmp_path):
    city.hub("sync")
    city.hub("publish")
    file = tmp_path / "people.csv"
    refused = city.hub("query", "SELECT * FROM shared.person", "--limit", "5", "--csv", str(file))
    assert (refused.exit_code, file.exists()) == (1, False)
    assert "没有写文件" in refused.output
    assert city.hub("query", "SELECT * FROM shared.person", "--csv", str(file)).exit_code == 0
    assert len(file.read_text("utf-8-sig").splitlines()) == 21


def test_wide_rows_are_shown_one_value_a_line(city):
    city.hub("sync")
    city.hub("publish")
    asked = ("query", "SELECT * FROM shared.person LIMIT 1")
    assert "── 1 ──" in city.hub(*asked, "--vertical").output
    assert "── 1 ──" in city.hub(*asked, env={"COLUMNS": "30"}).output
    assert "── 1 ──" not in city.hub(*asked).output


def test_a_shell_completes_paths_without_reading_a_registration_whole(city):
    from hub import completing

    city.write("civil_affairs/broken", "title: [")
    os.environ["HUB_SYSTEMS"] = str(city.systems)
    try:
        assert completing.paths("civil_affairs/a") == ["civil_affairs/assistance"]
        assert completing.paths("civil_affairs/assistance/") == ["civil_affairs/assistance/note", "civil_affairs/assistance/person"]
        assert completing.systems("civ") == ["civil_affairs/assistance", "civil_affairs/broken"]
    finally:
        del os.environ["HUB_SYSTEMS"]


def test_what_no_registration_owns_is_listed_and_dropped_by_name(city):
    city.hub("sync")
    assert "civil_affairs_assistance__note" not in city.hub("lake", "orphans").output
    file = city.systems / "civil_affairs" / "assistance.yml"
    file.write_text(file.read_text("utf-8").partition("  note:")[0], "utf-8")
    assert "civil_affairs_assistance__note" in city.hub("lake", "orphans").output
    assert city.hub("lake", "orphans", "--drop", "civil_affairs_assistance__note").exit_code == 2
    owned = city.hub("lake", "orphans", "--drop", "civil_affairs_assistance__person", "--because", "x")
    assert "不在无主数据中" in owned.output
    assert city.hub("lake", "orphans", "--drop", "civil_affairs_assistance__note", "--because", "不再采集").exit_code == 0
    assert "civil_affairs_assistance__note" not in city.hub("lake", "tables").output
    assert city.hub("sync").exit_code == 0


def test_the_version_is_told(city):
    assert city.hub("--version").output.startswith("lianshu ")


def test_runs_stand_in_one_list_with_how_they_ended(city):
    city.hub("sync")
    city.write("civil_affairs/assistance", REGISTRATION.replace("table: T_NOTE", "table: T_GONE"))
    city.hub("sync")
    city.hub("publish")
    shown = json.loads(city.hub("runs", "--json").output)
    assert {(r["kind"], r["status"]) for r in shown} >= {("sync", "done"), ("sync", "failed"), ("publish", "done")}
    (failed,) = json.loads(city.hub("runs", "civil_affairs", "--failed", "--json").output)
    assert "T_GONE" in failed["message_zh"]
    assert "下一步" in city.hub("runs").output


def test_registrations_are_laid_out_by_command_and_by_check(city):
    file = city.systems / "civil_affairs" / "assistance.yml"
    file.chmod(0o640)
    before = file.read_text("utf-8")
    refused = city.hub("systems", "format", "--check")
    assert refused.exit_code != 0
    assert "hub systems format" in refused.output
    assert file.read_text("utf-8") == before
    assert city.hub("systems", "format").exit_code == 0
    assert file.read_text("utf-8") != before
    assert "# A small register of recipients." in file.read_text("utf-8")
    assert city.hub("systems", "format", "--check").exit_code == 0
    assert city.hub("systems", "validate").exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in file.parent.iterdir() if p.name.startswith(".")] == []
    for wrong in ("no/such", "../home", "civil_affairs/assist"):
        absent = city.hub("systems", "format", wrong)
        assert absent.exit_code != 0
        assert wrong in absent.output


@pytest.mark.parametrize("text", ["a: &x [1]\nb: *x\n", "title: 甲\ntitle: 乙\n", "[" * 50_000])
def test_a_file_that_is_no_registration_is_named_and_the_others_are_laid_out(city, text):
    broken = city.write("civil_affairs/aaa", text)
    broken.with_name("bbb.yml").write_bytes("title: 甲\n".encode("gb18030"))
    told = city.hub("systems", "format")
    assert told.exit_code != 0
    assert "aaa.yml" in told.output
    assert "bbb.yml" in told.output
    assert broken.read_text("utf-8") == text
    city.hub("systems", "format", "civil_affairs/assistance")
    assert city.hub("systems", "format", "civil_affairs/assistance", "--check").exit_code == 0
