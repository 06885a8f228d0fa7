"""Rules of the house that no linter knows."""

import ast
from pathlib import Path

HOUSE = Path(__file__).parents[1]
PACKAGES = ("firmware_bridge", "payloads", "groundlink", "rigs")
CHOICES = {
    "EmulatedBoard",
    "MqttGateway",
    "NoGateway",
    "VirtualClock",
    "WallClock",
}
OWN_ENVIRONMENT = "payloads/models/train"  # the training scripts
LONGEST_MODULE = 400  # lines


def modules():
    for package in PACKAGES:
        for path in (HOUSE / package).rglob("*.py"):
            name = path.relative_to(HOUSE).as_posix()
            if not name.startswith(OWN_ENVIRONMENT):
                yield name, ast.parse(path.read_text(encoding="utf-8"))


def named(tree):
    """Return every name that a module imports or looks up."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def test_only_build_knows_what_is_emulated_and_what_is_real():
    knowing = {
        name
        for name, tree in modules()
        if CHOICES & set(named(tree))
        and not any(isinstance(n, ast.ClassDef) and n.name in CHOICES for n in ast.walk(tree))
    }
    assert knowing == {"rigs/build.py"}


def test_only_the_clock_reads_the_host_clock():
    readers = set()
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import) and any(alias.name == "time" for alias in node.names):
                readers.add(name)
            if isinstance(node, ast.Attribute) and node.attr in ("now", "utcnow", "today"):
                readers.add(name)
    assert readers == {"rigs/clock.py"}


def test_no_module_outgrows_its_room():
    long = {
        path.relative_to(HOUSE).as_posix()
        for package in PACKAGES
        for path in (HOUSE / package).rglob("*.py")
        if path.read_text(encoding="utf-8").count("\n") > LONGEST_MODULE
    }
    assert long == set()


def test_importing_a_package_imports_nothing_else():
    for package in PACKAGES:
        tree = ast.parse((HOUSE / package / "__init__.py").read_text(encoding="utf-8"))
        assert not [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
