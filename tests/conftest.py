import os
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from rigs.cli import main

PROGRAMS = {"mosquitto": "mosquitto", "browser": "chromium"}


@pytest.fixture
def run_highbay():
    """Run the command line in this process: ``run_highbay("run", "first-light")``."""
    runner = CliRunner()
    return lambda *words: runner.invoke(main, [str(word) for word in words])
