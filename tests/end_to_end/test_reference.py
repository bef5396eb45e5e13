"""docs/reference is what docs/generate.py makes of the models, and the schemas there accept what the hub accepts."""

import importlib.util
import json

import jsonschema
import pytest
import yaml

from schemas.home import ROOT

_spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


class Plain(yaml.SafeLoader):
    """Dates stay the text they were written as: JSON has none."""


Plain.yaml_implicit_resolvers = {
    k: [(t, r) for t, r in v if "timestamp" not in t] for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def test_the_reference_is_up_to_date():
    for name, content in generate.pages().items():
        assert (generate.FOLDER / name).read_text("utf-8") == content, f"{name}: run .venv/bin/python docs/generate.py"


@pytest.mark.parametrize(("name", "pattern"), [("registration", "[a-z]*.yml"), ("department", "_department.yml")])
def test_every_registration_of_the_city_keeps_the_exported_schema(name, pattern):
    judge = jsonschema.Draft202012Validator(json.loads((generate.FOLDER / f"{name}.schema.json").read_text("utf-8")))
    files = sorted((ROOT / "systems").glob(f"*/{pattern}"))
    assert len(files) > 20
    wrong = {
        str(f.relative_to(ROOT)): [
            f"{list(e.absolute_path)}: {e.message[:200]}" for e in judge.iter_errors(yaml.load(f.read_text("utf-8"), Plain))
        ]
        for f in files
    }
    assert {f: said for f, said in wrong.items() if said} == {}


def test_the_exported_schema_refuses_a_word_it_does_not_know():
    judge = jsonschema.Draft202012Validator(json.loads((generate.FOLDER / "registration.schema.json").read_text("utf-8")))
    assert not list(judge.iter_errors({"title": "x", "stage": "surveyed"}))
    assert list(judge.iter_errors({"title": "x", "stge": "surveyed"}))
    assert list(judge.iter_errors({"title": "x", "datasets": {"d": {"title": "y", "read": {"table": "T", "ky": ["A"]}}}}))
    for share in ("98%", "100%"):
        promised = {"title": "x", "datasets": {"d": {"title": "y", "expect": {"shrink": {"max": share}, "filled": {"name": share}}}}}
        assert not list(judge.iter_errors(promised))
