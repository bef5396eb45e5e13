"""Numbers of invented people and organisations, a column at a time.

    integers  ->  texts with valid check characters

Every identity number and organisation code carries the region 999999, which no place has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

REGION = "999999"
_ID_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_ID_CHECKS = np.frombuffer(b"10X98765432", dtype=np.uint8)
_USCC_ALPHABET = np.frombuffer(b"0123456789ABCDEFGHJKLMNPQRTUWXY", dtype=np.uint8)
_USCC_WEIGHTS = np.array([pow(3, n, 31) for n in range(17)], dtype=np.int64)
_BODY_WEIGHTS = np.array([3, 7, 9, 10, 5, 8, 4, 2], dtype=np.int64)
_ZERO = ord("0")


def digits(numbers: Ints, width: int) -> Bytes:
    """ASCII digits, one row a number, padded with zeros on the left."""
    powers = 10 ** np.arange(width - 1, -1, -1, dtype=np.int64)
    return (numbers[:, None] // powers % 10 + _ZERO).astype(np.uint8)


def texts(matrix: Bytes) -> pa.Array:
    """Rows of ASCII bytes as texts."""
    rows, width = matrix.shape
    offsets = np.arange(0, (rows + 1) * width, width, dtype=np.int32)
    return pa.StringArray.from_buffers(rows, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(matrix)))


def numbered(prefix: str, numbers: Any, width: int) -> pa.Array:
    """`prefix` and a running number padded to `width`. The prefix is ASCII."""
    body = digits(np.asarray(numbers, dtype=np.int64), width)
    return texts(np.hstack([_repeated(prefix, len(body)), body]))


def id_numbers(births: npt.NDArray[np.datetime64], sequences: Ints) -> pa.Array:
    """公民身份号码 (GB 11643) of invented people; an odd sequence is a man's."""
    months = births.astype("datetime64[M]").astype(np.int64)
    days = (births.astype("datetime64[D]") - births.astype("datetime64[M]")).astype(np.int64) + 1
    dates = (1970 + months // 12) * 10000 + (months % 12 + 1) * 100 + days
    body = np.hstack([_repeated(REGION, len(births)), digits(dates, 8), digits(sequences, 3)])
    check = _ID_CHECKS[(body - _ZERO).astype(np.int64) @ _ID_WEIGHTS % 11]
    return texts(np.hstack([body, check[:, None]]))


def sequences(births: npt.NDArray[np.datetime64], male: npt.NDArray[np.bool_], first: int = 0) -> Ints:
    """The next free sequence of each birthday and sex, from `first` (an even number) on."""
    day = births.astype("datetime64[D]").astype(np.int64) * 2 + male
    order = np.argsort(day, kind="stable")
    sorted_day = day[order]
    starts = np.flatnonzero(np.r_[True, sorted_day[1:] != sorted_day[:-1]])
    rank = np.arange(len(day)) - np.repeat(starts, np.diff(np.r_[starts, len(day)]))
    made = np.empty(len(day), dtype=np.int64)
    made[order] = rank
    made = first + 2 * made + male
    if len(made) and made.max() > 999:
        raise ValueError("more people share a birthday than an identity number can tell apart")
    return made


def usccs(numbers: Any, kind: str = "91") -> pa.Array:
    """统一社会信用代码 (GB 32100) of invented organisations; `kind` is the registrar and the kind of organisation."""
    serial = digits(np.asarray(numbers, dtype=np.int64), 8)
    weighed = 11 - (serial - _ZERO).astype(np.int64) @ _BODY_WEIGHTS % 11
    body_check = np.where(weighed == 10, ord("X"), np.where(weighed == 11, _ZERO, weighed + _ZERO)).astype(np.uint8)
    body = np.hstack([_repeated(kind + REGION, len(serial)), serial, body_check[:, None]])
    values = np.searchsorted(_USCC_ALPHABET, body)
    check = _USCC_ALPHABET[(31 - values @ _USCC_WEIGHTS % 31) % 31]
    return texts(np.hstack([body, check[:, None]]))


def phones(numbers: Any) -> pa.Array:
    """Mobile numbers counted up from 19900000000."""
    return numbered("1990", numbers, 7)


def broken(numbers: pa.Array, rows: Any) -> pa.Array:
    """The same texts with a wrong check character at those rows."""
    made = numbers.to_numpy(zero_copy_only=False).copy()
    made[rows] = [text[:-1] + ("1" if text[-1] != "1" else "2") for text in made[rows]]
    return pa.array(made, pa.string())


def _repeated(text: str, rows: int) -> Bytes:
    return np.broadcast_to(np.frombuffer(text.encode("ascii"), dtype=np.uint8), (rows, len(text)))
