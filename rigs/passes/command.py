"""What ``highbay passes`` does."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from rigs.environment.passes import with_shipped
from rigs.environment.profile import profiles
from rigs.environment.tape import EnvironmentTape
from rigs.errors import ScenarioError
from rigs.explain import explain_line
from rigs.passes.chart import plot_svg
from rigs.passes.plan import ContactPlan
from rigs.passes.plot_file import check_plot_name, write_plot
from rigs.passes.table import show
from rigs.reading import Sheet
from rigs.sky import environment
from rigs.spacelink import contacts

EXAMPLE = "--plot passes.svg"


def passes_command_body(
    sheet: Sheet, station: str | None, plot: Path | None, console: Console | None = None
) -> None:
    """Print the contacts of a scenario, or of one of its stations, and draw them to a file.

    Raises:
        ScenarioError: the mission cannot be, the station is not in it, the file not
            written, or its name not that of an SVG file.
    """
    if plot is not None:
        check_plot_name(plot, EXAMPLE)
    plan = contact_plan(sheet, environment(sheet))
    if station is not None:
        plan = _over(plan, station, sheet)
    show(plan, console)
    if plot is not None:
        write_plot(plot, plot_svg(plan), EXAMPLE)
        (console or Console()).print(f"Plot: {plot}", soft_wrap=True, markup=False)


def contact_plan(sheet: Sheet, tape: EnvironmentTape) -> ContactPlan:
    """Return the contacts of a scenario, with elevations where the station is known."""
    scenario = sheet.scenario
    planned = contacts(sheet, tape)
    stations = with_shipped(tape.stations, (contact.station for contact in planned))
    return ContactPlan.of(
        scenario.name,
        scenario.start,
        scenario.horizon_s,
        scenario.link.acquisition_s,
        planned,
        profiles(tape.earth_fixed, stations, planned),
    )


def _over(plan: ContactPlan, station: str, sheet: Sheet) -> ContactPlan:
    said = [s if isinstance(s, str) else s.name for s in sheet.scenario.stations]
    known = list(dict.fromkeys([*said, *plan.stations]))
    if station not in known:
        rule = f"is no station of {sheet.file}, which has {', '.join(known) or 'none'}"
        raise ScenarioError(explain_line("command line", "--station", station, rule, ""))
    return plan.over(station)
