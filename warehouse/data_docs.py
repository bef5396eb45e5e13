"""Great Expectations' Data Docs of stored results, readable without a network.

    results, as hub.findings keeps them  ->  folder/index.html, a page for each result and for each suite

Great Expectations is imported inside the function that needs it: it costs 3 CPU seconds and 300 MB. Values of rows are
left out: whoever may see counts may see the pages.
"""

from __future__ import annotations

import datetime as dt
import html
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from schemas.errors import HubError
from warehouse import offline_pages
from warehouse.offline_pages import Page
from warehouse.verdicts import Result, Verdict

_COUNTS = ("element_count", "missing_count", "missing_percent", "unexpected_count", "unexpected_percent", "observed_value")
_ALSO = ("unexpected_percent_total", "unexpected_percent_nonmissing")


def build(results: Iterable[Mapping[str, Any]], folder: Path, titles: Mapping[str, str] | None = None) -> Path:
    """Render results of `Verdict.as_json`, one for each dataset; the folder is replaced. Returns its index.

    `titles` are the datasets' names for people, by table.
    """
    if folder.exists() and not (folder / "index.html").is_file() and any(folder.iterdir()):
        raise HubError(f"{folder} 中有其他文件，不覆盖", f"{folder} holds something else; it is not replaced")
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # read when Great Expectations is imported
    import great_expectations as gx

    with tempfile.TemporaryDirectory() as project:
        site = Path(project) / "site"
        context = gx.get_context(mode="file", project_root_dir=project)
        context.variables.progress_bars = {"globally": False}
        context.update_data_docs_site("local_site", _site(site))
        found = [(_kept(context, result), result) for result in results]
        context.build_data_docs()
        offline_pages.clean(site) if site.exists() else site.mkdir()
        offline_pages.index(site, [_page(site, identifier, result, titles or {}) for identifier, result in found])
        if folder.exists():
            shutil.rmtree(folder)
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(site, folder)
    return folder / "index.html"


def _site(folder: Path) -> dict[str, Any]:
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder)},
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
    }


def _kept(context: Any, result: Mapping[str, Any]) -> Any:
    """Put one result and its suite into the stores the pages are built from; returns its identifier."""
    import great_expectations as gx
    from great_expectations.core import ExpectationSuite, ExpectationSuiteValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier, ValidationResultIdentifier

    name = result["suite_name"]
    run = RunIdentifier(**result["meta"]["run_id"])
    context.suites.add_or_update(ExpectationSuite(name=name, expectations=[r["expectation_config"] for r in result["results"]]))
    identifier = ValidationResultIdentifier(ExpectationSuiteIdentifier(name=name), run_id=run, batch_identifier=name)
    batch = {"datasource_name": "lake", "data_connector_name": "fluent", "data_asset_name": name, "batch_identifiers": {}}
    context.validation_results_store.set(
        identifier,
        ExpectationSuiteValidationResult(
            success=result["success"],
            results=[_one(r) for r in result["results"]],
            suite_name=name,
            statistics=result["statistics"],
            batch_id=name,
            meta={"great_expectations_version": gx.__version__, "run_id": run, "active_batch_definition": batch},
        ),
    )
    return identifier


def _one(result: Mapping[str, Any]) -> Any:
    from great_expectations.core import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    zh, en = (html.escape(text) for text in Result.from_json(result).said())
    detail = {k: v for k, v in result["result"].items() if k in (*_COUNTS, *_ALSO)}
    return ExpectationValidationResult(
        success=result["success"],
        result={**detail, "partial_unexpected_list": []} if "element_count" in detail else detail,
        expectation_config=ExpectationConfiguration(**result["expectation_config"], description=f"{zh}<br>{en}"),
        exception_info=dict(result["exception_info"]),
    )


def _page(site: Path, identifier: Any, result: Mapping[str, Any], titles: Mapping[str, str]) -> Page:
    """Where the pages of one result lie. A page that could not be rendered is skipped in silence, so it is looked for."""
    verdict = Verdict.from_json(result)
    *folders, name = identifier.to_tuple()
    path = site.joinpath("validations", *folders, f"{name}.html")
    if not path.is_file():
        raise HubError(f"{verdict.suite}: 质量页面未能生成", f"{verdict.suite}: the page of its result was not made")
    good = len(verdict.results) - len(verdict.failed) - len(verdict.unchecked)
    at = dt.datetime.fromisoformat(result["meta"]["run_id"]["run_time"])
    suite = site / "expectations" / f"{verdict.suite}.html"
    return Page(verdict.suite, titles.get(verdict.suite, ""), at, good, len(verdict.failed), len(verdict.unchecked), path, suite)
