"""The dlt baseline, run by the Python of .venv-bench: one table through connectorx into a DuckDB file.

python benchmarks/dlt_case.py SQLALCHEMY_URL TABLE FOLDER replace|merge

`replace` takes the rows as they come; `merge` is how dlt makes sure that a key is there once.
"""

import json
import sys
import time

before = time.process_time()
import dlt  # noqa: E402 - importing is told apart from the work
from dlt.sources.sql_database import sql_table  # noqa: E402


def main(url: str, table: str, folder: str, disposition: str) -> None:
    start = time.process_time()
    pipeline = dlt.pipeline(
        "bench", destination=dlt.destinations.duckdb(f"{folder}/dlt.duckdb"), dataset_name="landing", pipelines_dir=f"{folder}/dlt"
    )
    pipeline.run(
        sql_table(credentials=url, table=table, backend="connectorx", reflection_level="full"),
        write_disposition=disposition,
        primary_key="id",
    )
    with pipeline.sql_client() as client, client.execute_query(f"SELECT count(*) FROM {table}") as found:
        rows = found.fetchone()[0]
    print(json.dumps({"rows": rows, "start": start - before, "work": time.process_time() - start, "version": dlt.__version__}))


main(*sys.argv[1:])
