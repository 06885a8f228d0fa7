"""The amqtt broker as a program: ``python -m groundlink.amqtt_broker DIRECTORY``.

It is for demonstrations on the loopback interface where mosquitto is missing.
Known faults of amqtt 0.12: a CONNECT with another client's id and a wrong
password deletes that client's subscriptions; a new client is sent retained
messages that it did not ask for; a client that connects again while its old
connection still stands does not get all of its session; queues have no bound,
and no session survives the end of the program; of a thousand messages that
cross in both directions at once it sometimes acknowledges one and never
delivers it.

``DIRECTORY/amqtt.json`` holds ``port`` and, for each user name, ``password``,
``publish`` and ``subscribe`` (topic filters).
"""

from __future__ import annotations

import json
import logging
import sys
from importlib import import_module  # amqtt is an extra, absent where mosquitto is used
from pathlib import Path


def main(directory: Path) -> None:
    """Run the broker until it is killed."""
    settings = json.loads((directory / "amqtt.json").read_text(encoding="utf-8"))
    users = settings["users"]
    # The passwords are random and live for one flight: a cheap hash is enough.
    argon2 = import_module("pwdlib.hashers.argon2").Argon2Hasher
    hasher = argon2(time_cost=1, memory_cost=64, parallelism=1)
    passwords = directory / "passwords"
    passwords.write_text(
        "".join(f"{name}:{hasher.hash(user['password'])}\n" for name, user in users.items()),
        encoding="utf-8",
    )
    config = {
        "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{settings['port']}"}},
        "plugins": {
            "amqtt.plugins.authentication.FileAuthPlugin": {"password_file": str(passwords)},
            "amqtt.plugins.topic_checking.TopicAccessControlListPlugin": {
                "publish_acl": {name: user["publish"] for name, user in users.items()},
                "acl": {name: user["subscribe"] for name, user in users.items()},
            },
        },
    }
    path = directory / "amqtt.yaml"
    path.write_text(json.dumps(config), encoding="utf-8")  # YAML contains JSON
    import_module("amqtt.scripts.broker_script").broker_main(
        config_file=str(path), debug=False, version=False
    )


if __name__ == "__main__":
    logging.getLogger("amqtt").setLevel(logging.WARNING)
    main(Path(sys.argv[1]))
