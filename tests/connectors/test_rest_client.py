"""One question to a REST interface: who asks, how often, how long, and what may never be said."""

from __future__ import annotations

import base64
import gzip
import json
import time
import traceback

import pytest
from pydantic import ValidationError

from connectors import rest
from connectors.rest import client
from connectors.rest.words import RestConnection, RestRead
from schemas.errors import SourceChanged, SourceError, SourceRefused, SourceUnavailable
from tests.connectors.paper_interface import INCREMENTAL, interface, opened, read, system

OK = {"ok": {"path": "code", "values": ["0"]}}
PASSWORD = "p-7391-geheim"


@pytest.fixture
def far():
    with interface() as made:
        made.rows = [{"id": str(n), "name": f"甲{n}"} for n in range(2)]
        yield made


def failed(far, kind: type[SourceError], of=None, options: dict | None = None, **secret: str) -> SourceError:
    """The error of a read, said in two languages, with a next step and without any secret."""
    of = of or system()
    with pytest.raises(SourceError) as caught:
        read(opened(far, of, options, **secret), of)
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + error.en + error.next_en
    assert isinstance(error, kind), error
    assert "civil_affairs/elderly/person" in error.zh
    assert error.en
    assert error.next_zh
    assert error.next_en
    for value in (*(v for word, v in secret.items() if word != "user"), "s3cret"):
        assert value not in shown
    return error


def login(far, life: list[str]):
    """Tokens in the order of `life`; the last one given is the one that is good."""
    given: list[str] = []

    def answer(path, query, headers, body):
        if path == "/token":
            if json.loads(body) != {"username": "u", "password": PASSWORD}:
                return 200, {}, {"code": 1003, "msg": f"用户名或密码错误：{body}"}
            given.append(life[min(len(given), len(life) - 1)])
            return 200, {}, {"code": 0, "data": {"token": given[-1]}}
        if headers.get("Authorization") != f"Bearer {given[-1] if given else ''}":
            return 401, {}, {"msg": "令牌无效"}
        return None

    far.answer = answer
    return given


def paths(far) -> list[str]:
    return [path for path, _ in far.asked]


# --- who asks


@pytest.mark.parametrize(
    ("options", "secret", "header", "value"),
    [
        ({"auth": "bearer"}, {"token": "t1"}, "Authorization", "Bearer t1"),
        ({"auth": "bearer", "header": "X-Access-Token"}, {"token": "t1"}, "X-Access-Token", "t1"),
        ({"auth": "api_key"}, {"api_key": "k1"}, "X-Api-Key", "k1"),
        ({"auth": "api_key", "header": "AppKey"}, {"api_key": "k1"}, "AppKey", "k1"),
        ({"auth": "basic"}, {"user": "u", "password": "p"}, "Authorization", "Basic " + base64.b64encode(b"u:p").decode()),
    ],
)
def test_proof_goes_into_its_header(far, options, secret, header, value):
    of = system()
    read(opened(far, of, options, **secret), of)
    assert far.heard[0][1][header] == value


def test_a_netrc_of_ours_is_told_to_nobody(far, tmp_path, monkeypatch):
    (tmp_path / ".netrc").write_text("default login u password p\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    of = system()
    read(opened(far, of), of)
    assert "Authorization" not in far.heard[0][1]


def test_one_token_serves_all_pages(far):
    login(far, ["a"])
    far.rows = [{"id": str(n), "name": "甲"} for n in range(8)]
    of = system()
    connector = opened(far, of, {"auth": "token", "token_url": f"{far.url}/token", **OK}, user="u", password=PASSWORD)
    assert len(read(connector, of)[0]) == 8
    read(connector, of)
    assert paths(far).count("/token") == 1


def test_a_token_that_ran_out_is_renewed_once(far):
    given = login(far, ["a", "b"])
    of = system()
    connector = opened(far, of, {"auth": "token", "token_url": f"{far.url}/token", **OK}, user="u", password=PASSWORD)
    read(connector, of)
    given.append("gone")  # the far side has forgotten the token
    read(connector, of)
    assert paths(far).count("/token") == 2


def test_a_fresh_token_that_is_refused_is_not_renewed_for_ever(far):
    def answer(path, query, headers, body):
        return (200, {}, {"token": "t-9081-geheim"}) if path == "/token" else (401, {}, {"msg": "没有权限 t-9081-geheim"})

    far.answer = answer
    error = failed(far, SourceRefused, None, {"auth": "token", "token_url": f"{far.url}/token"}, user="u", password=PASSWORD)
    assert "没有权限" in error.zh
    assert "t-9081-geheim" not in error.zh
    assert paths(far) == ["/token", "/rows"]


def test_a_wrong_password_is_tried_once_and_not_once_a_dataset(far):
    login(far, ["a"])
    of = system()
    connector = opened(far, of, {"auth": "token", "token_url": f"{far.url}/token", **OK}, user="u", password="wr0ng-geheim")
    for _ in range(3):
        with pytest.raises(SourceRefused) as error:
            read(connector, of)
        assert "用户名或密码错误" in error.value.zh
        assert "wr0ng-geheim" not in error.value.zh + error.value.en  # although the far side repeats it
    assert paths(far) == ["/token"]


def test_a_login_may_be_a_form_with_other_names(far):
    def answer(path, query, headers, body):
        if path == "/token":
            return 200, {}, {"result": {"accessToken": "t1"}}
        return None

    far.answer = answer
    options = {
        "auth": "token", "token_url": f"{far.url}/token", "token_path": "result.accessToken",
        "login": {"user": "client_id", "password": "client_secret", "form": True, "more": {"grant_type": "client_credentials"}},
    }  # fmt: skip
    of = system()
    read(opened(far, of, options, user="u", password="p"), of)
    assert far.heard[0][2] == "client_id=u&client_secret=p&grant_type=client_credentials"
    assert far.heard[1][1]["Authorization"] == "Bearer t1"


def test_a_login_without_a_token_in_it_says_where_it_looked(far):
    far.answer = lambda *_: (200, {}, {"ok": 1})
    assert (
        "access_token"
        in failed(far, SourceChanged, None, {"auth": "token", "token_url": f"{far.url}/token"}, user="u", password="p1234").zh
    )


def test_a_secret_that_lacks_what_is_needed_asks_nothing(far):
    failed(far, SourceRefused, None, {"auth": "api_key"})
    assert not far.asked


# --- errors in a 200


@pytest.mark.parametrize(
    ("body", "kind", "asked"),
    [
        ({"code": 403, "msg": "密钥已停用"}, SourceRefused, 1),
        ({"code": 1004, "msg": "密码已过期，请联系系统管理员重置"}, SourceRefused, 1),
        ({"code": 77, "msg": "不行"}, SourceRefused, 1),
        ({"code": 500, "msg": "出错"}, SourceUnavailable, 4),
        ({"code": 9, "msg": "系统繁忙，请稍后再试"}, SourceUnavailable, 4),
        ({"code": 9, "msg": "参数 page 有误"}, SourceChanged, 1),
        ({"data": {"list": []}}, SourceChanged, 1),
    ],
)
def test_an_error_hidden_in_a_200_is_an_error_of_its_kind(far, body, kind, asked):
    far.answer = lambda *_: (200, {}, body)
    error = failed(far, kind, None, {"ok": {"path": "code", "values": ["0"], "refused": ["77"]}})
    assert body.get("msg", "") in error.zh
    assert len(far.asked) == asked


def test_what_the_far_side_says_is_repeated_without_the_number_of_a_person(far):
    far.answer = lambda *_: (200, {}, {"code": 9, "error": {"text": "99999919900307059X 不存在，电话 19900009001"}})
    error = failed(far, SourceChanged, None, {**OK, "message": "error.text"})
    assert "不存在" in error.zh
    assert "9999991990" not in error.zh
    assert "19900009001" not in error.zh


# --- patience


@pytest.mark.parametrize("trouble", [500, 502, 503, 408, 429, "hang up"])
def test_what_passes_is_asked_again(far, trouble):
    far.answer = lambda *_: None if len(far.asked) > 2 else ("hang up" if trouble == "hang up" else (trouble, {}, {"msg": "x"}))
    of = system()
    assert len(read(opened(far, of), of)[0]) == 2
    assert len(far.asked) == 3


@pytest.mark.parametrize(("status", "kind"), [(400, SourceChanged), (401, SourceRefused), (403, SourceRefused), (404, SourceChanged)])
def test_what_does_not_pass_is_asked_once(far, status, kind):
    far.answer = lambda *_: (status, {}, {"msg": "不可以"})
    assert "不可以" in failed(far, kind).zh
    assert len(far.asked) == 1


def test_patience_grows_and_ends(far):
    far.answer = lambda *_: (503, {}, b"")
    of = system()
    connector, pauses = opened(far, of), []
    connector.client.pause = pauses.append
    with pytest.raises(SourceUnavailable, match="4 次"):
        read(connector, of)
    assert len(pauses) == 3
    assert 0.25 <= pauses[0] <= 0.75
    assert 1 <= pauses[2] <= 3


def test_the_pause_the_far_side_asks_for_is_kept(far):
    far.answer = lambda *_: (429, {"Retry-After": "7"}, b"") if len(far.asked) == 1 else None
    of = system()
    connector, pauses = opened(far, of), []
    connector.client.pause = pauses.append
    read(connector, of)
    assert pauses == [7.0]


def test_nobody_waits_longer_than_a_whole_pull_may_take(far):
    far.answer = lambda *_: (429, {"Retry-After": "86400"}, b"")
    failed(far, SourceUnavailable)
    assert len(far.asked) == 1


def test_patience_for_the_whole_pull_ends_between_two_pages(far):
    far.rows = [{"id": str(n), "name": "甲"} for n in range(30)]
    far.answer = lambda *_: time.sleep(0.4)
    error = failed(far, SourceUnavailable, system(limits={"patience": "1 second"}))
    assert "limits.patience" in error.zh
    assert len(far.asked) < 10


def test_no_more_is_asked_in_a_second_than_is_allowed(far):
    far.rows = [{"id": str(n), "name": "甲"} for n in range(12)]
    of = system(limits={"requests_per_second": 20})
    connector = rest.connect(RestConnection(url=far.url), of, opened(far, of).client._secret)
    start = time.monotonic()
    read(connector, of)
    assert len(far.asked) == 4
    assert time.monotonic() - start >= 0.14


def test_an_answer_that_does_not_come_is_given_up(far):
    far.answer = lambda *_: time.sleep(1.5)
    start = time.monotonic()
    assert "limits.timeout" in failed(far, SourceUnavailable, system(limits={"timeout": "1 second"})).zh
    assert time.monotonic() - start < 8


def test_an_answer_that_drips_is_given_up(far):
    def drip(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        try:
            for _ in range(30):
                handler.wfile.write(b" ")
                time.sleep(0.2)
        except OSError:
            pass

    far.answer = lambda *_: drip
    start = time.monotonic()
    failed(far, SourceUnavailable, system(limits={"timeout": "1 second", "patience": "2 seconds"}))
    assert time.monotonic() - start < 4


def test_an_answer_that_is_too_large_is_not_taken(far, monkeypatch):
    monkeypatch.setattr(client, "LARGEST", 1 << 20)
    far.answer = lambda *_: (200, {"Content-Encoding": "gzip"}, gzip.compress(b" " * (8 << 20)))
    assert "page.rows" in failed(far, SourceChanged).next_zh


# --- what comes back


@pytest.mark.parametrize("share", [0.01, 0.3, 0.66, 0.9, 0.99])
def test_an_answer_that_breaks_off_is_asked_again_and_never_taken(far, share):
    whole = json.dumps(
        {"data": {"total": 2, "list": [{"id": str(n), "name": "甲乙", "ok": True} for n in range(2)]}}, ensure_ascii=False
    ).encode()
    far.answer = lambda *_: (200, {}, whole[: int(len(whole) * share)])
    failed(far, SourceUnavailable)
    assert len(far.asked) == 4


def test_a_body_shorter_than_it_says_is_asked_again(far):
    def short(handler):
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"data": {"total": 0, "list": []}}')
        handler.close_connection = True

    far.answer = lambda *_: short if len(far.asked) == 1 else None
    of = system()
    assert len(read(opened(far, of), of)[0]) == 2


def test_a_chunked_answer_is_read_whole_and_a_broken_one_is_not_taken(far):
    def chunked(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        content = json.dumps({"data": {"total": 2, "list": far.rows}}).encode()
        for part in (content[:20], content[20:]):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if len(far.asked) == 1:
            handler.close_connection = True
        else:
            handler.wfile.write(b"0\r\n\r\n")

    far.answer = lambda *_: chunked
    of = system()
    assert len(read(opened(far, of), of)[0]) == 2
    assert len(far.asked) == 2


@pytest.mark.parametrize("content", [b"<html>login</html>", b'{"a": 1} x y z and more', b"[" * 100_000 + b"]" * 100_000, b"\xb0\xa1 " * 20])
def test_what_is_no_json_is_said_to_be_none(far, content):
    far.answer = lambda *_: (200, {}, content)
    failed(far, SourceChanged)
    assert len(far.asked) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"data": {"total": 1, "list": [{"id": "1", "name": "a", "id": "2"}]}}', "两个 id"),
        (b"[" + b"[]," * 800_000 + b"[]]", "个以上的值"),
    ],
    ids=["a name twice", "too many values"],
)
def test_json_that_may_be_read_in_two_ways_or_is_too_much_is_refused(far, content, said):
    far.answer = lambda *_: (200, {}, content)
    assert said in failed(far, SourceChanged).zh


@pytest.mark.parametrize("charset", ["ISO-8859-1", "GBK", "utf-8", "UTF-8"])
def test_a_charset_that_lies_about_plain_utf_8_bends_nothing(far, charset):
    body = json.dumps({"data": {"total": 1, "list": [{"id": "1", "name": "中关村"}]}}, ensure_ascii=False).encode()
    far.answer = lambda *_: (200, {"Content-Type": f"application/json;charset={charset}"}, body)
    of = system()
    assert read(opened(far, of), of)[0] == [{"id": "1", "name": "中关村"}]


def test_the_encoding_the_answer_claims_is_used(far):
    body = json.dumps({"data": {"total": 1, "list": [{"id": "1", "name": "㐂镕"}]}}, ensure_ascii=False).encode("gb18030")
    far.answer = lambda *_: (200, {"Content-Type": "application/json;charset=GB2312"}, body)
    of = system()
    assert read(opened(far, of), of)[0] == [{"id": "1", "name": "㐂镕"}]


# --- where it leads


def test_a_move_within_the_same_place_is_followed(far):
    far.answer = lambda path, *_: (302, {"Location": "/new/rows?page=1&size=3"}, b"") if path == "/rows" else None
    of = system()
    assert len(read(opened(far, of), of)[0]) == 2


def test_a_move_in_circles_is_not_followed_for_ever(far):
    far.answer = lambda *_: (302, {"Location": "/rows?page=1&size=3"}, b"")
    failed(far, SourceChanged)
    assert len(far.asked) == 4


@pytest.mark.parametrize("headers", [{"Location": "http://elsewhere.invalid/rows?token=s3cret"}, {"Location": "https://127.0.0.1/rows"}])
def test_another_host_is_told_nothing(far, headers):
    far.answer = lambda *_: (302, headers, b"")
    assert "已拒绝" in failed(far, SourceChanged, None, {"auth": "api_key"}, api_key="key-4711").zh


def test_a_link_to_another_host_is_not_followed(far):
    page = {"kind": "link", "start": 0, "rows": 1}
    body = {"data": {"list": [{"id": "1", "name": "甲"}]}}
    far.answer = lambda *_: (200, {"Link": '<http://elsewhere.invalid:1x/rows?token=s3cret>; rel="next"'}, body)
    assert "已拒绝" in failed(far, SourceChanged, system({"page": page})).zh


def test_no_error_shows_a_query(far):
    far.answer = lambda *_: (404, {}, {"msg": "无"})
    failed(far, SourceChanged, system({"params": {"sign": "s3cret"}}))
    assert far.asked[0][1]["sign"] == "s3cret"


@pytest.mark.parametrize(
    "options",
    [
        {"url": "ftp://a.invalid"}, {"url": "file:///etc/passwd"}, {"url": "http://u:p@a.invalid"}, {"url": "http://a.invalid?key=1"},
        {"url": "http://a.invalid", "auth": "token"}, {"url": "http://a.invalid:port"}, {"url": "http://a.invalid", "tokn": 1},
    ],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options):
    with pytest.raises(ValidationError):
        RestConnection.model_validate(options)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ({"page": {"kind": "cursor"}}, "page.next"),
        ({"since": {"lower": "a"}}, "since needs cursor"),
        ({"whole": "per file"}, "whole"),
    ],
)
def test_words_that_cannot_stand_together_are_told(words, named):
    with pytest.raises(ValidationError) as caught:
        RestRead.model_validate({"path": "/a", **words})
    (problem,) = caught.value.errors()
    assert named in problem["ctx"]["en"]
    assert problem["ctx"]["zh"]


# --- a diagnosis


def test_a_diagnosis_says_what_a_clerk_can_act_on(far):
    far.rows = [{"id": "1", "name": "甲", "t": "2026-03-01 08:00:00"}]
    of = system(INCREMENTAL)
    found = {f.what: f for f in opened(far, of).check()}
    assert found["TLS"].ok is None
    assert found["civil_affairs/elderly/person"].ok
    assert found["clock"].ok
    assert len(found) == 3


def test_a_diagnosis_finds_a_window_that_is_not_heeded(far):
    far.rows = [{"id": "1", "name": "甲", "t": "2026-03-01 08:00:00"}]
    of = system({**INCREMENTAL, "since": {"lower": "begin"}})
    (found,) = [f for f in opened(far, of).check() if f.ok is False]
    assert "begin" in found.zh
    assert found.next_zh


def test_a_diagnosis_finds_a_clock_that_is_off(far):
    body = {"data": {"total": 0, "list": []}}

    def off(handler):
        handler.send_response_only(200)
        content = json.dumps(body).encode()
        handler.send_header("Date", "Sun, 01 Mar 2026 00:00:00 GMT")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    far.answer = lambda *_: off
    found = {f.what: f for f in opened(far, system()).check()}
    assert found["clock"].ok is False


def test_a_diagnosis_of_a_dead_interface_asks_once(far):
    far.answer = lambda *_: "hang up"
    found = opened(far, system()).check()
    assert [f.ok for f in found] == [None, False, None]
    assert len(far.asked) == 1


def test_what_is_there_is_told_with_its_types(far):
    far.rows = [{"id": 1, "name": "甲", "more": {"a": 1}, "none": None}]
    (found,) = opened(far, system()).discover()
    assert (found.name, found.key, found.rows) == ("/rows", ("id",), 1)
    assert [(c.name, c.type) for c in found.columns] == [("id", "number"), ("name", "string"), ("more", "object"), ("none", "null")]
