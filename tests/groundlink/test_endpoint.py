import pytest

from groundlink.endpoint import Endpoint


def test_a_url_names_everything():
    endpoint = Endpoint.from_url("mqtts://me:p%40ss@broker.example:1234")
    assert endpoint == Endpoint("broker.example", 1234, "me", "p@ss", True)
    assert endpoint.url == "mqtts://broker.example:1234"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_a_broker_on_this_machine_needs_no_credentials(host):
    assert Endpoint.from_url(f"mqtt://{host}").port == 1883


@pytest.mark.parametrize("url", ["mqtt://broker.example", "mqtt://me@10.0.0.1", "mqtt://0.0.0.0"])
def test_any_other_broker_is_refused_without_credentials(url):
    with pytest.raises(ValueError, match="no user name and password"):
        Endpoint.from_url(url)


@pytest.mark.parametrize("url", ["http://x:y@host", "mqtt://", "mqtt://me:secret@host:99999"])
def test_a_wrong_url_is_named_without_its_password(url):
    with pytest.raises(ValueError, match="broker URL") as refused:
        Endpoint.from_url(url)
    assert "secret" not in str(refused.value)


def test_a_password_is_not_shown():
    assert "secret" not in repr(Endpoint("localhost", 1883, "me", "secret"))
