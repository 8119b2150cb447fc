"""The page is for those who know the token, and for nobody else's pages."""

import pytest

pytest.importorskip("uvicorn", reason="the extra web is not installed")
pytest.importorskip("starlette", reason="the extra web is not installed")

from page_client import TOKEN, ask, log_in, post, serving, watching

from edge_runtime.errors import OutputError, UsageError
from edge_runtime.page.access import LASTS_S, Access
from edge_runtime.page.address import PageAddress
from edge_runtime.page.attempts import OF_ALL, PER_PEER, WITHIN_S, Attempts
from edge_runtime.page.server import PageServer
from edge_runtime.page.token import token_for

GETS = ("/api/machines", "/api/live?machine=pump", "/api/trend?machine=pump&since=0&until=9&points=9",
        "/api/sensors?machine=pump&sensor=flow&since=0&until=9&points=9", "/api/alarms?machine=pump")  # fmt: skip


@pytest.fixture
def guarded(monkeypatch):
    monkeypatch.setenv("SAELITE_WEB_TOKEN", TOKEN)
    with serving("0.0.0.0") as (server, _):  # noqa: S104 - what is tested
        yield server.port


@pytest.fixture
def local(monkeypatch):
    monkeypatch.delenv("SAELITE_WEB_TOKEN", raising=False)
    with serving() as (server, _):
        yield server.port


@pytest.mark.parametrize("spec", ["web:0.0.0.0:8090", "web:[::]:8090", "web:192.168.1.7:80", "web:pump.example:80"])
def test_beyond_this_computer_it_refuses_to_start_without_a_token(spec):
    with pytest.raises(UsageError, match="can be reached from other computers, and has no token"):
        token_for(PageAddress.parse(spec), {})


@pytest.mark.parametrize("spec", ["web", "web:9000", "web:localhost:9000", "web:[::1]:9000", "web:127.0.0.2:9000"])
def test_on_this_computer_alone_it_needs_none(spec):
    assert token_for(PageAddress.parse(spec), {}) == ""


@pytest.mark.parametrize("spec", ["web:", "web:port", "web:host", "web:99999", "web:a:b:80", "webs"])
def test_address_of_another_form_is_refused(spec):
    with pytest.raises(UsageError, match=r"expected web\[:\[HOST:\]PORT\]"):
        PageAddress.parse(spec)


def test_token_that_can_be_guessed_is_refused():
    with pytest.raises(UsageError, match="at least 16 characters"):
        token_for(PageAddress(), {"SAELITE_WEB_TOKEN": "secret"})


def test_token_is_read_from_a_file_before_the_environment(tmp_path):
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    environment = {"SAELITE_WEB_TOKEN_FILE": str(tmp_path / "token"), "SAELITE_WEB_TOKEN": "x" * 20}
    assert token_for(PageAddress(), environment) == TOKEN
    with pytest.raises(UsageError, match="cannot read SAELITE_WEB_TOKEN_FILE"):
        token_for(PageAddress(), {"SAELITE_WEB_TOKEN_FILE": str(tmp_path / "none")})
    (tmp_path / "token").write_text(" \n")
    with pytest.raises(UsageError, match="is empty"):
        token_for(PageAddress(), environment)


def test_taken_port_is_an_error_that_names_it(local):
    with pytest.raises(OutputError, match=f"cannot serve the page on 127.0.0.1:{local}"):
        PageServer(PageAddress("127.0.0.1", local), print)


@pytest.mark.parametrize("path", GETS)
def test_without_a_cookie_nothing_is_told(guarded, path):
    assert ask(guarded, path)[0] == 401
    assert ask(guarded, path, Cookie="saelite=1", Authorization="Basic YTpi")[0] == 401


def test_page_itself_holds_nothing_and_is_given_to_everybody(guarded):
    status, _, body = ask(guarded, "/")
    assert status == 200
    assert b"pump" not in body
    assert TOKEN.encode() not in body


def test_token_gives_a_cookie_that_scripts_cannot_read_and_that_opens_the_page(guarded):
    status, cookie = log_in(guarded)
    assert status == 200
    assert {"HttpOnly", "SameSite=Strict", "Path=/", f"Max-Age={LASTS_S}"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    assert ask(guarded, "/api/machines", Cookie=cookie.partition(";")[0])[0] == 200
    with watching(guarded, Cookie=cookie.partition(";")[0]) as answer:
        assert answer.status == 200


def test_cookie_is_kept_off_plain_http_where_the_page_came_encrypted(guarded):
    _, cookie = log_in(guarded, Origin="https://page.example", host="page.example")
    assert "Secure" in cookie.split("; ")


def test_scripts_send_the_token_as_bearer(guarded):
    assert ask(guarded, "/api/machines", Authorization=f"Bearer {TOKEN}")[0] == 200
    assert ask(guarded, "/api/machines", Authorization=f"Bearer {TOKEN[:-1]}")[0] == 401


def test_whoever_guesses_must_wait_and_the_others_need_not(guarded):
    _, cookie = log_in(guarded)
    for _ in range(PER_PEER):
        assert log_in(guarded, "x" * 20)[0] == 401
    status, headers, body = post(guarded, "/log-in", {"token": TOKEN})
    assert status == 429, "even the right one"
    assert 0 < int(headers["retry-after"]) <= WITHIN_S
    assert b"Too many failed attempts" in body
    assert ask(guarded, "/api/machines", Authorization=f"Bearer {TOKEN}")[0] == 429
    assert ask(guarded, "/api/machines", Cookie=cookie.partition(";")[0])[0] == 200


def test_attempts_are_forgotten_in_time_and_bounded_over_all():
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for number in range(OF_ALL):
        attempts.failed(f"10.0.{number}.1")
    assert attempts.wait_s("192.0.2.1") == WITHIN_S
    now[0] = WITHIN_S + 1
    assert attempts.wait_s("192.0.2.1") == 0


def test_neighbours_in_ipv6_share_their_attempts():
    attempts = Attempts(lambda: 0.0)
    for number in range(PER_PEER):
        attempts.failed(f"2001:db8::{number}")
    assert attempts.wait_s("2001:db8::ffff") > 0
    assert attempts.wait_s("2001:db8:0:1::") == 0


def test_cookie_ends_and_is_void_with_another_token_or_another_port():
    now = [1e9]
    access = Access(TOKEN, 8090, lambda: now[0])
    cookie = access.cookie(is_encrypted=False).partition(";")[0]
    assert access.allows(cookie, "")
    assert not Access(TOKEN + "!", 8090, lambda: now[0]).allows(cookie, "")
    assert not Access(TOKEN, 8091, lambda: now[0]).allows(cookie, "")
    until, _, proof = cookie.partition("=")[2].partition(".")
    assert not access.allows(f"saelite_8090={int(until) + 1}.{proof}", "")
    now[0] += LASTS_S
    assert not access.allows(cookie, "")


@pytest.mark.parametrize("cookie", ["saelite_8090=", "saelite_8090=9.é", "saelite_8090=9e9.0", 'saelite_8090="', ";=;"])
def test_cookie_that_is_none_opens_nothing(cookie):
    assert not Access(TOKEN, 8090).allows(cookie, "")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil", "[", ""]
)
def test_foreign_name_that_resolves_to_this_computer_is_refused(local, host):
    assert ask(local, "/api/machines", host=host or " ")[0] in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "localhost:9", "127.0.0.1", "[::1]:8090", "LOCALHOST"])
def test_this_computer_by_any_of_its_names_is_served(local, host):
    assert ask(local, "/api/machines", host=host)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_requests_of_other_sites_are_refused(local, headers):
    assert ask(local, "/api/machines", **headers)[0] == 403
    assert ask(local, "/api/mark", "POST", {"machine": "pump"}, **headers)[0] == 403


def test_link_on_another_site_may_lead_here(local):
    visit = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert ask(local, "/", **visit)[0] == 200
    assert ask(local, "/api/machines", **visit)[0] == 403


def test_change_without_an_origin_is_refused(local):
    assert ask(local, "/api/mark", "POST", {"machine": "pump"})[0] == 403
    assert ask(local, "/api/mark", "POST", {"machine": "none"}, Sec_Fetch_Site="same-origin")[0] == 404


@pytest.mark.parametrize("path", ["/api/mark", "/log-in", "/log-out"])
def test_nothing_changes_by_get(local, path):
    assert ask(local, path)[0] == 405


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{}", {"Content_Type": "text/plain"}, 415),
        (b"machine=pump", {"Content_Type": "application/x-www-form-urlencoded"}, 415),
        (b"x" * 5000, {"Content_Type": "application/json"}, 413),
        (b"{", {"Content_Type": "application/json"}, 400),
        (b"[" * 4000, {"Content_Type": "application/json"}, 400),
        (b"\xff\xfe", {"Content_Type": "application/json"}, 400),
        (b"[]", {"Content_Type": "application/json; charset=utf-8"}, 400),
        (b'{"machine": {}}', {"Content_Type": "application/json"}, 404),
    ],
)
def test_body_that_is_no_mark_is_refused(local, body, headers, status):
    assert post(local, "/api/mark", body, **headers)[0] == status


@pytest.mark.parametrize("path", ["/", "/assets/main.js", "/api/machines", "/none", "/assets/..%2fserver.py"])
def test_every_answer_has_the_security_headers(local, path):
    _, headers, _ = ask(local, path)
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == ("no-cache" if path in ("/", "/assets/main.js") else "no-store")
    assert "server" not in headers


def test_only_the_page_s_own_files_are_given(local):
    for path in ("/assets/..%2fserver.py", "/assets/../server.py", "/assets/", "/assets/none.js", "/assets/%00"):
        assert ask(local, path)[0] == 404
    status, headers, body = ask(local, "/assets/main.js")
    assert (status, headers["content-type"]) == (200, "text/javascript; charset=utf-8")
    assert ask(local, "/assets/main.js", If_None_Match=headers["etag"])[::2] == (304, b"")
    assert body
