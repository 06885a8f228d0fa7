"""The space environment: one orbit's light, contacts and radiation, computed once into a tape.

Public names, by module: ``orbit`` Orbit · ``passes`` Station, Pass, find_passes,
load_stations, station_named, with_shipped · ``profile`` Profile, profiles,
rate_steps · ``eclipse`` Eclipse · ``radiation`` TrappedProtons,
load_trapped_protons · ``faults`` Strike, strikes · ``tape`` EnvironmentTape, build_tape.
"""
