from pathlib import Path

import pytest

from groundlink.endpoint import Endpoint

FILES = "ca=ca.pem&certificate=me.pem&key=me.key"


def test_a_url_names_everything():
    endpoint = Endpoint.from_url(f"mqtts://me:p%40ss@broker.example:1234?{FILES}")
    files = (Path("ca.pem"), Path("me.pem"), Path("me.key"))
    assert endpoint == Endpoint("broker.example", 1234, "me", "p@ss", True, *files)
    assert endpoint.url == "mqtts://broker.example:1234"


def test_a_url_may_name_a_socket_of_this_machine():
    endpoint = Endpoint.from_url("unix://me:secret@/run/high%20bay.socket")
    assert (endpoint.username, endpoint.password) == ("me", "secret")
    assert endpoint.path == Path("/run/high bay.socket")
    assert endpoint.url == "unix:///run/high bay.socket"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_broker_on_this_machine_needs_nothing(host):
    assert Endpoint.from_url(f"mqtt://{host}").port == 1883


@pytest.mark.parametrize(
    "url", ["mqtt://broker.example", "mqtt://me:secret@10.0.0.1", "mqtt://me:secret@0.0.0.0"]
)
def test_any_other_broker_is_refused_without_tls(url):
    with pytest.raises(ValueError, match=r"not TLS; write mqtts://user:password@host:8883\?ca="):
        Endpoint.from_url(url)


@pytest.mark.parametrize("query", ["", "?ca=ca.pem"])
def test_any_other_broker_is_refused_without_a_client_certificate(query):
    with pytest.raises(ValueError, match="no client certificate; give one as in mqtts://"):
        Endpoint.from_url(f"mqtts://me:secret@broker.example{query}")


def test_a_certificate_needs_its_key():
    with pytest.raises(ValueError, match="needs certificate and key together"):
        Endpoint.from_url("mqtts://me:secret@broker.example?certificate=me.pem")


def test_certificates_without_tls_are_refused():
    with pytest.raises(ValueError, match="has certificates but no TLS"):
        Endpoint.from_url(f"mqtt://localhost?{FILES}")


@pytest.mark.parametrize(
    "url",
    [
        "http://x:secret@host",
        "mqtt://",
        "mqtt://me:secret@host:99999",
        "mqtt://me:secret@localhost/topic",
        "mqtts://me:secret@localhost?cafile=ca.pem",
        "unix://me:secret@host/run/socket",
    ],
)
def test_a_wrong_url_is_named_without_its_password(url):
    with pytest.raises(ValueError, match="broker URL") as refused:
        Endpoint.from_url(url)
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_password_is_not_shown():
    assert "secret" not in repr(Endpoint("localhost", 1883, "me", "secret"))
