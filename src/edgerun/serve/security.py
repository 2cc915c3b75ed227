"""Who may look: bearer tokens in front of the application."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable, Sequence
from http.cookies import CookieError, SimpleCookie
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from edgerun.errors import ConfigError

_COOKIE = "edgerun_token"
# What RFC 6750 allows in a bearer token.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,256}")
_OPEN_PATHS = frozenset(("/healthz",))
_ASK = """<!doctype html><html lang="en"><meta charset="utf-8"><title>edgerun</title>
<meta name="viewport" content="width=device-width">
<form><label>Token <input name="token" type="password" autocomplete="current-password" autofocus>
</label> <button>Open</button></form></html>"""


def check_tokens(tokens: Iterable[str], where: str) -> tuple[str, ...]:
    """The tokens, each of them long enough and of characters that every client can send.

    Raises ConfigError, without the token.
    """
    found = tuple(tokens)
    for number, token in enumerate(found, 1):
        if not _TOKEN.fullmatch(token):
            raise ConfigError(
                f"{where}: token {number} must have 16 to 256 characters, letters, digits and any "
                f"of -._~+/=, got {len(token)} characters."
            )
    return found


def read_tokens(path: Path) -> tuple[str, ...]:
    """The tokens of a file, one on each line; empty lines and lines with # do not count."""
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: the tokens cannot be read: {error}.") from error
    tokens = check_tokens((line for line in lines if line and line[0] != "#"), str(path))
    if not tokens:
        raise ConfigError(f"{path}: there is no token, expected one on each line.")
    return tokens


def protect(app: ASGIApp, tokens: Sequence[str]) -> ASGIApp:
    """`app` for those who bring one of the tokens; `app` itself where there are none.

    A token comes as `Authorization: Bearer TOKEN`, in the query (?token=) or in the cookie that a
    visit of the page with ?token= leaves. /healthz is open.
    """
    return _Guard(app, tokens) if tokens else app


class _Guard:
    def __init__(self, app: ASGIApp, tokens: Sequence[str]) -> None:
        self._app = app
        self._digests = [_digest(token) for token in tokens]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or scope["path"] in _OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        query = scope["query_string"].decode("latin-1")
        asked = parse_qs(query).get("token", [""])[-1]
        if scope["type"] == "http" and scope["path"] == "/" and self._knows(asked):
            await _remember(asked, query, scope)(scope, receive, send)
        elif any(map(self._knows, (asked, _bearer(headers), _cookie(headers)))):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await _refuse(scope["path"])(scope, receive, send)

    def _knows(self, token: str) -> bool:
        """In a time that tells nothing about the tokens."""
        digest = _digest(token)
        found = [hmac.compare_digest(digest, known) for known in self._digests]
        return any(found)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _bearer(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _cookie(headers: Headers) -> str:
    try:
        cookies = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return ""
    return cookies[_COOKIE].value if _COOKIE in cookies else ""


def _remember(token: str, query: str, scope: Scope) -> Response:
    """The page again, with the token in a cookie instead of the address."""
    rest = urlencode([(key, value) for key, value in parse_qsl(query) if key != "token"])
    response = RedirectResponse("./" + (f"?{rest}" if rest else ""), 303)
    secure = scope.get("scheme") == "https"
    response.set_cookie(_COOKIE, token, httponly=True, samesite="strict", secure=secure)
    response.headers["Cache-Control"] = "no-store"
    return response


def _refuse(path: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"}
    if path == "/":
        policy = "default-src 'none'; form-action 'self'; frame-ancestors 'none'"
        return HTMLResponse(_ASK, 401, {**headers, "Content-Security-Policy": policy})
    sentence = "A token is needed: send the header Authorization: Bearer TOKEN."
    return JSONResponse({"error": sentence}, 401, headers)
