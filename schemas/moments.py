"""Time, the one place that knows it: instants, wall clocks of named zones, and how either is written.

    text in a form  ->  a moment  ->  an instant, a local time of a zone, a day, or text in another form

In Python a moment with a zone is an instant and one without is the wall clock of a zone that the caller names. Every
function on values has a twin that makes an SQL expression over a whole column, with the same answer. Between instant and
wall clock stand the rules of the zone, never a number of hours: China had summer time from 1986 to 1991. A wall clock
that a zone skipped or had twice is taken as the later of its two readings; `earliest` gives the other.

A form is written in the words of the language below; everything else in it stands for itself.

    yyyy mm dd hh mi ss    two digits (four for the year); m, d, h without a leading zero
    fff                    a fraction of a second, that many digits
    Z +hh:mi +hhmi         UTC, or the offset from it
    上午 AM                上午 or 下午, AM or PM, with a clock of twelve hours
    epoch_s epoch_ms       seconds or milliseconds since 1970 began in UTC
    excel_serial           the days of a spreadsheet
"""

from __future__ import annotations

import datetime as dt
import functools
import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo, available_timezones

DAY = dt.timedelta(days=1)
_FIRST, _LAST = "TIMESTAMP '0001-01-01'", "TIMESTAMP '10000-01-01'"
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_EXCEL = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - a day of a sheet has no zone; right from 1 March 1900 on

_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_MONTH, _MONTH_FREE = "(0[1-9]|1[0-2])", "(0?[1-9]|1[0-2])"
_DAY, _DAY_FREE = "(0[1-9]|[12][0-9]|3[01])", "(0?[1-9]|[12][0-9]|3[01])"
_HOUR, _HOUR_FREE, _HALF_HOUR = "([01][0-9]|2[0-3])", "([01]?[0-9]|2[0-3])", "(0?[1-9]|1[0-2])"
_SIXTY = "([0-5][0-9])"
_SECOND = r"([0-5][0-9](?:\.[0-9]{1,9})?)"  # beyond a microsecond it is cut
_OFFSET = "(Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"

_WORDS = {
    "yyyy": "year", "mm": "month", "m": "month", "dd": "day", "d": "day", "hh": "hour", "h": "hour", "mi": "minute", "ss": "second",
    "上午": "half", "AM": "half", "Z": "offset", "+hh:mi": "offset", "+hhmi": "offset",
}  # fmt: skip
_TOKEN = re.compile(r"\+hh:mi|\+hhmi|yyyy|mi|mm|dd|hh|ss|f+|上午|AM|Z|[mdh]|[^a-zA-Z0-9%+'\\]|T", re.DOTALL)
_STRFTIME = {
    "%Y": "yyyy",
    "%m": "mm",
    "%d": "dd",
    "%H": "hh",
    "%M": "mi",
    "%S": "ss",
    "%f": "ffffff",
    "%z": "+hhmi",
    "%I": "hh",
    "%p": "AM",
}
_COUNTED = {"epoch_s": ("[0-9]{9,10}", 1), "epoch_ms": ("[0-9]{12,13}", 1000)}
_SERIAL = r"[1-9][0-9]{3,4}(?:\.0+)?"
_PM = ("下午", "PM", "pm")


def zone_of(name: str) -> ZoneInfo:
    """A zone by its name. Raises ValueError where there is none of that name."""
    if name not in available_timezones():
        raise ValueError(
            f"没有时区 {name}；写法如 Asia/Shanghai、Asia/Urumqi | there is no time zone {name}; write for example Asia/Urumqi"
        )
    return ZoneInfo(name)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def local_now(zone: str) -> dt.datetime:
    return local(now(), zone)


def local(moment: dt.datetime, zone: str) -> dt.datetime:
    """The wall clock of a zone at an instant; what is no instant is a wall clock already."""
    return moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) if moment.tzinfo else moment


def instant(moment: dt.datetime, zone: str) -> dt.datetime:
    """The instant, in UTC, at which clocks of the zone showed it; the later one where they did so twice or skipped it."""
    return max(_readings(moment, zone))


def earliest(moment: dt.datetime, zone: str) -> dt.datetime:
    """The same, but the earlier one: for where a read begins."""
    return min(_readings(moment, zone))


def _readings(moment: dt.datetime, zone: str) -> tuple[dt.datetime, ...]:
    if moment.tzinfo:
        return (moment.astimezone(dt.UTC),)
    return tuple(moment.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(dt.UTC) for fold in (0, 1))


def local_sql(x: str, zone: str) -> str:
    """TIMESTAMPTZ as the wall clock of the zone, whatever the session's zone; what is infinite or beyond the calendar is NULL."""
    clock = f"timezone('{zone}', {x})"
    return f"CASE WHEN {clock} >= {_FIRST} AND {clock} < {_LAST} THEN {clock} END"


def instant_sql(x: str, zone: str) -> str:
    """TIMESTAMP of the zone's wall clock as TIMESTAMPTZ; the later one where it was shown twice or skipped."""
    return f"timezone('{zone}', {x})"


def utc_sql(x: str) -> str:
    """TIMESTAMPTZ as UTC's wall clock, as the hub writes it down."""
    return f"timezone('UTC', {x})"


@dataclass(frozen=True)
class Form:
    """How a moment is written. Python and DuckDB read it by one regular expression, so they read the same."""

    text: str
    shape: str
    roles: tuple[str, ...]  # what each group of the expression is
    tokens: tuple[str, ...] = ()

    @property
    def zoned(self) -> bool:
        """Whether it says which instant it is."""
        return self.text in _COUNTED or "offset" in self.roles

    @property
    def clock(self) -> bool:
        """Whether it says more than a day."""
        return self.text in _COUNTED or "hour" in self.roles

    def read(self, text: str) -> dt.datetime | None:
        """The moment a text says: an instant where it names one, else a wall clock; None where it is not wholly of this form."""
        found = re.fullmatch(self.shape, text)
        if found is None:
            return None
        if self.text in _COUNTED:
            return _EPOCH + dt.timedelta(milliseconds=int(text) * 1000 // _COUNTED[self.text][1])
        if self.text == "excel_serial":
            return _EXCEL + int(float(text)) * DAY
        part = dict(zip(self.roles, found.groups(""), strict=True))
        try:
            return _made(part)
        except (ValueError, OverflowError):
            return None

    def write(self, moment: dt.datetime, zone: str) -> str:
        """A moment in this form; a wall clock is one of the zone. What the form has no place for is cut off."""
        if self.text in _COUNTED:
            return str((instant(moment, zone) - _EPOCH) // dt.timedelta(milliseconds=1) * _COUNTED[self.text][1] // 1000)
        if self.text == "excel_serial":
            return str((local(moment, zone) - _EXCEL) // DAY)
        if "Z" in self.tokens:
            shown = instant(moment, zone)
        else:
            shown = _shifted(instant(moment, zone), zone) if self.zoned else local(moment, zone)
        hour = shown.hour if "half" not in self.roles else (shown.hour - 1) % 12 + 1
        return "".join(_written(token, shown, hour) for token in self.tokens)

    def sql(self, x: str, zone: str) -> str:
        """What `read` gives for a column of texts, as a wall clock of the zone: TIMESTAMP, or NULL."""
        return f"CASE WHEN regexp_full_match({x}, '{self.shape}') THEN {self.made_sql(x, zone)} END"

    def made_sql(self, x: str, zone: str) -> str:
        """The same for texts that are known to have the shape."""
        if self.text in _COUNTED:
            return local_sql(f"timezone('UTC', make_timestamp(TRY_CAST({x} AS BIGINT) * {1_000_000 // _COUNTED[self.text][1]}))", zone)
        if self.text == "excel_serial":
            return f"CAST(DATE '1899-12-30' + CAST(TRY_CAST({x} AS DOUBLE) AS INTEGER) AS TIMESTAMP)"
        clock = f"TRY_CAST(regexp_replace({x}, '^(?:{self.shape})$', '{self._canonical()}') AS TIMESTAMP)"
        if "half" in self.roles:
            half, hour = (f"regexp_extract({x}, '^(?:{self.shape})$', {self.roles.index(r) + 1})" for r in ("half", "hour"))
            noon = f"CAST({hour} AS INTEGER) = 12"
            clock = (
                f"{clock} + to_hours(CASE WHEN {half} IN {_PM!r} THEN CASE WHEN {noon} THEN 0 ELSE 12 END WHEN {noon} THEN -12 ELSE 0 END)"
            )
        if not self.zoned:
            return clock
        said = f"regexp_extract({x}, '^(?:{self.shape})$', {self.roles.index('offset') + 1})"
        minutes = f"CASE WHEN length({said}) > 3 THEN TRY_CAST(left({said}, 1) || right({said}, 2) AS INTEGER) ELSE 0 END"
        behind = f"to_minutes(coalesce(TRY_CAST(left({said}, 3) AS INTEGER), 0) * 60 + {minutes})"
        return local_sql(f"timezone('UTC', {clock} - {behind})", zone)

    def _canonical(self) -> str:
        place = {role: rf"\{n}" for n, role in enumerate(self.roles, 1)}
        day = f"{place['year']}-{place['month']}-{place.get('day', '01')}"
        if "hour" not in place:
            return day
        seconds = place.get("rest") or f":{place.get('second', '00')}"
        fraction = f".{place['fraction']}" if "fraction" in place else ""
        return f"{day} {place['hour']}:{place.get('minute', '00')}{seconds}{fraction}"


def _shifted(moment: dt.datetime, zone: str) -> dt.datetime:
    """An instant at the zone's offset in whole minutes: local mean time, before 1901, was off by seconds that no offset can say."""
    away = moment.astimezone(ZoneInfo(zone)).utcoffset() or dt.timedelta()
    return moment.astimezone(dt.timezone(away // dt.timedelta(minutes=1) * dt.timedelta(minutes=1)))


def _made(part: dict[str, str]) -> dt.datetime:
    second, _, fraction = (part.get("second") or part.get("rest", "").lstrip(":")).partition(".")
    fraction = part.get("fraction", fraction)
    hour = int(part.get("hour", 0))
    if "half" in part:
        hour = hour % 12 + (12 if part["half"] in _PM else 0)
    clock = dt.datetime(  # noqa: DTZ001 - a zone follows where one is written
        int(part["year"]), int(part["month"]), int(part.get("day", 1)), hour, int(part.get("minute", 0)), int(second or 0),
        int(fraction[:6].ljust(6, "0")),
    )  # fmt: skip
    if "offset" not in part:
        return clock
    said = part["offset"]
    away = dt.timedelta() if said == "Z" else dt.timedelta(hours=int(said[:3]), minutes=int(said[0] + said[-2:]) if len(said) > 3 else 0)
    return (clock - away).replace(tzinfo=dt.UTC)


def _written(token: str, at: dt.datetime, hour: int) -> str:
    if token[0] == "f":
        return f"{at.microsecond:06d}{'0' * 9}"[: len(token)]
    shift = at.strftime("%z")
    said = {
        "yyyy": f"{at.year:04d}", "mm": f"{at.month:02d}", "m": str(at.month), "dd": f"{at.day:02d}", "d": str(at.day),
        "hh": f"{hour:02d}", "h": str(hour), "mi": f"{at.minute:02d}", "ss": f"{at.second:02d}",
        "+hh:mi": f"{shift[:3]}:{shift[3:5]}", "+hhmi": shift[:5], "上午": "下午" if at.hour >= 12 else "上午", "AM": "PM" if at.hour >= 12 else "AM",
    }  # fmt: skip
    return said.get(token, token)


@functools.cache
def form(text: str) -> Form:
    """A form by how it is written. Raises ValueError saying what the language has.

    The percent words of strftime, and `hh:mm`, are other spellings of the same.
    """
    if text in _COUNTED:
        return Form(text, _COUNTED[text][0], ())
    if text == "excel_serial":
        return Form(text, _SERIAL, ())
    plain = re.sub(r"%[a-zA-Z]", lambda m: _STRFTIME.get(m[0], m[0]), text)
    plain = re.sub(r"(?<=hh:)mm|(?<=hh)mm(?=ss)", "mi", plain)
    tokens = tuple(_TOKEN.findall(plain))
    roles = tuple(_WORDS.get(t) or "fraction" for t in tokens if t in _WORDS or t[0] == "f")
    wrong = "".join(tokens) != plain or len(set(roles)) < len(roles) or not {"year", "month"} <= set(roles) or not _nested(roles)
    if wrong or ("yyyymi" in plain and "hh" not in plain):
        raise ValueError(
            f"{text} 不是日期写法；由 yyyy、mm、dd、hh、mi、ss、fff、Z、+hh:mi、上午 组成，如 yyyy-mm-dd hh:mi:ss | "
            f"{text} is no form of a date: it is made of yyyy, mm, dd, hh, mi, ss, fff, Z, +hh:mi, AM, for example yyyy-mm-dd hh:mi:ss"
        )
    return Form(plain, "".join(_shape(tokens, n) for n in range(len(tokens))), roles, tokens)


_PERCENT = {
    "yyyy": "%Y",
    "mm": "%m",
    "dd": "%d",
    "hh": "%H",
    "mi": "%M",
    "ss": "%S",
    "ffffff": "%f",
    "fff": "%3f",
    "+hh:mi": "%:z",
    "+hhmi": "%z",
}


def strftime(text: str) -> str:
    """A form in the percent words that some far sides are asked in; %3f and %:z are milliseconds and an offset with a colon.

    Raises ValueError for what is no form, or has a part that percent words cannot say.
    """
    if "%" in text:
        return text
    tokens = form(text).tokens
    if lost := [t for t in tokens if (t in _WORDS or t[0] == "f") and t not in _PERCENT and t != "Z"]:
        raise ValueError(f"{text} 中的 {'、'.join(lost)} 不能用于提问 | {', '.join(lost)} of {text} cannot be asked")
    return "".join(_PERCENT.get(t, t) for t in tokens)


def _nested(roles: tuple[str, ...]) -> bool:
    """A minute needs its hour, an hour its day; half a day and an offset need an hour."""
    needs = {"hour": "day", "minute": "hour", "second": "minute", "fraction": "second", "half": "hour", "offset": "hour"}
    return all(needs.get(role, "year") in roles for role in roles)


def _shape(tokens: tuple[str, ...], place: int) -> str:
    """The expression for one token; digits that stand alone may lack their leading zero."""
    token = tokens[place]
    beside = tokens[max(place - 1, 0) : place] + tokens[place + 1 : place + 2]
    packed = any(t in _WORDS and _WORDS[t] not in ("offset", "half") for t in beside) or any(t[0] == "f" for t in beside)
    match _WORDS.get(token):
        case "year":
            return _YEAR
        case "month":
            return _MONTH if packed else _MONTH_FREE
        case "day":
            return _DAY if packed else _DAY_FREE
        case "hour" if any(_WORDS.get(t) == "half" for t in tokens):
            return _HALF_HOUR
        case "hour":
            return _HOUR if packed else _HOUR_FREE
        case "minute":
            return _SIXTY
        case "second":
            return _SIXTY if packed or any(t[0] == "f" for t in tokens) else _SECOND
        case "offset":
            return _OFFSET
        case "half":
            return "(上午|下午)" if "午" in token else "(AM|PM|am|pm)"
    return f"([0-9]{{{len(token)}}})" if token[0] == "f" else re.escape(token)


def _iso(mark: str) -> Form:
    day = f"{_YEAR}{mark}{_MONTH_FREE}{mark}{_DAY_FREE}"
    rest = r"((?::[0-5][0-9](?:\.[0-9]{1,9})?)?)"
    return Form(f"yyyy{mark}mm{mark}dd hh:mi", f"{day}[ T]{_HOUR_FREE}:{_SIXTY}{rest}", ("year", "month", "day", "hour", "minute", "rest"))


def _with_offset(of: Form) -> Form:
    return Form(f"{of.text}Z", f"{of.shape} ?{_OFFSET}", (*of.roles, "offset"))


# What is read where no form is named: a blank or a T before the clock, seconds or none, a fraction or none.
WALL = (_iso("-"), _iso("/"))
ZONED = tuple(_with_offset(f) for f in WALL)
HALVES = tuple(form(f"yyyy{m}mm{m}dd 上午h:mi{s}") for m in "-/" for s in ("", ":ss"))
DAYS = tuple(form(text) for text in ("yyyy-mm-dd", "yyyymmdd", "yyyy/m/d", "yyyy.mm.dd", "yyyy年m月d日"))
PACKED = form("yyyymmddhhmiss")
CLOCKS = (PACKED, *WALL, *ZONED, *HALVES)


def read_any(text: str) -> dt.datetime | None:
    """The moment a text says in any of the forms that need no naming."""
    return next((at for one in (*CLOCKS, *DAYS) if (at := one.read(text)) is not None), None)


def form_of(text: str) -> Form | None:
    """The form a text is written in, to write another moment the same way; None where it is none of those known."""
    one = next((f for f in (*CLOCKS, *DAYS) if f.read(text) is not None), None)
    if one is None or one not in (*WALL, *ZONED):
        return one
    found = re.fullmatch(one.shape, text)
    assert found is not None
    part = dict(zip(one.roles, found.groups(""), strict=True))
    seconds, _, fraction = part["rest"].partition(".")
    clock = f"{text[found.end(3)]}hh:mi{':ss' if seconds else ''}{'.' + 'f' * len(fraction) if fraction else ''}"
    offset = part.get("offset", "")
    said = "" if not offset else "Z" if offset == "Z" else "+hh:mi" if ":" in offset else "+hhmi"
    mark = one.text[4]
    return form(f"yyyy{mark}mm{mark}dd{clock}{' ' if offset and text[found.start(len(one.roles)) - 1] == ' ' else ''}{said}")
