"""Fits a board's heat to recordings, and judges the fit on others."""
