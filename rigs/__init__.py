"""Composition: clocks, the timeline, the loop, files, the command line."""
