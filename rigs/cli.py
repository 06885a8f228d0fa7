"""The command line. Nothing heavy is imported before a command needs it."""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from rigs.errors import RigError, ScenarioError

if TYPE_CHECKING:
    from rigs.flight import Progress
    from rigs.rig import RigTable

LONGEST_FRAME_BYTES = 2000  # that the bench can inject
INTERRUPTED = 130  # exit code of a flight that was broken off with Ctrl-C
_FILE = click.Path(path_type=Path)


_IN = click.option(
    "--in", "nearer", type=_FILE, default=None, help="Results folder of the mission."
)


class _OneLine(click.Group):
    """Says what a user can mend in one line, and exits with 2."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (ScenarioError, RigError) as error:
            click.echo(f"highbay: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_OneLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="highbay")
def main() -> None:
    """Fly a single-board computer as a satellite payload, without leaving the bench."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that knows no ° shows a ?


@main.command("run")
@click.argument("scenario", default=None, required=False)
@click.option("--rig", default=None, help="A rig by name or file; see `highbay rigs`.")
@click.option("--out", type=_FILE, default=None, help="Results folder.")
@click.option("--seed", type=click.IntRange(0), default=None, help="Seed of all chance.")
@click.option("--until", type=float, default=None, help="End after this mission time, in s.")
@click.option("--rate", type=float, default=None, help="Rehearse: mission seconds per second.")
@click.option("--replay", type=_FILE, default=None, help="Inject again what that flight got.")
@click.option("--broker", default=None, help="auto, mosquitto, amqtt, or mqtt://user:pw@host.")
@click.option(
    "--store", type=_FILE, default=None, help="Rehearse: go on with what a satellite kept."
)
def run_command(
    scenario: str | None,
    rig: str | None,
    out: Path | None,
    seed: int | None,
    until: float | None,
    rate: float | None,
    replay: Path | None,
    broker: str | None,
    store: Path | None,
) -> None:
    """Fly a mission.

    SCENARIO is a shipped one by name, or a file.

    Without one it is first-light, or that of the flight to replay.
    """
    from rigs.flight import SCENARIO, fly, fresh_folder
    from rigs.reading import read_scenario

    said = scenario or (str(replay / SCENARIO) if replay else "first-light")
    sheet = read_scenario(said).with_options(seed=seed, horizon_s=until)
    rig_table = _rig_table(rig, rate=rate, broker=broker, store=str(store) if store else None)
    folder = out or fresh_folder(sheet.scenario.name)
    with _progress(sheet.scenario.name, sheet.scenario.horizon_s) as progress:
        landed = fly(sheet, rig_table, folder, progress, replay, _note)
    _show(landed.folder, landed.summary)
    if landed.interrupted:
        sys.exit(INTERRUPTED)


@main.command()
def scenarios() -> None:
    """List the shipped scenarios."""
    from rigs.shipped import parse, shipped

    for name, text in shipped("scenarios").items():
        click.echo(f"{name:12} {parse(text, name).get('description', '')}")


@main.command()
def rigs() -> None:
    """List the shipped rigs."""
    from rigs.shipped import parse, shipped

    for name, text in shipped("benches").items():
        click.echo(f"{name:12} {parse(text, name).get('description', '')}")


@main.command()
@click.argument("scenario")
def validate(scenario: str) -> None:
    """Check a scenario without flying it."""
    from rigs.build import Options, build
    from rigs.reading import read_scenario
    from rigs.records import Records
    from rigs.rig import RigTable

    sheet = read_scenario(scenario)
    with build(sheet, Options(RigTable(mode="emulation")), Records(None)):
        click.echo(f"{scenario}: can be flown")


@main.command()
@click.argument("scenario", default="first-light")
@click.option("--station", default=None, help="Only the contacts of this station.")
@click.option("--plot", type=_FILE, default=None, help="Draw them to this SVG file.")
def passes(scenario: str, station: str | None, plot: Path | None) -> None:
    """Show the contacts of a scenario: when, how high, how much they carry."""
    from rigs.passes.command import passes_command_body
    from rigs.reading import read_scenario

    passes_command_body(read_scenario(scenario), station, plot)


@main.command()
@click.argument("scenario", default="first-light")
@click.option("--out", type=_FILE, default=None, help="Write the tape to this folder.")
@click.option("--format", "file_format", default=None, help="Of those files: csv or parquet.")
@click.option("--plot", type=_FILE, default=None, help="Draw it to this SVG file.")
@click.option("--until", type=float, default=None, help="End after this mission time, in s.")
def environment(
    scenario: str,
    out: Path | None,
    file_format: str | None,
    plot: Path | None,
    until: float | None,
) -> None:
    """Show the sky over a scenario: light, contacts, radiation, and what follows.

    All of it is emulated. --out writes the tape for pandas and others.
    """
    from rigs.almanac.command import environment_command_body
    from rigs.reading import read_scenario

    sheet = read_scenario(scenario).with_options(horizon_s=until)
    environment_command_body(sheet, out, file_format, plot)


@main.group()
def calibrate() -> None:
    """Fit a model of a board to recordings of it."""


@calibrate.command("thermal")
@click.argument("traces", type=_FILE, nargs=-1, required=True, metavar="TRACE...")
@click.option("-o", "--out", type=_FILE, required=True, help="Write the model to this TOML file.")
@click.option(
    "--orbit-s",
    type=click.FloatRange(600.0, 1e6),
    default=5680.0,
    show_default=True,
    help="Orbit period, in s: the surroundings swing with it.",
)
def calibrate_thermal(traces: tuple[Path, ...], out: Path, orbit_s: float) -> None:
    """Fit a network of thermal nodes to recorded power and die temperature.

    A TRACE is a CSV file with t_s,power_w,die_c and maybe arm_clock_mhz.
    """
    from rigs.calibrate.command import calibrate as body

    body(traces, out, orbit_s)


@main.group()
def predict() -> None:
    """Judge a fitted model on another recording."""


@predict.command("thermal")
@click.argument("model", type=_FILE)
@click.argument("trace", type=_FILE)
@click.option(
    "--closed-loop", is_flag=True, help="Know only the load: predict power and clock too."
)
@click.option(
    "--load-w",
    type=click.FloatRange(0.0, 1e4, min_open=True),
    default=None,
    help="Watts of the loaded board at full clock; without it, read from TRACE.",
)
@click.option("--plot", type=_FILE, default=None, help="SVG file; without it, beside MODEL.")
def predict_thermal(
    model: Path, trace: Path, closed_loop: bool, load_w: float | None, plot: Path | None
) -> None:
    """Predict the die temperature of a TRACE from its power alone."""
    from rigs.calibrate.command import predict as body

    body(model, trace, closed_loop, load_w, plot)


@main.command("report")
@click.argument("folder", type=_FILE)
def report_command(folder: Path) -> None:
    """Make summary and report of a FOLDER again."""
    from rigs.flight import read_back, write_summary

    summary = read_back(folder)
    write_summary(folder, summary)
    _show(folder, summary)


@main.group()
@click.option("--in", "folder", type=_FILE, default=None, help="Results folder of the mission.")
@click.pass_context
def inject(ctx: click.Context, folder: Path | None) -> None:
    """Put a fault or a contact into a flying mission."""
    ctx.obj = folder


@inject.command()
@click.argument("kind", type=click.Choice(["seu", "mbu", "set", "sefi", "sel"]))
@click.option("--payload", default="pi", show_default=True, help="The payload to strike.")
@_IN
@click.pass_obj
def fault(folder: Path | None, kind: str, payload: str, nearer: Path | None) -> None:
    """Strike a payload with a fault of a KIND."""
    _inject(nearer or folder, "fault", {"kind": kind, "payload": payload})


@inject.command()
@click.argument("action", type=click.Choice(["open", "cut"]))
@click.option(
    "--duration", type=float, default=300.0, show_default=True, help="Mission s, at least 1."
)
@click.option("--station", default=None, help="The station; without it, bench or all.")
@click.option("--rate-bps", type=float, default=None, help="Rate; without it, the link's.")
@click.option("--frame-loss", type=float, default=None, help="Share of frames that vanish.")
@_IN
@click.pass_obj
def window(
    folder: Path | None,
    action: str,
    duration: float,
    station: str | None,
    rate_bps: float | None,
    frame_loss: float | None,
    nearer: Path | None,
) -> None:
    """Open a contact, or cut contacts, from this moment on.

    An opened one takes the place of the contact that its station has.
    """
    request = {"action": action, "duration_s": duration, "station": station, "rate_bps": rate_bps}
    request["frame_loss"] = frame_loss
    _inject(nearer or folder, "window", {k: v for k, v in request.items() if v is not None})


@inject.command()
@click.argument("frame", type=click.File("rb"))
@_IN
@click.pass_obj
def uplink(folder: Path | None, frame: BinaryIO, nearer: Path | None) -> None:
    """Put the bytes of a file on the uplink, as a forger would."""
    octets = frame.read(LONGEST_FRAME_BYTES + 1)
    if not 0 < len(octets) <= LONGEST_FRAME_BYTES:
        rule = f"has no bytes, or more than {LONGEST_FRAME_BYTES}; an uplink frame has about 80"
        raise RigError(f"{frame.name}: {rule}")
    _inject(nearer or folder, "uplink", {"frame_base64": b64encode(octets).decode()})


@main.command("command")
@click.argument("payload")
@click.argument("command")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]...")
@click.option("--in", "folder", type=_FILE, default=None, help="Results folder of the mission.")
@click.option("--not-after", type=float, default=None, help="Mission s after which it is void.")
@click.option(
    "--wait",
    type=click.FloatRange(0.0, 86_400.0),
    default=60.0,
    show_default=True,
    help="Host s to wait.",
)
def command_command(
    payload: str,
    command: str,
    arguments: tuple[str, ...],
    folder: Path | None,
    not_after: float | None,
    wait: float,
) -> None:
    """Send a telecommand to a flying mission.

    For example `highbay command pi load-model model=tile-sorter-int8`.
    """
    from rigs.operator import ask

    folder = folder or _newest_session()
    if not ask(folder / "session.toml", payload, command, arguments, not_after, wait, click.echo):
        sys.exit(1)


def _note(line: str) -> None:
    click.echo(line, err=True)


def _newest_session() -> Path:
    found = sorted(Path("results").glob("*/session.toml"), key=lambda path: path.stat().st_mtime)
    if not found:
        raise RigError(
            "no mission flies on the wall clock under results/; start one with "
            "`highbay run --rate 600`, or name its results folder with --in"
        )
    return found[-1].parent


def _inject(said: Path | None, control: str, request: dict[str, object]) -> None:
    from groundlink.bench_control import SessionFile
    from groundlink.bench_control import inject as send
    from groundlink.endpoint import BrokerError
    from groundlink.topics import Control

    folder = said or _newest_session()
    try:
        ack = send(SessionFile.read(folder / "session.toml"), Control(control), request)
    except OSError as error:
        rule = "no mission flies there on the wall clock, or it has ended"
        raise RigError(f"{folder}/session.toml: {error.strerror}; {rule}") from error
    except (BrokerError, ValueError) as error:
        raise RigError(str(error)) from error
    if not ack.accepted:
        raise RigError(ack.reason)
    click.echo(f"injected at {ack.t_s:.1f} s of the mission in {folder}")


def _rig_table(name: str | None, **said: float | str | None) -> RigTable:
    from rigs.reading import checked, read_text
    from rigs.rig import RigTable
    from rigs.shipped import parse, shipped

    given = {key: value for key, value in said.items() if value is not None}
    name = name or ("rehearsal" if given else "emulation")
    known = shipped("benches")
    text = known.get(name) or read_text(
        Path(name), name, f"name one of {', '.join(known)}, or a file"
    )
    raw = parse(text, name)
    return checked(RigTable, raw | given, name)


def _show(folder: Path, summary: dict[str, object]) -> None:
    from rigs.report.page import write_report
    from rigs.table import show

    path = write_report(folder, summary)
    show(summary, path)


@contextmanager
def _progress(name: str, horizon_s: float) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda t_s: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[clock]}"))
    with Bar(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task(name, total=horizon_s, clock="")

        def show(t_s: float) -> None:
            bar.update(
                task, completed=t_s, clock=f"{t_s / 3600.0:5.1f} h of {horizon_s / 3600.0:.3g} h"
            )

        yield show


if __name__ == "__main__":
    main()
