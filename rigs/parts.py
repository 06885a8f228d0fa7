"""Which part radiation strikes in each payload of a mission."""

from __future__ import annotations

from firmware_bridge.boards.profile import BoardProfile
from rigs.environment.devices import DeviceProfile, device_of, load_device
from rigs.reading import Sheet


def part_of(sheet: Sheet, name: str, board: BoardProfile) -> DeviceProfile:
    """Return the part of payload ``name``: its board's own, or the one that its table names.

    Raises:
        ScenarioError: there is no such part.
    """
    said = sheet.scenario.payloads[name].radiation_device
    if said is None:
        return device_of(board)
    try:
        return load_device(said)
    except ValueError as error:
        raise sheet.error(f"payloads.{name}.radiation_device", said, str(error)) from error
