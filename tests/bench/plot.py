# SPDX-License-Identifier: BSD-3-Clause
"""A picture of curves, both axes by powers, as SVG; needs nothing but Python."""

import html
import math

WIDTH, HEIGHT = 760, 480
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 50, 55
COLOURS = ("#1f5fa8", "#c2410c", "#15803d", "#7e22ce", "#0f766e", "#a16207")


class Axis:
    """From a value to a place between two ends, by its logarithm."""

    def __init__(self, values, first, last, base):
        self.low = math.floor(math.log(min(values), base))
        self.high = max(math.ceil(math.log(max(values), base)), self.low + 1)
        self.first, self.last, self.base = first, last, base

    def __call__(self, value):
        part = (math.log(value, self.base) - self.low) / (self.high - self.low)
        return self.first + part * (self.last - self.first)

    def ticks(self):
        return [self.base ** power for power in range(self.low, self.high + 1)]


def _text(x, y, text, extra=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" {extra}>{html.escape(text)}</text>'


def _line(x1, y1, x2, y2, extra):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {extra}/>'


def _frame(x, y, labels):
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    for value in x.ticks():
        yield _line(x(value), TOP, x(value), bottom, 'stroke="#e5e5e5"')
        yield _text(x(value), bottom + 18, f"{value:g}", 'text-anchor="middle"')
    for value in y.ticks():
        yield _line(LEFT, y(value), right, y(value), 'stroke="#d4d4d4"')
        yield _text(LEFT - 8, y(value) + 4, f"{value:g}", 'text-anchor="end"')
    yield _text((LEFT + right) / 2, HEIGHT - 12, labels[0], 'text-anchor="middle"')
    yield _text(18, (TOP + bottom) / 2, labels[1],
                f'text-anchor="middle" transform="rotate(-90 18 {(TOP + bottom) / 2:.1f})"')


def _curve(x, y, points, colour):
    way = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in points)
    yield f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>'
    for a, b in points:
        yield f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="2.5" fill="{colour}"/>'


def _names(y, ends):
    """Beside the ends of the curves, as far apart as they can be read."""
    at = TOP
    for name, value, colour in sorted(ends, key=lambda end: -end[1]):
        at = max(at + 16, y(value) + 4)
        yield _text(WIDTH - RIGHT + 10, at, name, f'fill="{colour}"')


def curves(title, labels, series):
    """@series: {name: [(x, y)]}, all above 0. The text of an SVG file."""
    points = [point for curve in series.values() for point in curve]
    x = Axis([a for a, _ in points], LEFT, WIDTH - RIGHT, 2)
    y = Axis([b for _, b in points], HEIGHT - BOTTOM, TOP, 10)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
             'font-family="sans-serif" font-size="12">',
             f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
             _text(LEFT, 28, title, 'font-size="15"'), *_frame(x, y, labels)]
    ends = []
    for colour, (name, curve) in zip(COLOURS, series.items()):
        parts += _curve(x, y, curve, colour)
        ends.append((name, curve[-1][1], colour))
    return "\n".join([*parts, *_names(y, ends), "</svg>", ""])
