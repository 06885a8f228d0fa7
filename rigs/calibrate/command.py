"""What ``highbay calibrate thermal`` and ``highbay predict thermal`` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from payloads.calibration.predict import Prediction, closed_loop, open_loop
from payloads.calibration.quality import Errors, Order, chosen, compare
from payloads.calibration.traces import Trace, binned
from payloads.calibration.twin import Twin, throttled, twin
from rigs.calibrate.chart import Panel, plot_svg, skyline
from rigs.calibrate.model_file import (
    ModelTable,
    Recording,
    model_table,
    model_text,
    read_model,
)
from rigs.calibrate.trace_file import read_trace
from rigs.errors import ScenarioError
from rigs.explain import visible
from rigs.passes.plot_file import check_plot_name, write_plot

PLOT_EXAMPLE = "--plot prediction.svg"
NOISE_SHARE = (2.0 / np.pi) ** 0.5  # mean absolute deviation of a normal variable, in its sd


def calibrate(
    paths: Sequence[Path], out: Path, orbit_s: float, console: Console | None = None
) -> None:
    """Fit a board to recordings, write it to a file, and say how good it is.

    Raises:
        ScenarioError: a recording is wrong or says too little, or the file cannot be written.
    """
    console = console or Console()
    if out.suffix != ".toml" or out.is_dir() or not out.absolute().parent.is_dir():
        raise ScenarioError(
            f"{visible(str(out))}: is no name of a model, in a folder that exists; "
            "for example -o pi.toml"
        )
    read = [read_trace(path) for path in paths]
    if len({digest for _, digest in read}) < len(read):
        raise ScenarioError(
            f"{visible(str(paths[-1]))}: a recording is given twice; name each once"
        )
    traces = [trace for trace, _ in read]
    records = [binned(trace) for trace in traces]
    try:
        orders = compare(records, orbit_s)
    except ValueError as error:
        raise ScenarioError(f"{', '.join(visible(str(p)) for p in paths)}: {error}") from error
    order = chosen(orders)
    board = twin(order.fitted, traces, records)
    maes_c = [_errors(open_loop(board, trace), trace).mae_c for trace in traces]
    recordings = [
        Recording(trace.name, digest, len(trace.t_s), float(trace.elapsed_s[-1]), mae_c)
        for (trace, digest), mae_c in zip(read, maes_c, strict=True)
    ]
    table = model_table(board, order, orders, recordings)
    try:
        out.write_text(model_text(table), encoding="utf-8")
    except OSError as error:
        raise ScenarioError(
            f"{visible(str(out))}: {error.strerror}; for example -o pi.toml"
        ) from error
    _show_fit(console, table, orders, order)
    console.print(Text(f"Model: {out}"), soft_wrap=True)


def _errors(prediction: Prediction, trace: Trace) -> Errors:
    return Errors.of(prediction.die_c, trace.die_c)


def _show_fit(console: Console, table: ModelTable, orders: tuple[Order, ...], order: Order) -> None:
    grid = Table(show_header=True, title="Mean absolute error, °C", title_justify="left", box=None)
    for words in ("nodes", "between recordings", "within", ""):
        grid.add_column(words, justify="left" if not words else "right")
    for each in orders:
        between = ", ".join(f"{c:.2f}" for c in each.between_c) or "-"
        grid.add_row(
            str(each.nodes), between, f"{each.within_c:.2f}", "chosen" if each is order else ""
        )
    console.print(grid)
    for node in table.nodes:
        console.print(
            f"{node.name:6} {node.capacity_j_per_k:8.2f} ± {node.capacity_sd:.2f} J/K, "
            f"{node.conductance_w_per_k:.4f} ± {node.conductance_sd:.4f} W/K outwards",
            highlight=False,
        )
    around = table.surroundings
    console.print(
        f"surroundings {around.mean_c:.1f} ± {around.mean_sd:.1f} °C for a recording not seen; "
        f"radiative share {table.radiation.share:.2f} ± {table.radiation.share_sd:.2f}",
        highlight=False,
    )
    floor_c = NOISE_SHARE * table.recorder.flicker_c
    console.print(
        f"A perfect model would still be off by {floor_c:.2f} °C: readings flicker by "
        f"{table.recorder.flicker_c:.2f} °C.",
        highlight=False,
    )


def predict(
    model: Path,
    path: Path,
    closed: bool,
    load_w: float | None,
    plot: Path | None,
    console: Console | None = None,
) -> None:
    """Predict a recording with a fitted board, and say how far off that is.

    Raises:
        ScenarioError: model or recording are wrong, or no load can be read from it.
    """
    console = console or Console()
    if load_w is not None and not closed:
        raise ScenarioError(
            "--load-w: says the load of a closed loop; the open one takes the recorded power; "
            "for example --closed-loop --load-w 5.5"
        )
    plot = plot or model.with_name(f"{model.stem}-{path.stem}.svg")
    check_plot_name(plot, PLOT_EXAMPLE)
    board = read_model(model).twin()
    trace, _ = read_trace(path)
    try:
        prediction = closed_loop(board, trace, load_w) if closed else open_loop(board, trace)
    except ValueError as error:
        raise ScenarioError(f"{visible(str(path))}: {error}") from error
    errors = _errors(prediction, trace)
    words = "load alone" if closed else "power alone"
    console.print(f"{visible(trace.name)} from its {words}", highlight=False, markup=False)
    for row in _rows(board, trace, prediction, errors):
        console.print(row, highlight=False, markup=False)
    unicode = "utf" in (console.encoding or "").lower()
    for row in skyline(trace.t_s, trace.die_c, prediction.die_c, unicode):
        console.print(row, highlight=False, markup=False, no_wrap=True)
    title = f"{trace.name}: die temperature predicted from its {words}"
    write_plot(
        plot, plot_svg(title, _facts(errors), trace.t_s, _panels(trace, prediction)), PLOT_EXAMPLE
    )
    console.print(f"Plot: {plot}", soft_wrap=True, markup=False, highlight=False)


def _facts(errors: Errors) -> str:
    return (
        f"MAE {errors.mae_c:.2f} °C, RMSE {errors.rmse_c:.2f} °C, bias {errors.bias_c:+.2f} °C, "
        f"worst {errors.worst_c:.2f} °C"
    )


def _rows(board: Twin, trace: Trace, prediction: Prediction, errors: Errors) -> list[str]:
    rows = [_facts(errors)]
    if prediction.load_w is not None:
        mean_w = float(np.mean(prediction.power_w))
        rows.append(
            f"load {prediction.load_w:.2f} W at full clock; mean power {mean_w:.2f} W, "
            f"measured {float(np.mean(trace.power_w)):.2f} W"
        )
    share = 100.0 * float(prediction.throttled.mean())
    measured = throttled(trace, binned(trace), board.throttle)
    if measured is None:
        rows.append(f"throttled {share:.1f} % of the time predicted; no clock was recorded")
    else:
        seen = 100.0 * float(measured.mean())
        rows.append(
            f"throttled {seen:.1f} % of the time measured, {share:.1f} % predicted "
            f"({share - seen:+.1f} points)"
        )
    stuck = int((~trace.live()).sum())
    if stuck:
        rows.append(f"{stuck} readings of the die never change: an old value, counted all the same")
    return rows


def _panels(trace: Trace, prediction: Prediction) -> list[Panel]:
    panels = [
        Panel("Die, °C", trace.die_c, prediction.die_c, 300.0),
        Panel("Error, K", None, prediction.die_c - trace.die_c, 110.0),
        Panel("Power, W", trace.power_w, prediction.power_w, 130.0),
    ]
    if trace.clock_mhz is not None:
        panels.append(Panel("Clock, MHz", trace.clock_mhz, prediction.clock_mhz, 110.0))
    return panels
