"""The space environment: an orbit's light, contacts and radiation, computed once into a tape.

Public names, by module: ``orbit`` Orbit · ``passes`` Station, Pass, find_passes,
load_stations, station_named, with_shipped · ``masks`` Skyline · ``profile`` Profile,
profiles, rate_steps · ``tle_file`` ElementSet, element_sets, choose, nearest_of_each ·
``constellation`` Walker, Constellation · ``visibility`` Window, find_windows, range_km,
range_rate_km_s · ``trajectory`` Trajectory, trajectories · ``sun`` sun_km, beta_deg ·
``eclipse`` Eclipse · ``radiation`` TrappedProtons, load_trapped_protons · ``faults``
Strike, strikes · ``tape`` EnvironmentTape, build_tape.
"""
