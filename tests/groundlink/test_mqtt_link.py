import queue

from groundlink.broker import Role
from groundlink.events import Transmit
from groundlink.mqtt_link import MqttLink

LIMIT_S = 10.0


def test_a_session_s_accounts_close_over_a_real_broker(flight, broker):
    """Frames come late, as on a wall clock: what they carry was received when it was due."""
    posted = queue.SimpleQueue()
    link = MqttLink(broker.endpoints[Role.HOST], "sat", lambda event, at_s=None: posted.put(event))
    log = flight(bit_error_rate=1e-5)
    for _ in range(200):
        log.say(0.0, body_bytes=1000)
    log.contact(0.0, 100.0, rate_bps=64_000.0)
    log.fly(over=link)
    sent = log.of(Transmit)
    for _ in sent:
        log.at(150.0, posted.get(timeout=LIMIT_S))
    log.fly()
    link.close()
    frames = log.session.counts.frames
    assert frames.sent == len(sent) == frames.received + frames.corrupt == 200
    assert frames.corrupt > 0
    assert [r.received_s for r in log.received] == sorted(r.received_s for r in log.received)
    assert log.received[-1].received_s <= 100.0


def test_after_draining_what_is_missing_is_the_broker_s_trouble(broker):
    """Amqtt loses a frame now and then; mosquitto loses none, as the contract says."""
    arrived = []
    link = MqttLink(
        broker.endpoints[Role.HOST], "sat", lambda event, at_s=None: arrived.append(event.frame)
    )
    sent = [b"frame %d" % n for n in range(2000)]
    for frame in sent:
        link.transmit(0.0, frame, 0.0)
    link.drain(LIMIT_S)
    drained = list(arrived)
    link.close()
    missing = [frame for frame in sent if frame not in drained]
    assert drained == arrived == [frame for frame in sent if frame not in missing]
    assert len(missing) <= 2
    assert (f"{len(missing)} frame" in link.trouble()) == bool(missing)
