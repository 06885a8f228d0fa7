"""What ``highbay environment`` does."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from rigs.almanac.chart import picture_svg
from rigs.almanac.figures import almanac
from rigs.almanac.files import FORMATS, check_format, write
from rigs.almanac.show import show
from rigs.passes.plot_file import check_plot_name, write_plot
from rigs.reading import Sheet

EXAMPLE = "--plot sky.svg"


def environment_command_body(
    sheet: Sheet,
    folder: Path | None,
    file_format: str | None,
    plot: Path | None,
    console: Console | None = None,
) -> None:
    """Print the sky over a mission, draw it to a file, and write its tape to a folder.

    Raises:
        ScenarioError: the mission cannot be, a file cannot be written, or its
            format or name is none.
    """
    check_format(file_format, folder)
    if plot is not None:
        check_plot_name(plot, EXAMPLE)
    console, sky = console or Console(), almanac(sheet)
    paths = write(folder, sky, file_format or FORMATS[0]) if folder is not None else []
    if plot is not None:
        write_plot(plot, picture_svg(sky), EXAMPLE)
    show(sky, console)
    for label, path in (*(("Plot", p) for p in (plot,) if p), *(("File", p) for p in paths)):
        console.print(f"{label}: {path}", soft_wrap=True, markup=False)
