import math
import tracemalloc
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from groundlink.journal import SqliteJournal
from groundlink.messages import Message, MessageKind
from groundlink.rules import ClassRules, DropPolicy, Rules
from groundlink.store import STORED_COST_BYTES, DropReason, Store, Stored

LOWEST, OLDEST, NEWEST = DropPolicy.LOWEST_PRIORITY, DropPolicy.OLDEST, DropPolicy.NEWEST
RULES = Rules(
    {
        "pi/ev": ClassRules(7),
        "pi/tm": ClassRules(3),
        "jetson/tm": ClassRules(3, ttl_s=10.0),
        "pi/prod": ClassRules(1, ttl_s=5.0, drop=OLDEST, repeat=True),
        "jetson/prod": ClassRules(5, drop=NEWEST),
    }
)
CLASSES = {name: (name.split("/")[0], MessageKind(name.split("/")[1])) for name in RULES.named}


def stored(sequence, name="pi/tm", body_bytes=100, generated_s=0.0, chunks=1):
    source, kind = CLASSES[name]
    return Stored(Message(kind, source, sequence, generated_s, bytes(body_bytes)), chunks)


def sequences(entries):
    return [entry.message.sequence for entry in entries]


def drain(store, t_s=0.0):
    taken = iter(lambda: store.take(t_s)[0], None)
    return sequences(taken)


def room_for(count, body_bytes=100):
    return Store(count * (body_bytes + STORED_COST_BYTES), RULES)


def filled(*names):
    """A store with a message of 100 bytes of each of these classes, and no room for more."""
    store = room_for(len(names))
    for sequence, name in enumerate(names):
        assert store.put(0.0, stored(sequence, name)) == []
    return store


def test_the_highest_priority_leaves_first_then_the_oldest():
    assert drain(filled("pi/tm", "pi/ev", "jetson/tm", "pi/tm", "pi/ev")) == [1, 4, 0, 2, 3]


def test_a_full_store_drops_the_oldest_of_the_lowest_priority():
    store = filled("pi/ev", "pi/prod", "pi/prod")
    assert sequences(store.put(0.0, stored(3, "pi/tm"))) == [1]
    assert drain(store) == [0, 3, 2]


def test_a_message_of_the_lowest_priority_is_dropped_itself():
    store = filled("pi/ev", "pi/ev")
    newcomer = stored(2, "pi/tm")
    assert store.put(0.0, newcomer) == [newcomer]
    assert (newcomer.gone, newcomer.failure) == (True, DropReason.STORE_FULL)


def test_a_class_may_drop_its_own_oldest():
    store = filled("pi/ev", "pi/prod", "pi/prod")
    assert sequences(store.put(0.0, stored(3, "pi/prod"))) == [1]


def test_a_class_that_drops_its_own_oldest_drops_no_other_s():
    store = filled("pi/tm", "pi/tm")
    store.set_priority(*CLASSES["pi/prod"], 7)
    assert sequences(store.put(0.0, stored(2, "pi/prod"))) == [2]


def test_a_class_may_refuse_the_newcomer():
    store = filled("pi/prod", "jetson/prod")
    assert sequences(store.put(0.0, stored(2, "jetson/prod"))) == [2]


def test_nothing_is_dropped_in_vain():
    store = filled("pi/ev", "pi/ev", "pi/prod")
    assert sequences(store.put(0.0, stored(3, "pi/tm", body_bytes=250))) == [3]
    assert len(store) == 3


def test_what_has_expired_goes_before_anything_is_dropped():
    store = filled("pi/tm", "jetson/tm")
    (gone,) = store.put(10.1, stored(2, "pi/ev", generated_s=10.1))
    assert (gone.message.sequence, gone.failure) == (1, DropReason.EXPIRED)


def test_a_message_lives_up_to_its_time_and_not_longer():
    store = filled("jetson/tm", "pi/tm")
    assert store.expire(10.0) == []
    taken, expired = store.take(math.nextafter(10.0, math.inf))
    assert (taken.message.sequence, sequences(expired)) == (1, [0])


def test_a_message_that_comes_too_late_is_refused():
    store = room_for(2)
    assert store.put(10.0, stored(0, "jetson/tm")) == []
    (gone,) = store.put(10.1, stored(1, "jetson/tm"))
    assert gone.failure is DropReason.EXPIRED


def test_a_message_expires_although_an_elder_does_not():
    store = room_for(2)
    store.put(0.0, stored(0, "jetson/tm", generated_s=5.0))
    store.put(0.0, stored(1, "jetson/tm", generated_s=0.0))
    assert sequences(store.expire(11.0)) == [1]


def test_a_taken_message_is_neither_dropped_nor_too_old():
    store = filled("jetson/tm")
    taken, _ = store.take(0.0)
    assert sequences(store.put(11.0, stored(1, "pi/ev", generated_s=11.0))) == [1]
    store.put_back(taken)
    assert sequences(store.expire(11.0)) == [0]


def test_a_taken_message_keeps_its_room_until_it_is_released():
    store = filled("pi/tm")
    taken, _ = store.take(0.0)
    assert store.used_bytes == store.capacity_bytes
    store.release(taken)
    assert store.put(0.0, stored(1)) == []


def test_a_message_put_back_leaves_before_its_class():
    store = filled("pi/tm", "pi/tm", "pi/tm")
    store.put_back(store.take(0.0)[0])
    assert drain(store) == [0, 1, 2]


def held_product(store, chunks=5):
    """The store's next message, all parts of which have left."""
    product, _ = store.take(0.0)
    product.chunks = product.next_chunk = chunks
    store.hold(product)
    return product


def test_a_message_that_awaits_the_ground_s_word_is_not_sent_and_not_dropped():
    store = filled("pi/prod")
    product = held_product(store)
    assert store.take(0.0) == (None, [])
    assert sequences(store.put(0.0, stored(1, "pi/ev"))) == [1]
    assert store.find(product.message.key) is product


def test_parts_that_are_asked_for_again_leave_first_and_once():
    store = filled("pi/prod")
    product = held_product(store)
    assert product.next_index is None
    assert store.recall(product.message.key, [3, 1, 3]) is product
    assert store.take(0.0) == (product, [])
    assert product.repeats == [1, 3]
    assert product.next_index == 1


def test_parts_that_have_not_left_are_not_repeated():
    store = filled("pi/prod")
    product = held_product(store)
    store.recall(product.message.key, [-1, 5, 70_000])
    assert product.awaiting
    assert store.take(0.0) == (None, [])


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_messages_asked_for_again_leave_oldest_first(order):
    store = filled("pi/prod", "pi/prod", "pi/prod", "pi/prod")
    products = [held_product(store) for _ in range(3)]
    for k in order:
        store.recall(products[k].message.key, [0])
    assert drain(store) == [0, 1, 2, 3]


def test_a_message_that_awaits_the_ground_s_word_for_too_long_expires():
    store = filled("pi/prod", "pi/tm")
    store.set_priority(*CLASSES["pi/prod"], 7)
    product = held_product(store)
    assert store.expire(5.1) == [product]
    assert (len(store), product.failure) == (1, DropReason.EXPIRED)
    assert store.find(product.message.key) is None


def test_a_message_that_the_ground_has_gives_up_its_room_wherever_it_is():
    store = filled("pi/prod", "pi/prod")
    awaiting = held_product(store)
    waiting = store.find(stored(1, "pi/prod").message.key)
    store.release(awaiting)
    store.release(waiting)
    assert (len(store), store.used_bytes, store.backlog_bytes) == (0, 0, 0)
    assert store.take(0.0) == (None, [])
    assert store.recall(awaiting.message.key, [0]) is None


def test_a_priority_moves_what_waits():
    store = filled("pi/tm", "jetson/tm", "pi/prod")
    store.set_priority(*CLASSES["pi/prod"], 6)
    assert store.top_priority == 6
    assert store.priority_of(stored(3, "pi/prod")) == 6
    assert drain(store) == [2, 0, 1]


@pytest.mark.parametrize("priority", [-1, 8])
def test_a_priority_runs_from_0_to_7(priority):
    with pytest.raises(ValueError, match=r"outside 0\.\.7"):
        room_for(1).set_priority("pi", MessageKind.TELEMETRY, priority)


def test_a_key_is_stored_once():
    store = room_for(2)
    store.put(0.0, stored(0))
    with pytest.raises(ValueError, match="in the store already"):
        store.put(0.0, stored(0))


def test_empty_messages_take_room_too():
    store = Store(10 * STORED_COST_BYTES, RULES)
    dropped = [len(store.put(0.0, stored(sequence, body_bytes=0))) for sequence in range(20)]
    assert sum(dropped) == 10


def test_reasons_read_as_words():
    assert {reason.value for reason in DropReason} >= {"store full", "expired", "store failed"}


class StoreAgainstAPlainList(RuleBasedStateMachine):
    """The store does what a list would that is searched and sorted from end to end."""

    capacity_bytes = 1000

    @initialize()
    def build(self):
        self.journal = SqliteJournal(Path(":memory:"))
        self.store = Store(self.capacity_bytes, RULES, self.journal)
        self.t_s, self.sequence = 0.0, 0
        self.priorities = {name: rules.priority for name, rules in RULES.named.items()}
        self.waiting, self.taken, self.held = [], [], []  # in order of age

    def teardown(self):
        self.journal.close()

    def name(self, entry):
        return f"{entry.message.source}/{entry.message.kind.value}"

    def too_old(self, entry):
        return entry.message.generated_s + RULES.named[self.name(entry)].ttl_s < self.t_s

    def on_board(self):
        return [*self.waiting, *self.taken, *self.held]

    def used_bytes(self):
        return sum(entry.cost_bytes for entry in self.on_board())

    def in_order(self):
        return sorted(self.waiting, key=lambda e: (-self.priorities[self.name(e)], e.serial))

    def expire(self):
        """Take what is too old out of the lists, the oldest deadline first."""
        gone = [entry for entry in (*self.waiting, *self.held) if self.too_old(entry)]
        self.waiting = [entry for entry in self.waiting if entry not in gone]
        self.held = [entry for entry in self.held if entry not in gone]
        ttl = {name: rules.ttl_s for name, rules in RULES.named.items()}
        return sorted(gone, key=lambda e: (e.message.generated_s + ttl[self.name(e)], e.serial))

    def yielding(self, newcomer):
        name = self.name(newcomer)
        own = self.priorities[name]
        choices = {
            NEWEST: [],
            OLDEST: [e for e in self.waiting if self.name(e) == name],
            LOWEST: [e for e in self.waiting if self.priorities[self.name(e)] <= own],
        }
        victims = choices[RULES.named[name].drop]
        return sorted(victims, key=lambda e: (self.priorities[self.name(e)], e.serial))

    def put_plainly(self, newcomer):
        """Return what is gone, and why; the lists are as they should be then."""
        if self.too_old(newcomer):
            return [(newcomer, DropReason.EXPIRED)]
        most_bytes = self.capacity_bytes - newcomer.cost_bytes
        gone, dropped = [], []
        if self.used_bytes() > most_bytes:
            gone = [(entry, DropReason.EXPIRED) for entry in self.expire()]
        victims = self.yielding(newcomer)
        if self.used_bytes() - sum(e.cost_bytes for e in victims) > most_bytes:
            return [*gone, (newcomer, DropReason.STORE_FULL)]
        while self.used_bytes() > most_bytes:
            dropped.append((victims[0], DropReason.STORE_FULL))
            self.waiting.remove(victims.pop(0))
        self.waiting.append(newcomer)
        return gone + dropped

    @rule(
        name=st.sampled_from(sorted(CLASSES)),
        body_bytes=st.integers(0, 400),
        age_s=st.floats(0.0, 12.0),
        chunks=st.integers(1, 4),
    )
    def put(self, name, body_bytes, age_s, chunks):
        entry = stored(self.sequence, name, body_bytes, self.t_s - age_s, chunks)
        self.sequence += 1
        expected = self.put_plainly(entry)
        gone = self.store.put(self.t_s, entry)
        assert [(e, e.failure) for e in gone] == expected
        assert all(e.gone for e in gone)

    @rule(dt_s=st.floats(0.0, 15.0))
    def wait(self, dt_s):
        self.t_s += dt_s

    @rule()
    def expire_on_board(self):
        assert self.store.expire(self.t_s) == self.expire()

    @rule()
    def take(self):
        expired = self.expire()
        first = next(iter(self.in_order()), None)
        assert self.store.take(self.t_s) == (first, expired)
        if first is not None:
            self.waiting.remove(first)
            self.taken.append(first)

    @precondition(lambda self: self.taken)
    @rule(choice=st.data())
    def put_back(self, choice):
        entry = choice.draw(st.sampled_from(self.taken))
        entry.next_chunk = choice.draw(st.integers(0, entry.chunks - 1))
        self.store.put_back(entry)
        self.taken.remove(entry)
        self.waiting.append(entry)

    @precondition(lambda self: self.taken)
    @rule(choice=st.data())
    def send_all_and_hold(self, choice):
        entry = choice.draw(st.sampled_from(self.taken))
        entry.next_chunk, entry.repeats = entry.chunks, []
        self.store.hold(entry)
        self.taken.remove(entry)
        self.held.append(entry)

    @precondition(lambda self: self.on_board())
    @rule(choice=st.data(), chunks=st.lists(st.integers(-1, 5)))
    def recall(self, choice, chunks):
        entry = choice.draw(st.sampled_from(self.on_board()))
        repeats = {c for c in chunks if 0 <= c < entry.next_chunk} | set(entry.repeats)
        found = self.store.recall(entry.message.key, chunks)
        if entry in self.taken:
            assert found is None
            return
        assert found is entry
        assert entry.repeats == sorted(repeats)
        if entry in self.held and repeats:
            self.held.remove(entry)
            self.waiting.append(entry)

    @precondition(lambda self: self.on_board())
    @rule(choice=st.data())
    def release(self, choice):
        entry = choice.draw(st.sampled_from(self.on_board()))
        self.store.release(entry)
        for entries in (self.waiting, self.taken, self.held):
            if entry in entries:
                entries.remove(entry)

    @rule(name=st.sampled_from(sorted(CLASSES)), priority=st.integers(0, 7))
    def set_priority(self, name, priority):
        self.store.set_priority(*CLASSES[name], priority)
        self.priorities[name] = priority

    @invariant()
    def accounts_close(self):
        assert self.store.used_bytes == self.used_bytes() <= self.capacity_bytes
        assert self.store.backlog_bytes == sum(len(e.message.body) for e in self.on_board())
        assert len(self.store) == len(self.on_board())
        first = next(iter(self.in_order()), None)
        assert self.store.top_priority == (-1 if first is None else self.store.priority_of(first))

    @invariant()
    def each_is_found_where_it_is(self):
        for entry in self.taken:
            assert self.store.find(entry.message.key) is None
        for entry in (*self.waiting, *self.held):
            assert self.store.find(entry.message.key) is entry
            assert entry.awaiting == (entry in self.held)

    @invariant()
    def the_journal_keeps_what_is_on_board(self):
        self.journal.commit()
        by_age = sorted(self.on_board(), key=lambda e: e.serial)
        assert list(self.journal.messages()) == [entry.message for entry in by_age]


TestStoreAgainstAPlainList = StoreAgainstAPlainList.TestCase
TestStoreAgainstAPlainList.settings = settings(
    deadline=None, max_examples=200, stateful_step_count=40
)


def test_a_flood_leaves_nothing_behind():
    store = room_for(1, body_bytes=1000)
    tracemalloc.start()
    for sequence in range(5_000):
        store.put(0.0, stored(sequence, "jetson/tm", body_bytes=1000))
        store.release(store.take(0.0)[0])
    left_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert left_bytes < 500_000  # the bodies were ten times that


def journal_of(path, *entries):
    """A journal that an earlier flight left behind."""
    with SqliteJournal(path) as journal:
        for entry in entries:
            journal.keep(entry.message)


def test_a_flight_goes_on_with_what_the_last_one_left(tmp_path):
    path = tmp_path / "store.sqlite"
    left = [stored(0, "pi/tm"), stored(1, "pi/ev"), stored(2, "pi/tm", body_bytes=0)]
    journal_of(path, *left)
    with SqliteJournal(path) as journal:
        store = Store(1000, RULES, journal)
        restored = store.restore(lambda message: 1 + len(message.body))
        assert [entry.message for entry in restored] == [entry.message for entry in left]
        assert [entry.chunks for entry in restored] == [101, 101, 1]
        assert drain(store) == [1, 0, 2]


def test_what_found_no_room_has_used_its_sequence(tmp_path):
    path = tmp_path / "store.sqlite"
    with SqliteJournal(path) as journal:
        store = Store(100 + STORED_COST_BYTES, RULES, journal)
        assert store.put(0.0, stored(0, "pi/tm")) == []
        refused = stored(1, "pi/tm", body_bytes=1000)
        assert store.put(0.0, refused) == [refused]
    with SqliteJournal(path) as journal:
        assert journal.last_sequence("pi", refused.message.kind) == 1


def test_what_is_on_its_way_is_kept_until_its_fate_is_known(tmp_path):
    with SqliteJournal(tmp_path / "store.sqlite") as journal:
        store = Store(1000, RULES, journal)
        store.put(0.0, stored(0, "pi/tm"))
        entry, _ = store.take(0.0)
        store.depart(entry)
        assert store.used_bytes == 0
        journal.commit()
        assert [message.sequence for message in journal.messages()] == [0]
        store.forget(entry.message.key)
        journal.commit()
        assert list(journal.messages()) == []


def test_a_smaller_store_keeps_what_fits_of_what_the_last_flight_left(tmp_path):
    path = tmp_path / "store.sqlite"
    journal_of(path, stored(0, "pi/tm"), stored(1, "pi/ev"), stored(2, "pi/ev"))
    with SqliteJournal(path) as journal:
        store = Store(2 * (100 + STORED_COST_BYTES), RULES, journal)
        assert [entry.gone for entry in store.restore(lambda _: 1)] == [True, False, False]
        journal.commit()
        assert [message.sequence for message in journal.messages()] == [1, 2]
