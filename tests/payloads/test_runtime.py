"""The runtime as a fresh process first meets it."""

import os
import subprocess
import sys

import pytest

SETTING = "ORT_DISABLE_TELEMETRY"

# Says what the setting is at the moment at which somebody first looks for onnxruntime.
WATCHED_IMPORT = f"""
import os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get({SETTING!r}))

assert "onnxruntime" not in sys.modules
sys.meta_path.insert(0, Watch())
import payloads.runtime
assert "onnxruntime" in sys.modules
"""


@pytest.mark.parametrize(("said", "found"), [(None, "1"), ("0", "0"), ("1", "1")])
def test_telemetry_is_off_before_onnxruntime_is_imported_unless_the_user_says_otherwise(
    said, found
):
    environment = {name: value for name, value in os.environ.items() if name != SETTING}
    if said is not None:
        environment[SETTING] = said
    done = subprocess.run(
        [sys.executable, "-c", WATCHED_IMPORT],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [found]
