"""The sky over a mission in words and numbers for the terminal, 80 columns wide."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from textwrap import wrap

from rich.console import Console

from rigs.almanac.doses import YEAR_DAYS
from rigs.almanac.expected import Exposed
from rigs.almanac.figures import ANOMALY_PER_CM2_S, EMULATED, Almanac, Heard, Spread
from rigs.almanac.strips import strips
from rigs.environment.devices import CLAIM, Rate
from rigs.environment.dose import Dose
from rigs.passes.plan import HOUR_S
from rigs.passes.table import WIDTH, duration, print_table, print_words

LABEL = 10  # characters
HEAD = ("station", "contacts", "h:mm:ss", "longest gap")


def show(almanac: Almanac, console: Console | None = None) -> None:
    """Print orbit, light, power, contacts and radiation, and what goes on over time."""
    console = console or Console()
    print_words(console, _title(almanac), bold=True)
    for label, words in _facts(almanac):
        print_words(console, _paragraph(label, words))
    print_words(console, "")
    _print_contacts(almanac, console)
    for exposed in almanac.exposed:
        print_words(console, "")
        print_words(console, _line(f"Faults a day: {exposed.payload}, {exposed.part}"), bold=True)
        print_words(console, "\n".join(_rates(exposed)))
    print_words(console, "\n".join(["", *_claim(almanac), ""]))
    print_words(console, "\n".join(strips(almanac, unicode=not console.options.ascii_only)))


def period_words(days: float) -> str:
    """Return how long something takes in a fitting unit.

    >>> period_words(480.0), period_words(3.04), period_words(0.5)
    ('1.31 years', '3.04 days', '12 h')
    """
    if days >= YEAR_DAYS:
        return f"{days / YEAR_DAYS:.3g} years"
    return f"{days:.3g} days" if days >= 1.0 else f"{days * 24.0:.3g} h"


def _title(almanac: Almanac) -> str:
    plan = almanac.plan
    return (
        f"{plan.name}: {EMULATED}, {_time(plan.horizon_s)} from {plan.start:%Y-%m-%d %H:%M:%S} UTC"
    )


def _time(seconds: float) -> str:
    hours = seconds >= HOUR_S
    return duration(seconds, hours) + (" h" if hours else " min")


def _facts(almanac: Almanac) -> Iterator[tuple[str, str]]:
    tape, beta = almanac.tape, almanac.spread(almanac.tape.beta_along_deg)
    yield (
        "orbit",
        (
            f"altitude {tape.altitude_km.min():.1f} to {tape.altitude_km.max():.1f} km, "
            f"inclination {almanac.inclination_deg:.2f} deg, "
            f"period {duration(almanac.period_s)} min"
        ),
    )
    yield (
        "beta",
        (f"{tape.beta_deg:.2f} deg at the start, {beta.low:.2f} to {beta.high:.2f} deg on the way"),
    )
    yield "light", _light(almanac)
    yield "array", f"{_watts(almanac.spread(almanac.array_w))} at the bus"
    yield "radiator", f"absorbs {_watts(almanac.spread(almanac.absorbed_w))}"
    yield "protons", _protons(almanac)
    if almanac.doses:
        yield "dose", _doses(almanac.doses)


def _light(almanac: Almanac) -> str:
    light = almanac.light
    if not light.count:
        return "no eclipse"
    share = light.total_s / almanac.tape.horizon_s
    partial = f", {light.partial} of them without umbra" if light.partial else ""
    return (
        f"{light.count} eclipse{'' if light.count == 1 else 's'}{partial}, "
        f"{_time(light.total_s)} in all ({share:.1%}), longest {_time(light.longest_s)}, "
        f"{_time(light.penumbra_s)} in penumbra"
    )


def _protons(almanac: Almanac) -> str:
    protons, radiation = almanac.protons, almanac.scenario.radiation
    behind = f" behind {radiation.shielding_mm:g} mm of aluminium" * bool(radiation.shielding_mm)
    solar = f", solar {flux_words(protons.solar_mean)}" * (radiation.particle_event is not None)
    return (
        f"above 30 MeV{behind}, /cm2/s, {radiation.activity.replace('-', ' ')}: "
        f"mean {flux_words(protons.mean)} (trapped {flux_words(protons.trapped_mean)}, "
        f"galactic {flux_words(protons.galactic_mean)}{solar}), highest {flux_words(protons.peak)} "
        f"({_place(protons.peak_latitude_deg, protons.peak_longitude_deg)}); "
        f"{protons.anomaly_share:.1%} of the time in the South Atlantic Anomaly or the belt "
        f"itself (trapped above {ANOMALY_PER_CM2_S:g})"
    )


def flux_words(per_cm2_s: float) -> str:
    """Return a flux in three digits, or all of those before the point.

    >>> flux_words(1.536), flux_words(28.46), flux_words(2254.3)
    ('1.54', '28.5', '2254')
    """
    return f"{per_cm2_s:.3g}" if per_cm2_s < 1000.0 else f"{per_cm2_s:.0f}"


def _doses(doses: Sequence[Dose]) -> str:
    known = all(dose.electron_rad is not None for dose in doses)
    behind = ", ".join(
        f"{dose.shielding_mm:g} mm: {_rad(dose.proton_rad)}"
        + ("" if dose.electron_rad is None else f" + {_rad(dose.electron_rad)}")
        for dose in doses
    )
    return (
        "rad(Si) in a year like this behind aluminium, trapped protons"
        + (" + electrons at solar maximum" if known else "; electrons are not known here")
        + f"; {behind}; galactic and solar particles are left out"
    )


def _rad(rad: float) -> str:
    return f"{rad:.0f}" if rad >= 100.0 else f"{rad:.2g}"


def _place(latitude_deg: float, longitude_deg: float) -> str:
    north, east = "N" if latitude_deg >= 0.0 else "S", "E" if longitude_deg >= 0.0 else "W"
    return f"{abs(latitude_deg):.1f} {north} {abs(longitude_deg):.1f} {east}"


def _watts(spread: Spread) -> str:
    return f"{spread.mean:.2f} W on average, {spread.low:.2f} to {spread.high:.2f} W"


def _print_contacts(almanac: Almanac, console: Console) -> None:
    heard = almanac.heard
    if not heard:
        print_words(console, "No contact: no station sees the satellite, or none is given.")
        return
    print_table(console, HEAD, [_row(station) for station in heard])
    print_words(console, "A gap reaches from a contact, or the start, to the next, or the end.")


def _row(heard: Heard) -> tuple[str, ...]:
    total, gap = duration(heard.total_s, hours=True), duration(heard.gap_s, hours=True)
    return heard.station, str(heard.count), total, gap


def _rates(exposed: Exposed) -> Iterator[str]:
    """Yield a line for each class, and below those that share it, the source."""
    for source, alike in groupby(exposed.rates, key=_source):
        yield from (_rate(rate) for rate in alike)
        yield "\n".join(wrap(source, WIDTH, initial_indent=" " * 5, subsequent_indent=" " * 5))


def _source(rate: Rate) -> str:
    section = rate.section
    read = "primary read" if section.primary_read else "primary not read"
    return f"{section.kind}, {read}: {section.source}".replace(" %", "%")


def _rate(rate: Rate) -> str:
    often = f"one in {period_words(1.0 / rate.per_day)}" if rate.per_day > 0.0 else "never"
    words = f"{rate.fault.value:<5}{rate.per_day:<9.3g} {often:<18} {rate.section.cm2:.3g} cm2"
    return _line(words)


def _claim(almanac: Almanac) -> list[str]:
    factor = almanac.scenario.radiation.acceleration
    return wrap(
        f"Every flux, rate and dose: {CLAIM}. Rates are means over this time, without "
        f"acceleration; a flight multiplies them by radiation.acceleration = {factor:g}.",
        WIDTH,
    )


def _paragraph(label: str, words: str) -> str:
    return "\n".join(
        wrap(words, WIDTH, initial_indent=f"{label:<{LABEL}}", subsequent_indent=" " * LABEL)
    )


def _line(words: str) -> str:
    return words if len(words) <= WIDTH else f"{words[: WIDTH - 3]}..."
