"""Who may look."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from edgerun.serve.security import protect

TOKEN = "0123456789abcdef"
OTHER = "fedcba9876543210"
PATHS = ("/", "/api/streams", "/stream/a.mjpg", "/metrics", "/healthz")

app = Starlette(routes=[Route(path, lambda r: PlainTextResponse("inside")) for path in PATHS])


def ask(url: str, headers: dict[str, str] | None = None, tokens=(OTHER, TOKEN), kind="http") -> Any:
    """Status, headers and body of a GET."""
    sent: list[dict] = []
    parts = urlsplit(url)
    scope = {
        "type": kind,
        "method": "GET",
        "path": parts.path,
        "query_string": parts.query.encode(),
        "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
        "scheme": "http",
    }

    async def receive() -> dict:
        return {"type": "http.request"}

    async def send(message: dict) -> None:
        sent.append(message)

    asyncio.run(protect(app, tokens)(scope, receive, send))
    if kind == "websocket":
        return sent
    answered = {k.decode(): v.decode() for k, v in sent[0]["headers"]}
    return sent[0]["status"], answered, b"".join(m.get("body", b"") for m in sent[1:]).decode()


@pytest.mark.parametrize("path", ["/api/streams", "/stream/a.mjpg", "/metrics", "/nowhere"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer "},
        {"Cookie": "edgerun_token=wrong"},
        {"Cookie": "edgerun_token="},
        {"Cookie": f"other={TOKEN}"},
    ],
)
def test_without_a_token_nothing_is_told(path, headers):
    status, answered, body = ask(path, headers)
    assert status == 401
    assert answered["www-authenticate"] == "Bearer"
    assert "inside" not in body and "token is needed" in body


@pytest.mark.parametrize("token", [TOKEN, OTHER])
def test_each_token_opens_in_each_way(token):
    assert ask("/metrics", {"Authorization": f"Bearer {token}"})[2] == "inside"
    assert ask("/metrics", {"Authorization": f"bearer  {token}"})[2] == "inside"
    assert ask("/stream/a.mjpg", {"Cookie": f"a=b; edgerun_token={token}"})[2] == "inside"
    assert ask(f"/stream/a.mjpg?token={token}")[2] == "inside"
    assert ask("/", {"Cookie": f"edgerun_token={token}"})[2] == "inside"


def test_a_token_of_every_character_survives_the_cookie():
    token = "aA0-._~+/=aA0-._~+/="
    _, answered, _ = ask("/?token=" + quote(token), tokens=(token,))
    cookie = answered["set-cookie"].partition(";")[0]
    assert ask("/metrics", {"Cookie": cookie}, tokens=(token,))[2] == "inside"


def test_the_page_asks_for_a_token_and_remembers_it_outside_the_address():
    status, answered, body = ask("/")
    assert status == 401
    assert '<input name="token" type="password"' in body
    assert "default-src 'none'" in answered["content-security-policy"]
    status, answered, _ = ask(f"/?a=1&token={TOKEN}")
    assert (status, answered["location"]) == (303, "./?a=1")
    cookie = answered["set-cookie"]
    assert cookie.startswith(f"edgerun_token={TOKEN};")
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    assert ask("/?token=wrong")[0] == 401


def test_health_is_open_and_so_is_everything_without_tokens():
    assert ask("/healthz")[2] == "inside"
    assert ask("/metrics", tokens=())[2] == "inside"


def test_websockets_are_closed():
    assert ask("/api/streams", kind="websocket") == [{"type": "websocket.close", "code": 1008}]


def test_odd_headers_do_no_harm():
    assert ask("/metrics", {"Cookie": "\x00=;;;=\x01\xff"})[0] == 401
    assert ask("/metrics?token=%ff%00")[0] == 401
