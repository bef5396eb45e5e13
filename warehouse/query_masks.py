"""What a statement does with masked columns: they may be shown and counted, never compared, joined by or grouped by.

    syntax tree of one SELECT  +  {table: its columns, with their masks}  ->  nothing, or Masked naming the column

Two people whose masked numbers look alike are not one person, so every answer that rests on comparing masked values is
wrong without saying so. Every expression is followed through aliases, subqueries, common table expressions and stars to
the columns it is made of. What is not known to carry a value along unchanged in meaning counts as comparing it.

Imports nothing of ours: the worker that answers loads it by path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Column = tuple[str, str]  # name; the masked column its values come from, or "" for plain ones
Tables = Mapping[str, list[Column]]
Relation = tuple[str, list[Column]]  # the name it goes by, its columns
Node = dict[str, Any]

# Functions whose result is a masked value again, looked at or put together but not compared.
CARRY = frozenset(
    [
        "coalesce",
        "ifnull",
        "concat",
        "concat_ws",
        "||",
        "upper",
        "lower",
        "trim",
        "ltrim",
        "rtrim",
        "left",
        "right",
        "substr",
        "substring",
        "replace",
        "format",
        "printf",
        "any_value",
        "first",
        "last",
        "arbitrary",
        "list",
        "array_agg",
        "group_concat",
        "string_agg",
        "first_value",
        "last_value",
        "nth_value",
        "lag",
        "lead",
    ]
)
GATHER = frozenset(
    ["any_value", "first", "last", "arbitrary", "list", "array_agg", "group_concat", "string_agg"]
)  # of those, the aggregates
NULL_TESTS = ("OPERATOR_IS_NULL", "OPERATOR_IS_NOT_NULL")


class Masked(Exception):
    """The statement would compare the values of this column."""

    def __init__(self, column: str) -> None:
        super().__init__(column)
        self.column = column


def judge(tree: Node, tables: Tables) -> None:
    """Raise Masked where the statement compares masked values. `tables` by lower-case name, without their schema."""
    for statement in tree["statements"]:
        _query(statement["node"], tables, ())


Scopes = tuple[list[Relation], ...]  # the innermost first


def _query(node: Node, ctes: Tables, outer: Scopes) -> list[Column]:
    """The columns a query gives."""
    ctes = _with(node, ctes, outer)
    match node["type"]:
        case "SELECT_NODE":
            return _select(node, ctes, outer)
        case "SET_OPERATION_NODE" | "RECURSIVE_CTE_NODE":
            return _combined(node, ctes, outer)
    _refuse(_anything(node, [("", [c for t in ctes.values() for c in t])]))
    return []


def _with(node: Node, ctes: Tables, outer: Scopes) -> Tables:
    made = dict(ctes)
    for entry in (node.get("cte_map") or {}).get("map", []):
        query = entry["value"]["query"]["node"]
        name = entry["key"].lower()
        if query["type"] == "RECURSIVE_CTE_NODE":  # its right side reads what its left side gives
            made[name] = _named(_query(query["left"], made, outer), entry["value"].get("aliases"))
        made[name] = _named(_query(query, made, outer), entry["value"].get("aliases"))
    return made


def _select(node: Node, ctes: Tables, outer: Scopes) -> list[Column]:
    relations = list(_from(node.get("from_table") or {"type": "EMPTY"}, ctes, outer))
    scopes: Scopes = (relations, *outer)
    given: list[Column] = []
    shown: list[str] = []  # by place in the select list, for GROUP BY 1
    gathered: list[bool] = []
    aliases: list[Column] = []
    reach: Scopes = ([*relations, ("", aliases)], *outer)  # an alias may be used in the same SELECT
    for one in node.get("select_list", []):
        if one["class"] == "STAR" and not one.get("columns"):
            columns = _star(one, relations, ctes, scopes)
            given += columns
            shown.append(next((m for _, m in columns if m), ""))
            gathered.append(False)
            continue
        masked = _value(one, ctes, reach)
        name = one.get("alias") or (one.get("column_names") or [""])[-1]
        given.append((name.lower(), masked))
        aliases.append((name.lower(), masked))
        shown.append(masked)
        gathered.append(one["class"] == "FUNCTION" and one["function_name"].lower() in GATHER)
    for clause in ("where_clause", "having", "qualify"):
        if node.get(clause):
            _refuse(_value(node[clause], ctes, reach))
    for one in node.get("group_expressions") or []:
        place = _place(one, len(shown))
        _refuse(shown[place] if place is not None else _value(one, ctes, reach))
    if node.get("aggregate_handling") == "FORCE_AGGREGATES":  # GROUP BY ALL
        for masked, aggregate in zip(shown, gathered, strict=True):
            _refuse("" if aggregate else masked)
    _modifiers(node, ctes, reach, given)
    return given


def _place(one: Node, places: int) -> int | None:
    value = one.get("value", {}).get("value") if one["class"] == "CONSTANT" else None
    return value - 1 if isinstance(value, int) and 1 <= value <= places else None


def _modifiers(node: Node, ctes: Tables, scopes: Scopes, given: list[Column]) -> None:
    for one in node.get("modifiers") or []:
        if one["type"] == "DISTINCT_MODIFIER":
            targets = one.get("distinct_on_targets") or []
            for target in targets:
                _refuse(_value(target, ctes, scopes))
            if not targets:
                _refuse(next((m for _, m in given if m), ""))
        for order in one.get("orders") or []:
            _value(order["expression"], ctes, scopes)
        for bound in ("limit", "offset"):
            if one.get(bound):
                _refuse(_value(one[bound], ctes, scopes))


def _combined(node: Node, ctes: Tables, outer: Scopes) -> list[Column]:
    sides = [_query(child, ctes, outer) for child in (node.get("left"), node.get("right"), *(node.get("children") or [])) if child]
    first, *others = sides
    made = [
        (name, masked or next((s[n][1] if len(s) == len(first) else _any(s) for s in others), "")) for n, (name, masked) in enumerate(first)
    ]
    if not (node.get("setop_all", node.get("union_all")) and node.get("setop_type", "UNION") in ("UNION", "UNION_BY_NAME")):
        for side in (made, *others):
            _refuse(_any(side))
    _modifiers(node, ctes, ([("", made)], *outer), made)
    return made


# what stands behind FROM


def _from(ref: Node, ctes: Tables, outer: Scopes) -> Iterator[Relation]:
    alias = (ref.get("alias") or "").lower()
    match ref["type"]:
        case "BASE_TABLE":
            name = ref["table_name"].lower()
            yield alias or name, _named(list(ctes.get(name, [])), ref.get("column_name_alias"))
        case "SUBQUERY":
            yield alias, _named(_query(ref["subquery"]["node"], ctes, outer), ref.get("column_name_alias"))
        case "JOIN":
            yield from _join(ref, ctes, outer)
        case "TABLE_FUNCTION":
            _refuse(_anything(ref, [r for s in outer for r in s]))
            yield alias, []
        case "EXPRESSION_LIST":
            rows = [[_value(v, ctes, outer) for v in row] for row in ref.get("expressions") or ref.get("values") or []]
            names = [n.lower() for n in ref.get("column_name_alias") or ref.get("expected_names") or []]
            masked = [next((m for m in column if m), "") for column in zip(*rows, strict=False)]
            yield alias, [(names[n] if n < len(names) else f"col{n}", m) for n, m in enumerate(masked)]
        case "PIVOT":
            for _, columns in _from(ref["source"], ctes, outer):  # what is not pivoted is grouped by
                _refuse(_any(columns))
            yield alias, []
        case "SHOW_REF":
            if ref.get("query"):
                _query(ref["query"], ctes, outer)
            yield alias, []
        case "EMPTY":
            return
        case _:
            _refuse(_anything(ref, [("", [c for t in ctes.values() for c in t])]))


def _join(ref: Node, ctes: Tables, outer: Scopes) -> Iterator[Relation]:
    left = list(_from(ref["left"], ctes, outer))
    right = list(_from(ref["right"], ctes, (left, *outer)))  # LATERAL
    both = [*left, *right]
    if ref.get("condition"):
        _refuse(_value(ref["condition"], ctes, (both, *outer)))
    used = [c.lower() for c in ref.get("using_columns") or []]
    if ref.get("ref_type") == "NATURAL":
        used = sorted({n for _, columns in left for n, _ in columns} & {n for _, columns in right for n, _ in columns})
    for name in used:
        _refuse(_find(name, [both]))
    yield from both


def _named(columns: list[Column], names: Iterable[str] | None) -> list[Column]:
    """The columns under other names, as far as names are given."""
    given = [n.lower() for n in names or []]
    return [(given[n] if n < len(given) else name, masked) for n, (name, masked) in enumerate(columns)]


def _star(one: Node, relations: list[Relation], ctes: Tables, scopes: Scopes) -> list[Column]:
    wanted = (one.get("relation_name") or "").lower()
    left_out = {str(e if isinstance(e, str) else e.get("column", e.get("name", ""))).lower() for e in one.get("exclude_list") or []}
    replaced = {e["key"].lower(): _value(e["value"], ctes, scopes) for e in one.get("replace_list") or []}
    return [
        (name, replaced.get(name, masked))
        for alias, columns in relations
        if not wanted or alias == wanted
        for name, masked in columns
        if name not in left_out
    ]


# expressions


def _value(one: Node, ctes: Tables, scopes: Scopes) -> str:
    """The masked column a value comes from, or "". Raises Masked where masked values are compared inside."""
    each = [_value(child, ctes, scopes) for child in _children(one)]
    masked = next((m for m in each if m), "")
    match one["class"]:
        case "COLUMN_REF":
            return _find_path([n.lower() for n in one["column_names"]], scopes)
        case "CONSTANT" | "PARAMETER" | "DEFAULT":
            return ""
        case "POSITIONAL_REFERENCE" | "STAR":
            return _any(_star(one, scopes[0], ctes, scopes) if scopes else [])
        case "CAST" | "COLLATE":
            return masked
        case "OPERATOR" if one["type"] in NULL_TESTS:
            return ""
        case "OPERATOR" if one["type"] in ("OPERATOR_COALESCE", "OPERATOR_TRY"):
            return masked
        case "CASE":
            for check in one["case_checks"]:
                _refuse(_value(check["when_expr"], ctes, scopes))
            results = [*(c["then_expr"] for c in one["case_checks"]), *([one["else_expr"]] if one.get("else_expr") else [])]
            return next((m for r in results if (m := _value(r, ctes, scopes))), "")
        case "FUNCTION" | "WINDOW":
            return _function(one, masked, ctes, scopes)
        case "SUBQUERY":
            return _subquery(one, ctes, scopes)
    _refuse(masked)
    return ""


def _children(one: Node) -> list[Node]:
    """The expressions an expression is made of, whatever its class; CASE and subqueries are looked at on their own."""
    if one["class"] in ("CASE", "SUBQUERY", "STAR"):
        return []
    lists = [c for word in ("children", "arguments") for c in one.get(word) or []]
    return [*lists, *(one[w] for w in ("left", "right", "input", "lower", "upper", "child", "lhs", "expr") if isinstance(one.get(w), dict))]


def _function(one: Node, masked: str, ctes: Tables, scopes: Scopes) -> str:
    name = one["function_name"].lower()
    filters = [one[w] for w in ("filter", "filter_expr") if one.get(w)]
    for part in (*filters, *(one.get("partitions") or []), *(o["expression"] for o in one.get("orders") or [])):
        _refuse(_value(part, ctes, scopes))
    for order in (one.get("order_bys") or {}).get("orders") or []:
        _value(order["expression"], ctes, scopes)
    if not masked or (name == "count" and not one.get("distinct")):
        return ""
    if one.get("distinct") or name not in CARRY:
        raise Masked(masked)
    return masked


def _subquery(one: Node, ctes: Tables, scopes: Scopes) -> str:
    given = _query(one["subquery"]["node"], ctes, scopes)
    match one["subquery_type"]:
        case "SCALAR":
            return _any(given)
        case "EXISTS" | "NOT_EXISTS":
            return ""
    _refuse(_value(one["child"], ctes, scopes) if one.get("child") else "")
    _refuse(_any(given))
    return ""


def _find_path(names: list[str], scopes: Scopes) -> str:
    """A reference of one or several parts: column, table.column, schema.table.column, column.field."""
    for scope in scopes:
        for place, name in enumerate(names):
            for alias, columns in scope:
                if alias == name and (found := dict(columns)) is not None:
                    if place + 1 == len(names):  # the whole row
                        return _any(columns)
                    if names[place + 1] in found:
                        return found[names[place + 1]]
    return _find(names[0], scopes)


def _find(name: str, scopes: Iterable[list[Relation]]) -> str:
    for scope in scopes:
        found = [masked for _, columns in scope for n, masked in columns if n == name]
        if found:
            return next((m for m in found if m), "")
    return ""


def _any(columns: Iterable[Column]) -> str:
    return next((m for _, m in columns if m), "")


def _anything(node: Any, relations: list[Relation]) -> str:
    """Any masked column named anywhere below: for what is too rare to be followed."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if one.get("class") == "COLUMN_REF" and (masked := _find_path([n.lower() for n in one["column_names"]], (relations,))):
                return masked
            if one.get("class") in ("STAR", "POSITIONAL_REFERENCE") and (masked := _any(c for _, cs in relations for c in cs)):
                return masked
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
    return ""


def _refuse(masked: str) -> None:
    if masked:
        raise Masked(masked)
