import pytest
from click.testing import CliRunner

from rigs.cli import main


@pytest.fixture
def run_highbay():
    """Run the command line in this process: ``run_highbay("run", "first-light")``."""
    runner = CliRunner()
    return lambda *words: runner.invoke(main, [str(word) for word in words])
