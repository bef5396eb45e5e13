"""What the hub must find in the invented city, and the defects that stand in its way.

The figures are those of the city at every scale. Each system plants exactly the defects named here, so that counting
the rows a system sent gives another number for every figure.
"""

from __future__ import annotations

FIGURES: dict[str, int] = {
    "grids_urban": 473,
    "grids_rural": 1843,
    "grids_special": 303,
    "grid_leaders": 501,
    "grid_staff_full_time": 2322,
    "grid_staff_part_time": 1353,
    "grid_volunteers": 8566,
    "grid_party_branches": 501,
    "grid_party_groups": 2478,
    "party_households": 4422,
    "council_issues": 103,
    "council_actions": 350,
    "council_disputes": 450,
}

PARENT_GRIDS = 501  # one a village or community; no figure of its own
DISPUTES_TWICE = 64  # disputes of the mediation platform that came over the 12345 hotline too

# system/dataset -> defect -> how many rows of it
PLANTED: dict[str, dict[str, int]] = {
    "political_legal/grid/grid": {
        "identical": 41,  # a row sent twice, every column equal
        "older": 120,  # an earlier version of a key, some with another grid type
        "deleted": 25,  # a grid that came and went (I, then D)
        "unknown_code": 7,  # grid_type 9: held, nobody knows what it is
        "padded": 12,  # the same grid under a code with a blank behind it, as many of each type
        "abolished": 31,  # status 0
        "no_village": 211,  # special grids without a village code
    },
    "political_legal/grid/grid_staff": {
        "identical": 230,
        "older": 400,
        "deleted": 180,
        "second_grid": 905,  # one person under a second staff number, in another grid
        "bad_check_digit": 57,
        "unknown_code": 23,  # role 99
        "left": 310,  # end_date is filled
    },
    "party_organisation/double_registration/check_in": {
        "only_here": 566,  # volunteers the grid platform does not know
        "also_grid_staff": 1104,  # leaders, full-time staff and volunteers of the grid platform, as they were when they reported
        "former_full_time": 88,  # of these, people still called full-time here who are volunteers now
        "again": 733,  # one more check-in of the same person
        "bad_check_digit": 19,
        "identical": 16,
    },
    "party_organisation/members/organisation": {
        "identical": 33,
        "repadded": 58,  # the same organisation once more under its old name, its code padded to another width
        "unknown_code": 11,
    },
    "party_organisation/double_registration/grid_organisation": {
        "stale": 2890,  # branches and groups as they were; the national system decides
        "wrong_kind": 140,  # of these, groups that still stand as branches
        "second_grid": 304,  # a household of members counted for two grids
        "dissolved": 95,
        "unknown_code": 26,
        "identical": 27,
    },
    "social_work/new_groups/council_ledger": {
        "retyped": 47,  # the same item under the next free number
        "carried_over": 21,  # a row copied into the next month's sheet
        "unknown_code": 12,
        "other": 60,
    },
    "approvals/hotline/ticket": {
        "twice": DISPUTES_TWICE,
        "called_again": 19,  # of these, a second ticket on the same dispute
        "other_town": 12,  # same phone, another town: no match
        "long_ago": 15,  # same phone and town, 60 days earlier: no match
        "consultation": 9,  # same phone, town and days, but only a question: no match
        "reissued": 40,  # withdrawn and issued again under the old number
        "identical": 8,
    },
    "political_legal/mediation/dispute": {"unknown_code": 6, "older": 25},
    "party_organisation/members/member": {"bad_check_digit": 5, "identical": 12},
    "social_work/new_groups/worker": {"bad_check_digit": 6, "again": 15},
    "political_legal/grid/population": {"bad_check_digit": 21, "passport": 14, "again": 60, "identical": 30},
}

# What one tick of the systems changes in the figures; n ticks change n times as much.
EVERY_TICK: dict[str, int] = {"grid_staff_full_time": 3, "grid_staff_part_time": -2}


def figures(ticks: int = 0) -> dict[str, int]:
    """The figures after that many ticks."""
    return {name: value + ticks * EVERY_TICK.get(name, 0) for name, value in FIGURES.items()}
