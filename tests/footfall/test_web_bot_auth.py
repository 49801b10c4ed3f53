"""Signatures of agents: the vector of RFC 9421, and what may differ without and with the verdict."""

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from support.signing_agent import AGENT, KEYS, SigningAgent

from footfall import agent_keys, web_bot_auth
from footfall.agent_keys import AgentKeys
from footfall.errors import FootfallError
from footfall.web_bot_auth import claim_of, origin_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
#: RFC 9421, B.1.4 and B.2.6.
RFC_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"}
RFC_HEADERS = {
    b"host": b"example.com",
    b"date": b"Tue, 20 Apr 2021 02:07:55 GMT",
    b"content-type": b"application/json",
    b"content-length": b"18",
}
RFC_PARAMS = (
    '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473'
    ';keyid="test-key-ed25519"'
)
RFC_SIGNATURE = "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="


@pytest.fixture
def keys(tmp_path):
    agent_keys.keep(tmp_path, AGENT, KEYS, NOW)
    return AgentKeys(tmp_path)


def verdict(keys, headers, *, method="POST", path="/collect", query=b"", now=NOW):
    found = claim_of(method, path, query, headers, keys.of, now)
    return found and found.verdict


def test_what_is_signed_is_put_together_as_the_example_of_the_rfc_has_it(tmp_path):
    found = agent_keys.keep(tmp_path, "https://example.com", json.dumps({"keys": [RFC_KEY]}).encode(), NOW)
    ((key_id, key),) = found.keys.items()
    components = RFC_PARAMS.partition(")")[0][1:].replace('"', "").split()

    base = web_bot_auth._base(components, RFC_PARAMS, "POST", "/foo", b"", RFC_HEADERS)

    # The thumbprint of this key that the draft of web bot auth gives.
    assert key_id == "poqkLGiymh_W0uP6PZFw-dvez3QJT5SolqXBCW38r0U"
    assert web_bot_auth._is_signed(key, RFC_SIGNATURE, base)
    assert not web_bot_auth._is_signed(key, RFC_SIGNATURE, base.replace(b"/foo", b"/bar"))


@pytest.mark.parametrize(
    "form", ['"https://agent.example"', 'sig1="https://agent.example/"', "https://agent.example"]
)
def test_an_agent_is_verified_however_it_writes_its_name(keys, form):
    headers = SigningAgent(NOW, named=form).headers("POST", "/collect", "collect.example")

    assert claim_of("POST", "/collect", b"", headers, keys.of, NOW).text == "verified agent.example"


@pytest.mark.parametrize(
    "covered", [("@authority",), ("@authority", "@method", "@path", "@query"), ("@authority", "@target-uri")]
)
def test_more_or_less_of_a_request_may_be_signed(keys, covered):
    headers = SigningAgent(NOW, covered=(*covered, "signature-agent")).headers(
        "POST", "/collect", "c.example", "a=1"
    )

    assert verdict(keys, headers, query=b"a=1") == "verified"


CHANGED = {
    "another host": ({b"host": b"evil.example"}, {}, "invalid"),
    "another path": ({}, {"path": "/track"}, "invalid"),
    "another method": ({}, {"method": "GET"}, "invalid"),
    "another agent's name": ({b"signature-agent": b'"https://chatgpt.com"'}, {}, "unknown_key"),
    "no signature": ({b"signature": b""}, {}, "unsigned"),
    "no input": ({b"signature-input": b""}, {}, "unsigned"),
    "nonsense": ({b"signature-input": b"sig1=((((((" * 300}, {}, "unsigned"),
    "a signature that is none": ({b"signature": b"sig1=:AAAA:"}, {}, "invalid"),
    "an hour later": ({}, {"now": NOW + timedelta(hours=1)}, "expired"),
    "an hour before": ({}, {"now": NOW - timedelta(hours=1)}, "expired"),
    "no name": ({b"signature-agent": b""}, {}, None),
    "a name that is no address": ({b"signature-agent": b'"ftp://x" "javascript:1"'}, {}, None),
}


@pytest.mark.parametrize("case", CHANGED)
def test_what_is_changed_after_it_was_signed_is_not_verified(keys, case):
    changed, asked, expected = CHANGED[case]
    headers = SigningAgent(NOW).headers("POST", "/collect", "collect.example") | changed

    assert verdict(keys, headers, **asked) == expected


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (SigningAgent(NOW, seconds=90_000), "expired"),
        (SigningAgent(NOW, tag="something-else"), "unsigned"),
        (SigningAgent(NOW, covered=("@authority",)), "invalid"),
        (SigningAgent(NOW, covered=("signature-agent",)), "invalid"),
        (SigningAgent(NOW, covered=("@authority", "@authority", "signature-agent")), "invalid"),
        (SigningAgent(NOW, covered=("@authority", "x-not-there", "signature-agent")), "invalid"),
    ],
)
def test_what_an_agent_must_sign_is_signed_for_a_day_at_most(keys, agent, expected):
    assert verdict(keys, agent.headers("POST", "/collect", "collect.example")) == expected


def test_keys_that_are_taken_away_or_damaged_are_known_no_more(tmp_path, keys):
    headers = SigningAgent(NOW).headers("POST", "/collect", "collect.example")
    assert verdict(keys, headers) == "verified"

    (tmp_path / "agent.example.json").write_text("{")
    keys.reload()
    assert verdict(keys, headers) == "unknown_key"
    assert len(agent_keys.known(tmp_path)[1]) == 1
    agent_keys.keep(tmp_path, AGENT, KEYS, NOW)
    keys.reload()
    assert verdict(keys, headers) == "verified"
    assert agent_keys.forget(tmp_path, f"{AGENT}/")
    keys.reload()
    assert verdict(keys, headers) == "unknown_key"


@pytest.mark.parametrize(
    "document", [b"", b"[]", b'{"keys": 1}', b'{"keys": [1]}', b'{"keys": []}', b'{"keys": [{"kty": "RSA"}]}']
)
def test_a_document_without_keys_is_refused(tmp_path, document):
    with pytest.raises(FootfallError):
        agent_keys.keep(tmp_path, AGENT, document, NOW)

    assert not list(tmp_path.iterdir())


def test_an_origin_is_scheme_and_host():
    assert origin_of("https://Chat.Example:8443/x?y") == "https://chat.example:8443"
    assert [origin_of(each) for each in ("", "x", "https://", "https://a b", "https://[", "file:///etc")] == [
        None
    ] * 6


def test_the_key_of_the_tests_is_one_that_signs():
    assert base64.urlsafe_b64decode(json.loads(KEYS)["keys"][0]["x"] + "=")
