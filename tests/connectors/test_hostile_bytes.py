"""Bytes made to hurt are refused with their name within 256 MB and ten seconds of work."""

from __future__ import annotations

import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

LINES = {
    "a line without an end": ("f.write(b'id,name\\n1,'); [f.write(b'x' * (1 << 20)) for _ in range(150)]", "超过 2 MB"),
    "a header of a million columns": ("f.write(b','.join(b'c%d' % n for n in range(1_000_000)) + b'\\n')", "超过 2 MB"),
    "a header of ten thousand columns": ("f.write(b','.join(b'c%d' % n for n in range(10_000)) + b'\\n1\\n')", "10000 列"),
    "lines that are all malformed": (
        "[f.write(b'x\\n' * 100_000) if n else f.write(b'id,name\\n') for n in range(30)]",
        "100000 行以上不合格式",
    ),
}
JSON = {
    "nested a hundred thousand deep": "b'[' * 100_000 + b']' * 100_000",
    "an object in an object": "b'{\"a\":' * 100_000 + b'1' + b'}' * 100_000",
    "twenty million values": "b'[' + b'[],' * 20_000_000 + b'[]]'",
    "sixty megabytes of one text": "b'\"' + b'x' * (60 << 20) + b'\"'",
}


def measured(script: str) -> tuple[str, int]:
    """What it printed, and the most memory it had in kilobytes."""
    peak = "\nfrom pathlib import Path\nprint(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    limits = lambda: resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script) + peak], capture_output=True, text=True, preexec_fn=limits, check=True
    )
    *said, memory = done.stdout.splitlines()
    return "\n".join(said), int(memory)


@pytest.mark.parametrize("kind", LINES)
def test_a_text_file_made_to_hurt_is_refused(tmp_path: Path, kind: str) -> None:
    write, why = LINES[kind]
    (tmp_path / "home").mkdir()
    with (tmp_path / "a.csv").open("wb") as f:
        exec(write, {"f": f})
    said, memory = measured(f"""
        from pathlib import Path
        from connectors.files.formats.csv import CsvFile
        from connectors.files.formats.refused import Refused
        from connectors.files.words import FilesRead
        try:
            file = CsvFile(Path({str(tmp_path / "a.csv")!r}), FilesRead(files="*.csv"))
            print(sum(b.rows.num_rows for b in file.batches(file.header(), "") if b.rows is not None))
        except Refused as why:
            print(why.zh)
    """)
    assert why in said
    assert memory < 256 << 10


@pytest.mark.parametrize("kind", JSON)
def test_an_answer_made_to_hurt_is_refused_or_read(kind: str) -> None:
    said, memory = measured(f"""
        from connectors.rest.json import Unclear, decoded, loads
        body = {JSON[kind]}
        try:
            print(type(loads(decoded(body, None))).__name__)
        except (Unclear, RecursionError) as why:
            print(type(why).__name__)
    """)
    assert said == ("str" if "text" in kind else "Unclear" if "values" in kind else "RecursionError")
    assert memory < 256 << 10
