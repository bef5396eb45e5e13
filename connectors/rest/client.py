"""One question to a REST interface and its answer as JSON: proof of who asks, patience, limits, errors hidden in a 200.

    Client.ask(who, path or link, parameters)  ->  Reply

Numbers keep the text they came with. Nothing that leaves here, errors included, holds a token, a password or a query.
"""

from __future__ import annotations

import base64
import json
import os
import random
import re
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from urllib3.exceptions import HTTPError as Broken

from connectors.rest.json import Unclear, decoded, held, loads, text
from connectors.rest.words import RestConnection
from connectors.wording import Who
from schemas.errors import AccountRefused, SourceChanged, SourceError, SourceRefused, SourceUnavailable, SystemUnreachable
from schemas.registration import Limits
from schemas.secrets import Secret

_BROKEN_OFF = ("应答在中途断了（JSON 不完整）", "the answer breaks off (incomplete JSON)")
LARGEST = 64 << 20  # bytes of one answer, unpacked
TRIES = 4
_LONGEST_PAUSE = 30.0
_REDIRECTS = 3
_CHUNK = 1 << 16
_TOKENS = ("token", "access_token", "data.token", "data.access_token", "data.accessToken", "result.token", "data")
_MESSAGES = ("msg", "message", "error_description", "errmsg", "error")
_REFUSING = re.compile(
    "密码|口令|密钥|令牌|凭证|签名|未登录|登录|权限|未授权|授权|认证|鉴权|账号|停用|token|unauthori|forbidden|permission|credential|password|api.?key",
    re.IGNORECASE,
)
_PASSING = re.compile(
    "繁忙|稍后|稍候|超时|频繁|限流|系统异常|内部错误|busy|timeout|time-out|timed out|try again|internal error|too many", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Reply:
    body: Any
    url: str
    following: str | None = None  # the Link header's rel="next"
    date: str | None = None  # the far side's clock


class Passing(Exception):
    """It may work if asked again: why, in two languages, and how long the far side asked us to wait."""

    def __init__(self, zh: str, en: str, wait: float | None = None, *, connected: bool = True) -> None:
        super().__init__(en)
        self.zh, self.en, self.wait, self.connected = zh, en, wait, connected


class Client:
    """Asks one interface. Close it after use; one thread at a time."""

    pause = staticmethod(time.sleep)

    def __init__(self, options: RestConnection, limits: Limits, secret: Secret) -> None:
        self.options, self.limits, self._secret = options, limits, secret
        self._session = requests.Session()
        self._session.trust_env = False  # no .netrc, no proxy that nobody registered
        self._session.verify = (os.environ.get("REQUESTS_CA_BUNDLE") or True) if options.verify else False
        self._session.headers.update({"Accept": "application/json", "User-Agent": "lianshu"})
        self._token: str | None = None
        self._turned_away: SourceRefused | None = None
        self._last = 0.0
        self._tries = TRIES
        self.until = time.monotonic() + limits.patience.total_seconds()

    def begin(self, tries: int = TRIES) -> None:
        """A new pull: `limits.patience` counts from here."""
        self._tries = tries
        self.until = time.monotonic() + self.limits.patience.total_seconds()

    def unsaid(self) -> AbstractContextManager[None]:
        """What an answer holds may be a secret of ours: errors that quote one leave it out."""
        return self._secret.unsaid(self._token)

    def scrub(self, text: str) -> str:
        return self._secret.scrub(text, self._token)

    def close(self) -> None:
        self._token = None
        self._session.close()

    def ask(self, who: Who, path: str, params: Mapping[str, str] | None = None) -> Reply:
        """The answer to a GET. `path` may be a whole link, as long as it leads to the same place."""
        with self._secret.unsaid(self._token):
            return self._asked(who, path, params)

    def _asked(self, who: Who, path: str, params: Mapping[str, str] | None) -> Reply:
        if path.startswith(("http://", "https://")):
            self._same_place(who, path)
            url = path
        else:
            url = self.options.url.rstrip("/") + "/" + path.lstrip("/")
        kept = self._token
        try:
            return self._patiently(who, "GET", url, params)
        except SourceRefused:
            if kept is None or self._token is not kept:
                raise
            self._token = None  # it may only have run out; a fresh one is asked for once
            return self._patiently(who, "GET", url, params)

    def _patiently(
        self, who: Who, method: str, url: str, params: Mapping[str, str] | None, json_body: Any = None, form: Any = None
    ) -> Reply:
        for attempt in range(1, self._tries + 1):
            try:
                return self._once(who, method, url, params, json_body, form)
            except Passing as passing:
                if time.monotonic() >= self.until:
                    raise self._too_long(who, url) from None
                wait = passing.wait
                if wait is None:
                    wait = min(_LONGEST_PAUSE, 0.5 * 2 ** (attempt - 1)) * random.uniform(0.5, 1.5)
                if attempt == self._tries or time.monotonic() + wait > self.until:
                    raise self._unavailable(who, url, passing, attempt) from None
                self.pause(wait)
        raise AssertionError

    def _once(self, who: Who, method: str, url: str, params: Mapping[str, str] | None, json_body: Any, form: Any) -> Reply:
        asking_token = method == "POST"
        headers = {} if asking_token else self._proof(who)
        for _ in range(_REDIRECTS + 1):
            self._in_time(who, url)
            try:
                with self._session.request(
                    method,
                    url,
                    params=params,
                    headers=headers,
                    json=json_body,
                    data=form,
                    timeout=self._timeout(),
                    stream=True,
                    allow_redirects=False,
                ) as response:
                    if response.is_redirect and not asking_token:
                        url, params = self._redirected(who, url, response), None
                        continue
                    content = self._content(who, url, response)
                    return self._judged(who, url, response, content)
            except UnicodeError:
                raise self._refused(who, url, "secret", "密钥中有不能放进请求头的字符") from None
            except (requests.exceptions.RequestException, Broken, OSError) as error:
                if isinstance(error, requests.exceptions.SSLError) and "certificate" in str(error).lower():
                    raise self._refused_tls(who, url) from None
                raise _trouble(error, self.limits.timeout.total_seconds()) from None
        raise SourceChanged(
            f"{who}: {_shown(url)} 反复跳转",
            f"{who}: {_shown(url)} keeps redirecting",
            next_zh="核对 connection.url；地址无误的，请系统运维单位检查",
            next_en="check connection.url; if it is right, have the operator look",
        )

    def _timeout(self) -> float:
        return max(0.1, min(self.limits.timeout.total_seconds(), self.until - time.monotonic()))

    def _in_time(self, who: Who, url: str) -> None:
        """Wait for our turn; raises when the patience for the whole pull is used up."""
        rate = self.limits.requests_per_second
        if rate:
            ahead = self._last + 1 / rate - time.monotonic()
            if ahead > 0:
                self.pause(ahead)
        self._last = time.monotonic()
        if self._last > self.until:
            raise self._too_long(who, url)

    def _content(self, who: Who, url: str, response: requests.Response) -> bytes:
        """The body, no larger than LARGEST and no later than limits.timeout."""
        late = time.monotonic() + self.limits.timeout.total_seconds()
        pieces, size = [], 0
        while piece := response.raw.read1(_CHUNK, decode_content=True):  # what has come, without waiting for more
            pieces.append(piece)
            size += len(piece)
            if size > LARGEST:
                raise SourceChanged(
                    f"{who}: {_shown(url)} 的一次应答超过 {LARGEST >> 20} MB",
                    f"{who}: one answer of {_shown(url)} is larger than {LARGEST >> 20} MB",
                    next_zh="调小 read.page.rows；接口不分页的，请其提供分页",
                    next_en="lower read.page.rows; an interface without pages should offer them",
                )
            if time.monotonic() > late:
                raise Passing("应答太慢，没有在 limits.timeout 内传完", "the answer was not through within limits.timeout")
        return b"".join(pieces)

    def _judged(self, who: Who, url: str, response: requests.Response, content: bytes) -> Reply:
        status = response.status_code
        if status == 429 or status in (408, 425) or status >= 500:
            raise Passing(f"HTTP {status}", f"HTTP {status}", _wait(response.headers.get("Retry-After")))
        body = _parsed(who, url, response, content, strict=status < 300)
        if status in (401, 403):
            raise self._refused(who, url, f"HTTP {status}", self._message(body))
        if status >= 300:
            raise SourceChanged(
                f"{who}: {_shown(url)} 应答 HTTP {status}{self._quoted(body)}",
                f"{who}: {_shown(url)} answered HTTP {status}{self._quoted(body)}",
                next_zh=f"核对 systems/{who.system}.yml 的 url、path、params；接口有变更的，请系统主管部门说明",
                next_en=f"check url, path and params in systems/{who.system}.yml; ask the owner if the interface changed",
            )
        self._fine(who, url, body)
        following = response.links.get("next", {}).get("url")
        return Reply(body, url, urljoin(url, following) if following else None, response.headers.get("Date"))

    def _fine(self, who: Who, url: str, body: Any) -> None:
        """An answer with HTTP 200 may still be an error."""
        ok = self.options.ok
        if ok is None:
            return
        try:
            mark = text(held(body, ok.path))
        except KeyError as missing:
            have = missing.args[1]
            raise SourceChanged(
                f"{who}: {_shown(url)} 的应答没有成功标志 {ok.path}；现有：{'、'.join(have)}",
                f"{who}: the answer of {_shown(url)} lacks the mark of success {ok.path}; it has: {', '.join(have)}",
                next_zh="核对 connection.ok.path，或请系统主管部门说明接口变更",
                next_en="check connection.ok.path, or ask the owner what changed",
            ) from None
        if mark in ok.values:
            return
        said = self._message(body)
        if mark in ok.refused or mark in ("401", "403") or _REFUSING.search(said):
            raise self._refused(who, url, f"{ok.path}={self._clean(str(mark))}", said)
        if mark in ("429", "500", "502", "503", "504") or _PASSING.search(said):
            raise Passing(f"{ok.path}={mark}{self._quoted(body)}", f"{ok.path}={mark}{self._quoted(body)}")
        raise SourceChanged(
            f"{who}: {_shown(url)} 报错 {ok.path}={self._clean(str(mark))}{self._quoted(body)}；成功应为 {'、'.join(ok.values)}",
            f"{who}: {_shown(url)} says {ok.path}={self._clean(str(mark))}{self._quoted(body)}; success is {', '.join(ok.values)}",
            next_zh="把上面的原话告诉系统主管部门；参数有误的，修改 read.params 或 read.since",
            next_en="tell the owner what it said; if a parameter is wrong, edit read.params or read.since",
        )

    def _proof(self, who: Who) -> dict[str, str]:
        """The header that says who asks."""
        options = self.options
        match options.auth:
            case "none":
                return {}
            case "api_key":
                return {options.header or "X-Api-Key": self._known(who, "api_key")}
            case "basic":
                pair = f"{self._known(who, 'user')}:{self._known(who, 'password')}"  # in UTF-8 (RFC 7617): requests knows Latin-1 only
                return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
            case "bearer":
                token = self._known(who, "token")
            case "token":
                self._token = token = self._token or self._fetched(who)
        return {options.header: token} if options.header else {"Authorization": f"Bearer {token}"}

    def _fetched(self, who: Who) -> str:
        """A new token for user and password."""
        options, login = self.options, self.options.login
        url = str(options.token_url)
        if self._turned_away:
            raise self._turned_away
        given = {login.user: self._known(who, "user"), login.password: self._known(who, "password"), **login.more}
        try:
            reply = self._patiently(who, "POST", url, None, **({"form": given} if login.form else {"json_body": given}))
        except SourceRefused as error:
            self._turned_away = error  # the same password again and again would lock the account
            raise
        for path in (options.token_path,) if options.token_path else _TOKENS:
            try:
                token = held(reply.body, path)
            except KeyError:
                continue
            if isinstance(token, str) and token:
                return str(token)
        raise SourceChanged(
            f"{who}: {_shown(url)} 的应答中没有令牌（{options.token_path or '、'.join(_TOKENS)}）",
            f"{who}: the answer of {_shown(url)} holds no token at {options.token_path or ', '.join(_TOKENS)}",
            next_zh="在 connection 中写明 token_path",
            next_en="give token_path in the connection",
        )

    def _known(self, who: Who, word: str) -> str:
        value: str | None = getattr(self._secret, word)
        if not value:
            raise SourceRefused(
                f"{who}: 认证方式 {self.options.auth} 需要密钥中的 {word}，密钥库中没有",
                f"{who}: auth {self.options.auth} needs {word}, which the secret lacks",
                next_zh="在 secrets.yml 中补上后重试",
                next_en="add it to secrets.yml and try again",
            )
        return value

    def _same_place(self, who: Who, link: str) -> None:
        if _origin(link) != _origin(self.options.url):
            raise SourceChanged(
                f"{who}: 接口把我们引向另一台主机 {_origin(link)}，已拒绝；登记的是 {_origin(self.options.url)}",
                f"{who}: the interface leads to another host, {_origin(link)}, which is refused; registered is {_origin(self.options.url)}",
                next_zh="请系统主管部门确认地址；确有变更的，修改 connection.url",
                next_en="ask the owner for the address; if it moved, edit connection.url",
            )

    def _redirected(self, who: Who, url: str, response: requests.Response) -> str:
        target = urljoin(url, response.headers["Location"])
        self._same_place(who, target)
        return target

    def _message(self, body: Any) -> str:
        for path in (self.options.message,) if self.options.message else _MESSAGES:
            try:
                said = held(body, path)
            except KeyError:
                continue
            if isinstance(said, str) and said:
                return self._clean(said)
        return ""

    def _clean(self, said: str) -> str:
        """What the far side said, without secrets, long numbers (a person's, perhaps) and length."""
        said = self.scrub(said)
        return re.sub(r"\d{7,}[\dXx]?", "***", said)[:200]

    def _quoted(self, body: Any) -> str:
        said = self._message(body)
        return f"：“{said}”" if said else ""

    def _refused(self, who: Who, url: str, mark: str, said: str) -> SourceRefused:
        quoted = f"：“{said}”" if said else ""
        return SourceRefused(
            f"{who}: {_shown(url)} 拒绝访问（{mark}）{quoted}",
            f"{who}: {_shown(url)} refused us ({mark}){quoted}",
            next_zh="请系统主管部门核对账号、密钥有效期和权限，再更新密钥库",
            next_en="ask the owning department about the account, its key and its rights, then update the secret",
        )

    def _refused_tls(self, who: Who, url: str) -> SourceError:
        who = Who(who.system)
        return AccountRefused(
            f"{who}: {_origin(url)} 的证书不受信任",
            f"{who}: the certificate of {_origin(url)} is not trusted",
            next_zh="请系统运维单位更换证书，或把签发机构的证书加入 REQUESTS_CA_BUNDLE 指向的文件",
            next_en="have the operator replace it, or add the issuer's certificate to the file REQUESTS_CA_BUNDLE names",
        )

    def _too_long(self, who: Who, url: str) -> SourceUnavailable:
        seconds = self.limits.patience.total_seconds()
        return SourceUnavailable(
            f"{who}: 读取 {_shown(url)} 超过 limits.patience（{seconds:g} 秒）仍未读完",
            f"{who}: reading {_shown(url)} was not finished within limits.patience ({seconds:g} s)",
            next_zh="枢纽会自动重试；经常发生时请调大 limits.patience 或 page.rows",
            next_en="the hub tries again; if it happens often, raise limits.patience or page.rows",
        )

    def _unavailable(self, who: Who, url: str, passing: Passing, tries: int) -> SourceUnavailable:
        unavailable = SourceUnavailable
        if not passing.connected:
            unavailable, who = SystemUnreachable, Who(who.system)
        return unavailable(
            f"{who}: {_shown(url)} 试了 {tries} 次都没有成功：{self._clean(passing.zh)}",
            f"{who}: {_shown(url)} failed {tries} times: {self._clean(passing.en)}",
            next_zh="枢纽会自动重试；持续不通请联系系统运维单位",
            next_en="the hub tries again; if it lasts, call the operator",
        )


def _parsed(who: Who, url: str, response: requests.Response, content: bytes, *, strict: bool) -> Any:
    """The JSON of a body; with `strict` off, None when it is none."""
    try:
        charset = re.search(r"charset=\"?([\w-]+)", response.headers.get("Content-Type", ""))
        said = decoded(content, charset[1] if charset else None)
        return loads(said)
    except (UnicodeDecodeError, LookupError) as error:
        if strict and "unexpected end" in str(error):
            raise Passing(*_BROKEN_OFF) from None
        problem = ("不是它所说的编码", "is not in the encoding it claims")
    except RecursionError:
        problem = ("嵌套太深", "is nested too deeply")
    except Unclear as error:
        problem = (error.zh, error.en)
    except json.JSONDecodeError as error:
        whole = len(error.doc.rstrip())
        if strict and (error.pos >= whole - len("false") or "Unterminated" in error.msg):
            raise Passing(*_BROKEN_OFF) from None
        page = said.lstrip()[:1] == "<"
        problem = ("是网页，不是 JSON", "is a web page, not JSON") if page else ("不是 JSON", "is not JSON")
    if not strict:
        return None
    raise SourceChanged(
        f"{who}: {_shown(url)} 的应答{problem[0]}",
        f"{who}: the answer of {_shown(url)} {problem[1]}",
        next_zh="核对 connection.url 和 read.path；地址无误的，请系统主管部门说明",
        next_en="check connection.url and read.path; if they are right, ask the owner",
    )


def _shown(url: str) -> str:
    """The address without its query."""
    return url.partition("?")[0]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    try:
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    except ValueError:
        port = -1
    return f"{parts.scheme}://{parts.hostname}:{port}"


def _wait(header: str | None) -> float | None:
    """Retry-After in seconds; its other form, a date, is answered with our own pause."""
    return float(header) if header and header.strip().isdigit() else None


def _trouble(error: Exception, timeout: float) -> Passing:
    if isinstance(error, requests.exceptions.ConnectTimeout):
        return Passing(f"{timeout:g} 秒内连不上", f"no connection within {timeout:g} s", connected=False)
    if isinstance(error, requests.exceptions.Timeout) or "timed out" in str(error).lower():
        return Passing(f"{timeout:g} 秒内没有应答（limits.timeout）", f"no answer within {timeout:g} s (limits.timeout)")
    if "refused" in str(error).lower():
        return Passing("连接被拒绝，服务可能没有启动", "the connection was refused; the service may be down", connected=False)
    if "resolve" in str(error).lower():
        return Passing("主机名无法解析", "the host name does not resolve", connected=False)
    return Passing(f"连接中断（{type(error).__name__}）", f"the connection broke ({type(error).__name__})")
