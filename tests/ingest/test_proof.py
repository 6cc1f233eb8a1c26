"""Proof of a name and a password: the example of RFC 7616 (3.9.1), and which challenge is answered."""

from __future__ import annotations

import hashlib

import pytest

from retrieval.ingest.proof import Credentials, digest, proof

KNOWN = Credentials("Mufasa", "Circle of Life")
NONCE, CNONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
     ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1")],
)  # fmt: skip
def test_the_example_of_the_rfc(algorithm, response):
    asked = {"realm": "http-auth@example.org", "qop": "auth", "algorithm": algorithm, "nonce": NONCE, "opaque": "FQhe"}
    told = digest(KNOWN, asked, path="/dir/index.html", cnonce=CNONCE)
    assert f'response="{response}"' in told
    assert 'opaque="FQhe"' in told
    assert "nc=00000001" in told


def test_without_qop_it_is_that_of_rfc_2069():
    def md5(text):
        return hashlib.md5(text.encode()).hexdigest()

    told = proof(KNOWN, ['Digest realm="a \\"b\\"", nonce="n"'], path="/x?y=1")
    expected = md5(":".join([md5('Mufasa:a "b":Circle of Life'), "n", md5("GET:/x?y=1")]))
    assert f'response="{expected}"' in told
    assert 'realm="a \\"b\\""' in told
    assert "nc=" not in told


@pytest.mark.parametrize(
    ("challenges", "kind"),
    [
        ([], "Basic TXVmYXNhOkNpcmNsZSBvZiBMaWZl"),
        (
            ['Basic realm="x"', 'Digest realm="x", nonce="n", algorithm=SHA-256', 'Digest realm="x", nonce="n"'],
            "SHA-256",
        ),
        (['Digest realm="x", nonce="n", qop="auth-int"'], "Basic"),
        (['Digest realm="x", nonce="n", algorithm=SHA-512-256'], "Basic"),
    ],
)
def test_which_challenge_is_answered(challenges, kind):
    assert kind in proof(KNOWN, challenges, path="/")


def test_a_password_is_not_printed():
    assert "Circle" not in repr(KNOWN)
