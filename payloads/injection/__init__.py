"""Faults: where they strike, and what they flip there."""
