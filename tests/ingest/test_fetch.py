"""Fetching by address: never from this machine or its neighbours, never more or longer than allowed."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from contextlib import suppress
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from retrieval.errors import InvalidInput, TooLarge
from retrieval.ingest.fetch import FetchRules, fetch
from retrieval.ingest.networks import is_own, is_public

HERE = FetchRules(most_bytes=1000, seconds=1, allowed=lambda address: address.is_loopback, ports=range(65536))


class Handler(BaseHTTPRequestHandler):
    """A server that moves, floods and stalls."""

    def do_GET(self):
        if self.path.startswith("/moved/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/moved/"))
            self.end_headers()
        elif self.path.startswith("/dawdle/"):
            time.sleep(0.4)
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/dawdle"))
            self.end_headers()
        elif self.path == "/half":
            self.send_response(200)
            self.send_header("Content-Length", "500")
            self.end_headers()
            self.wfile.write(b"x" * 100)
        elif self.path.startswith("/status/"):
            self.send_response(int(self.path[8:]))
            self.end_headers()
        else:
            self.send_response(200)
            self.end_headers()
            self.body()

    def body(self):
        if self.path == "/flood":
            self.wfile.write(b"x" * 5000)
        elif self.path == "/drip":
            with suppress(OSError):
                for _ in range(40):
                    self.wfile.write(b"x")
                    time.sleep(0.1)
        else:
            self.wfile.write(self.path.encode())

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    site = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.daemon_threads = True
    threading.Thread(target=site.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{site.server_port}"
    site.shutdown()
    site.server_close()


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.0.0.170", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("239.1.1.1", False),
        ("224.0.1.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a9fe:a9fe", False),
        ("2001:0:4136:e378:8000:63bf:f5ff:fffe", False),
        ("fec0::1", False),
        ("feff::1", False),
        ("3fff::1", False),
        ("3fff:fff:ffff::1", False),
        ("192.88.99.1", False),
        ("2002:c058:6301::1", False),
        ("192.31.196.1", False),
        ("192.175.48.1", False),
        ("2620:4f:8000::1", False),
        ("2001:db8::1", False),
        ("5f00::1", False),
        ("64:ff9b:1::a00:1", False),
        ("4000::1", False),
        ("::5db8:d822", False),
        ("64:ff9b::5db8:d822", True),
        ("2a00:1450:4001:800::200e", True),
    ],
)
def test_which_addresses_are_on_the_open_internet(address, public):
    assert is_public(ipaddress.ip_address(address)) is public


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0/",
        "http://localhost/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://169.254.169.254/latest/meta-data/",
    ],
)
def test_this_machine_and_its_neighbours_are_not_asked(url, monkeypatch):
    def connect(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(InvalidInput) as caught:
        fetch(url, FetchRules())
    assert caught.value.code == "url_not_allowed"
    assert "url" in caught.value.fields


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x",
        "file:///etc/passwd",
        "ftp://example.org/a.jpg",
        "gopher://example.org/",
        "data:image/png;base64,AAAA",
        "//example.org/a.jpg",
        "http://",
        "http://user:secret@example.org/",
        "http://example.org:99999/",
        "http://[::1/",
        "http://example.org/a b",
        "http://example.org/\r\nX: y",
    ],
)
def test_only_plain_web_addresses_are_taken(url):
    with pytest.raises(InvalidInput) as caught:
        fetch(url, FetchRules())
    assert caught.value.code == "url_not_allowed"


def test_a_picture_and_its_name(server):
    got = fetch(f"{server}/a%20b.jpg?x=1#part", HERE)
    assert (got.data, got.name) == (b"/a%20b.jpg?x=1", "a b.jpg")


def test_letters_of_any_script_may_stand_in_an_address(server):
    got = fetch(f"{server}/图片.jpg?q=ä&r=%20[1]", HERE)
    assert got.data == b"/%E5%9B%BE%E7%89%87.jpg?q=%C3%A4&r=%20[1]"
    assert got.name == "图片.jpg"


def test_the_time_is_for_all_hops_together(server):
    assert fetch(f"{server}/dawdle/end", HERE).data == b"/end"
    with pytest.raises(InvalidInput) as caught:
        fetch(f"{server}/dawdle/dawdle/dawdle/dawdle/end", HERE)
    assert caught.value.code == "url_unreachable"


def test_redirects_are_followed_and_counted(server):
    assert fetch(f"{server}/moved//end", HERE).data == b"/end"
    with pytest.raises(InvalidInput) as caught:
        fetch(f"{server}/moved/" * 7 + "end", replace(HERE, redirects=2))
    assert caught.value.code == "too_many_redirects"


@pytest.mark.parametrize("goal", ["http://10.0.0.1/", "http://[::1]/", "file:///etc/passwd", "ftp://x/"])
def test_every_redirect_is_checked(server, goal):
    rules = replace(HERE, allowed=lambda address: address == ipaddress.ip_address("127.0.0.1"))
    with pytest.raises(InvalidInput) as caught:
        fetch(f"{server}/moved/{goal}", rules)
    assert caught.value.code == "url_not_allowed"


def test_one_private_address_among_public_ones_refuses_the_name(monkeypatch):
    entries = [(0, 0, 0, "", ("93.184.216.34", 80)), (0, 0, 0, "", ("10.0.0.1", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    with pytest.raises(InvalidInput) as caught:
        fetch("http://rebind.example/", FetchRules())
    assert caught.value.code == "url_not_allowed"


def test_the_name_is_resolved_once_and_the_checked_address_is_connected(server, monkeypatch):
    answers = iter(["127.0.0.1", "10.0.0.1"])
    real, port = socket.getaddrinfo, int(server.rsplit(":", 1)[1])

    def changing(host, *args, **kwargs):
        return real(next(answers) if host == "rebind.example" else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", changing)
    assert fetch(f"http://rebind.example:{port}/x", HERE).data == b"/x"


def test_a_flood_is_cut(server):
    with pytest.raises(TooLarge):
        fetch(f"{server}/flood", HERE)


@pytest.mark.parametrize("path", ["/drip", "/half", "/status/404", "/status/500", "/status/204"])
def test_what_gives_no_picture_is_said(server, path):
    with pytest.raises(InvalidInput) as caught:
        fetch(server + path, HERE)
    assert caught.value.code == "url_unreachable"


def test_a_server_without_a_certificate_and_a_silent_one_are_said(server):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (server.rsplit(":", 1)[1], silent.getsockname()[1]):
            with pytest.raises(InvalidInput) as caught:
                fetch(f"https://127.0.0.1:{port}/", HERE)
            assert caught.value.code == "url_unreachable"


def test_a_closed_port_is_said():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(InvalidInput) as caught:
        fetch(f"http://127.0.0.1:{port}/", HERE)
    assert caught.value.code == "url_unreachable"


def test_a_name_inside_is_refused_like_one_that_does_not_exist(monkeypatch):
    def resolve(host, *_, **__):
        if host == "database.inside":
            return [(0, 0, 0, "", ("10.0.0.1", 80))]
        raise socket.gaierror(socket.EAI_NONAME, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    refusals = []
    for host in ("database.inside", "no-such-name.invalid"):
        with pytest.raises(InvalidInput) as caught:
            fetch(f"http://{host}/", FetchRules())
        refusals.append((caught.value.code, caught.value.message, caught.value.fields))
    assert refusals[0] == refusals[1]


PUBLIC = "93.184.216.34"


def refusal(url, rules):
    with pytest.raises(InvalidInput) as caught:
        fetch(url, rules)
    return caught.value.code


@pytest.fixture
def public(monkeypatch):
    """Every name leads to one public address, which answers nobody; the addresses that were connected."""
    asked = []

    def connect(where, **_):
        asked.append(where)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (PUBLIC, 80))])
    monkeypatch.setattr(socket, "create_connection", connect)
    return asked


@pytest.mark.parametrize(
    "url", ["http://a.example/", "https://a.example/", "http://a.example:443/", "https://a.example:80/"]
)
def test_the_two_ports_of_the_web_are_asked(public, url):
    assert refusal(url, FetchRules()) == "url_unreachable"
    assert public[0][0] == PUBLIC


@pytest.mark.parametrize("port", [1, 22, 25, 81, 444, 5432, 6379, 8000, 8080, 65535])
def test_no_other_port_is_asked(public, port):
    assert refusal(f"http://a.example:{port}/", FetchRules()) == "url_not_allowed"
    assert public == []
    assert refusal(f"http://a.example:{port}/", FetchRules(ports=range(65536))) == "url_unreachable"


def test_a_public_address_of_this_machine_is_not_asked(public, monkeypatch):
    assert refusal("http://a.example/", FetchRules()) == "url_unreachable"
    monkeypatch.setattr("retrieval.ingest.fetch.is_own", lambda address: str(address) == PUBLIC)
    assert refusal("http://a.example/", FetchRules()) == "url_not_allowed"
    assert len(public) == 1


def test_which_addresses_are_this_machines():
    assert is_own(ipaddress.ip_address("127.0.0.1"))
    assert not is_own(ipaddress.ip_address(PUBLIC))


def test_the_sites_own_name_is_not_asked_wherever_it_leads(public):
    assert refusal("http://a.example/", FetchRules(own_names=("pictures.example",))) == "url_not_allowed"
    assert public == []
