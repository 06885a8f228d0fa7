import queue

from groundlink.broker import Role
from groundlink.events import FrameArrived, Transmit
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


def test_a_link_is_drained_over_either_broker(broker):
    posted = queue.SimpleQueue()
    link = MqttLink(broker.endpoints[Role.HOST], "sat", lambda event, at_s=None: posted.put(event))
    sent = [FrameArrived(b"frame %d" % n) for n in range(2000)]
    for event in sent:
        link.transmit(0.0, event.frame, 0.0)
    link.drain(LIMIT_S)
    link.close()
    assert [posted.get_nowait() for _ in range(posted.qsize())] == sent
    assert link.trouble() == ""
