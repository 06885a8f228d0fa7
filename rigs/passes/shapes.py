"""The few shapes of SVG that the picture is made of, as text; lengths are px."""

from __future__ import annotations

from html import escape

INK, QUIET, GRID, PAGE, SHADE = "#18212c", "#5b6776", "#e3e7ec", "#ffffff", "#f1f3f5"


def text(
    x: float, y: float, words: str, anchor: str, size: float, colour: str, bold: bool = False
) -> str:
    """Return words at a place; ``anchor`` is start, middle or end."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}"{weight} '
        f'fill="{colour}">{escape(words)}</text>'
    )


def upright(x: float, y: float, words: str) -> str:
    """Return words that read upwards, with their middle at a place."""
    turn = f'transform="rotate(-90 {x:.1f} {y:.1f})"'
    return text(x, y, words, "middle", 12.5, INK).replace("<text", f"<text {turn}", 1)


def line(x0: float, y0: float, x1: float, y1: float, colour: str) -> str:
    """Return a thin straight line."""
    return f'<path d="M{x0:.1f},{y0:.1f}L{x1:.1f},{y1:.1f}" stroke="{colour}"/>'


def rect(x: float, y: float, width: float, height: float, colour: str, opacity: float = 1.0) -> str:
    """Return a filled rectangle."""
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{max(height, 0.0):.1f}" '
        f'fill="{colour}"' + ("/>" if opacity == 1.0 else f' fill-opacity="{opacity:g}"/>')
    )


def arrow(x: float, y: float, side: float, colour: str) -> str:
    """Return a mark at the foot of a curve that goes on beyond the mission."""
    outline = f"M{x:.1f},{y - 9.0:.1f}l{6.0 * side:g},4.5l{-6.0 * side:g},4.5z"
    return f'<path d="{outline}" fill="{colour}"/>'
