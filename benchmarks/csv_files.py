"""A GB18030 CSV to staged Parquet by our route, against pyarrow.csv and pq.write_table alone.

    python -m benchmarks.csv_files [--rows 1000000] [--times 3]

Ours decodes, sets aside lines with bytes that are no characters and ragged rows, makes keys and the digest of the file,
and keeps every value as the text it was. The baselines read the same file without its faults: they stop at the first.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import measure
from benchmarks.measure import Measured, Stopwatch

NAMES = ("编号", "姓名", "公民身份号码", "乡镇名称", "住址", "联系电话", "出生日期", "救助类别", "发放金额", "备注")
EVERY = 20_000  # a bad line in so many, one half undecodable, the other ragged
CHUNK = 100_000


def make(rows: int, folder: str) -> dict[str, Any]:
    """clean.csv and faulty.csv: the same rows, some lines of the second spoilt."""
    import numpy as np
    import pyarrow as pa

    draw = np.random.default_rng(20_260_301)
    place = Path(folder)
    head = (",".join(NAMES) + "\n").encode("gb18030")
    faults = 0
    with (place / "clean.csv").open("wb") as clean, (place / "faulty.csv").open("wb") as faulty:
        clean.write(head)
        faulty.write(head)
        for first in range(0, rows, CHUNK):
            lines = _lines(pa, draw, np.arange(first, min(first + CHUNK, rows)))
            clean.write(lines.encode("gb18030"))
            spoilt, count = _spoilt(lines)
            faulty.write(spoilt)
            faults += count
    return {"faults": faults, "mb": (place / "clean.csv").stat().st_size / 1e6}


def _lines(pa: Any, draw: Any, numbers: Any) -> str:
    import pyarrow.compute as pc

    def text(values: Any, width: int) -> Any:
        return pc.utf8_lpad(pa.array(values).cast(pa.string()), width, "0")

    def of(words: Sequence[str]) -> Any:
        return pa.array(list(words)).take(pa.array(draw.integers(0, len(words), len(numbers))))

    name = pc.binary_join_element_wise(of("赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"), of("伟芳娜敏静丽强磊军洋艳勇"), of("国华明玉春秀建文𠮷"), "")
    town = pc.binary_join_element_wise(of("李白官刘付赵范南"), of("寨集会庙井湾路镇"), "镇", "")
    address = pc.binary_join_element_wise(
        town, text(draw.integers(1, 400, len(numbers)), 3), "村第", text(draw.integers(1, 90, len(numbers)), 1), "组", ""
    )
    day = pc.binary_join_element_wise(
        text(draw.integers(1930, 2010, len(numbers)), 4),
        text(draw.integers(1, 13, len(numbers)), 2),
        text(draw.integers(1, 29, len(numbers)), 2),
        "-",
    )
    number = pc.binary_join_element_wise("999999", pc.replace_substring(day, "-", ""), text(draw.integers(0, 10_000, len(numbers)), 4), "")
    amount = pc.binary_join_element_wise(text(draw.integers(50, 2000, len(numbers)), 1), text(draw.integers(0, 100, len(numbers)), 2), ".")
    phone = pc.binary_join_element_wise("1990000", text(draw.integers(0, 10_000, len(numbers)), 4), "")
    kind, note = of(["低保", "特困", "临时救助", "高龄津贴"]), of(["", "", "", "已核实", "待补充材料"])
    columns = [text(numbers, 8), name, number, town, address, phone, day, kind, amount, note]
    return "\n".join(pc.binary_join_element_wise(*columns, ",").to_pylist()) + "\n"


def _spoilt(lines: str) -> tuple[bytes, int]:
    each = [line.encode("gb18030") for line in lines.splitlines()]
    for n in range(0, len(each), EVERY):
        each[n] = each[n].replace(b",", b"\xff\xff,", 1)
        each[n + EVERY // 2 : n + EVERY // 2 + 1] = [
            line + ",多出一列".encode("gb18030") for line in each[n + EVERY // 2 : n + EVERY // 2 + 1]
        ]
    return b"\n".join(each) + b"\n", 2 * len(range(0, len(each), EVERY))


def ours(folder: str, file: str) -> dict[str, Any]:
    """connectors/files through warehouse/staging."""
    watch = Stopwatch()
    from connectors.files import connect
    from connectors.files.words import FilesConnection
    from schemas.registration import System
    from schemas.secrets import Secret
    from warehouse import staging

    read = {"files": file, "encoding": "gb18030", "key": [NAMES[0]], "whole": "all", "settled": "0 seconds"}
    system = System.model_validate({
        "path": "civil_affairs/files", "title": "投递", "connector": "files", "connection": {"folder": "x"},
        "datasets": {"rows": {"title": "救助", "raw": "测量用", "read": read}},
    })  # fmt: skip
    dataset = system.datasets["rows"]
    connector = connect(FilesConnection.model_validate({"folder": str(folder)}, context={"administrator": True}), system, Secret())
    start = watch.lap()
    incoming = staging.stage(connector.pull(dataset, None), dataset.reading.key, Path(folder) / "ours.parquet", number=1, run="bench")
    work = watch.lap()
    return {"start": start, "work": work, "rows": incoming.rows, "rejected": incoming.rejected, "mb": incoming.path.stat().st_size / 1e6}


def pyarrow_whole(folder: str, as_text: bool) -> dict[str, Any]:
    """read_csv and write_table; with `as_text`, every column as text and our compression, as ours has to."""
    watch = Stopwatch()
    import pyarrow as pa
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    start = watch.lap()
    kinds = pacsv.ConvertOptions(column_types=dict.fromkeys(NAMES, pa.string())) if as_text else None
    table = pacsv.read_csv(f"{folder}/clean.csv", pacsv.ReadOptions(encoding="gb18030"), convert_options=kinds)
    more = {"compression": "zstd", "compression_level": 1} if as_text else {}
    pq.write_table(table, f"{folder}/theirs.parquet", **more)
    work = watch.lap()
    return {"start": start, "work": work, "rows": table.num_rows, "mb": Path(f"{folder}/theirs.parquet").stat().st_size / 1e6}


def pyarrow_stream(folder: str) -> dict[str, Any]:
    """open_csv, batch by batch, every column as text."""
    watch = Stopwatch()
    import pyarrow as pa
    import pyarrow.csv as pacsv
    import pyarrow.parquet as pq

    start = watch.lap()
    rows = 0
    reading = pacsv.ReadOptions(encoding="gb18030", block_size=4 << 20)
    kinds = pacsv.ConvertOptions(column_types=dict.fromkeys(NAMES, pa.string()))
    with (
        pacsv.open_csv(f"{folder}/clean.csv", reading, convert_options=kinds) as reader,
        pq.ParquetWriter(f"{folder}/theirs.parquet", reader.schema, compression="zstd", compression_level=1) as writer,
    ):
        for batch in reader:
            writer.write_batch(batch)
            rows += batch.num_rows
    work = watch.lap()
    return {"start": start, "work": work, "rows": rows, "mb": Path(f"{folder}/theirs.parquet").stat().st_size / 1e6}


CASES = {"make": make, "ours": ours, "whole": pyarrow_whole, "stream": pyarrow_stream}


def main(words: Sequence[str]) -> None:
    if measure.began(words, CASES):
        return
    asked = argparse.ArgumentParser(prog="python -m benchmarks.csv_files")
    asked.add_argument("--rows", type=int, default=1_000_000)
    asked.add_argument("--times", type=int, default=3, help="the cheapest of so many runs counts")
    given = asked.parse_args(words)
    print(measure.machine())
    with tempfile.TemporaryDirectory(prefix="hub_bench_") as folder:
        made = measure.case("csv_files", "make", rows=given.rows, folder=folder).said
        found = {
            "read_csv + write_table": ("whole", {"as_text": False}),
            "read_csv + write_table, all text, zstd": ("whole", {"as_text": True}),
            "open_csv + ParquetWriter, all text, zstd": ("stream", {}),
            "ours, the clean file": ("ours", {"file": "clean.csv"}),
            "ours, the faulty file": ("ours", {"file": "faulty.csv"}),
        }
        measured = {
            n: measure.cheapest(given.times, lambda c=c, a=a: measure.case("csv_files", c, folder=folder, **a))
            for n, (c, a) in found.items()
        }
    _show(given.rows, made, measured)


def _show(rows: int, made: dict[str, Any], found: dict[str, Measured]) -> None:
    base = found["read_csv + write_table"]
    measure.show(
        f"GB18030 CSV of {rows:,} rows x {len(NAMES)} columns ({made['mb']:.0f} MB, {made['faults']} faulty lines) to Parquet",
        ["case", "CPU s", "of it work", "peak MB", "rows", "set aside", "MB written", "CPU / read_csv", "work / read_csv"],
        [
            [
                n,
                m.cpu,
                m.work,
                round(m.peak_mb),
                m.said["rows"],
                m.said.get("rejected", "-"),
                m.said["mb"],
                m.cpu / base.cpu,
                m.work / base.work,
            ]
            for n, m in found.items()
        ],
    )


if __name__ == "__main__":
    main(sys.argv[1:])
