"""What the hub must find in the police, market, pension, assistance, old-age and certificate systems.

Each system plants exactly the defects named here; what depends on the city's size is computed from the city.
"""

from __future__ import annotations

from demo.city import InventedCity
from demo.deaths import still_paid

ALLOWANCE = 50  # yuan a month for ages 80 to 89; 100 from 90, 300 from 100

# system/dataset -> defect -> how many rows of it
PLANTED: dict[str, dict[str, int]] = {
    "public_security/population/resident": {
        "identical": 20,
        "older": 50,  # an earlier version of a key, without phone
        "deleted": 12,  # came and moved away (I, then D)
        "bad_check_digit": 15,
        "lower_case": 30,  # a small x, or a blank behind the number: still the same person
        "unknown_code": 9,  # ethnicity 66
        "zero_date": 6,  # birth date 00000000
    },
    "public_security/population/death": {"identical": 6, "taken_back": 5},
    "market_regulation/entities/entity": {
        "identical": 8,
        "older": 25,
        "deleted": 6,
        "old_number": 18,  # 15 digits where the 18 of the USCC should be
        "letter_o": 7,  # the letter O for a zero
        "zero_date": 5,
    },
    "human_resources/pension/enrolment": {
        "second_number": 11,  # one person under two personal numbers
        "bad_check_digit": 9,
        "not_said": 14,  # AAC004 is 9
        "no_time": 10,  # AAE036 is empty
    },
    "civil_affairs/assistance/allowance": {
        "identical": 9,
        "bad_check_digit": 8,
        "bad_bytes": 2,  # rows with bytes that are no GB 18030
        "ragged": 3,  # rows with a column too many
        "reused": 12,  # rows of families under the number of a cancelled one
        "no_amount": 4,  # 待核定 where the amount should be
    },
    "civil_affairs/elderly/recipient": {"bad_check_digit": 4, "again": 6},
    "civil_affairs/elderly/payment": {"failed_after_death": 7, "taken_back": 5},
    "approvals/certificates/certificate": {"identical": 10, "older": 30, "deleted": 12, "unknown_code": 5, "bad_check_digit": 8},
}


def suspected(city: InventedCity) -> dict[str, tuple[int, int]]:
    """Town -> people still paid after their death was registered, yuan a month. The same at every scale."""
    counted = still_paid(city).group_by("town_code").aggregate([("resident", "count")])
    return {row["town_code"]: (row["resident_count"], row["resident_count"] * ALLOWANCE) for row in counted.to_pylist()}


def overpaid(city: InventedCity) -> int:
    """Yuan paid in the months after the registration, everybody together."""
    return int(still_paid(city)["months"].to_numpy().sum()) * ALLOWANCE
