"""The mail server's URL, and the address by which mails name the site."""

from __future__ import annotations

import pytest

from imagesearch import mailing
from imagesearch.mailing import Server

SITE = "https://pictures.example:8443"


@pytest.mark.parametrize(
    ("url", "wanted"),
    [
        ("", Server("", 0, "", "", tls=False, ssl=False, sender="")),
        ("smtp://mail.example", Server("mail.example", 25, "", "", False, False, "imagesearch@pictures.example")),
        (
            "smtp+tls://ada:a%40b@mail.example?from=ada@example.org",
            Server("mail.example", 587, "ada", "a@b", True, False, "ada@example.org"),
        ),
        ("smtps://[::1]:2465/?from=ada@example.org", Server("::1", 2465, "", "", False, True, "ada@example.org")),
    ],
)
def test_the_server_and_the_sender_are_read_from_the_url(url, wanted):
    assert mailing.server(url, site=SITE) == wanted


@pytest.mark.parametrize(
    ("origins", "hosts", "https", "wanted"),
    [
        ((SITE,), ("pictures.example",), True, SITE),
        ((), ("localhost", "127.0.0.1", ".example", "pictures.example"), True, "https://pictures.example"),
        ((), ("pictures.example",), False, "http://pictures.example"),
        ((), ("localhost", "[::1]"), False, "http://localhost:8000"),
    ],
)
def test_the_site_is_named_as_browsers_reach_it(origins, hosts, https, wanted):
    assert mailing.site(origins, hosts, https=https, port=8000) == wanted
