"""Errors by who must act."""

from __future__ import annotations


class ScenarioError(Exception):
    """The author of a file must act. One line: file, path, value, rule, example."""


class RigError(Exception):
    """Who assembled the rig must act."""


class LateError(Exception):
    """The host was too slow for the wall clock."""
