"""chart.py - the report as an SVG picture: a panel for each metric with a bar for each variant, in ratio to the baseline, then
what records and tenants cost."""
from typing import NamedTuple
from xml.sax.saxutils import escape

from report import BASE, GOALS, METRICS
from scale import LOADS

WIDTH, LABEL, ROW, HEAD, GAP = 860, 250, 22, 30, 18
CEILING = 3.0  # longer bars are cut, and end in a point; the figure beside them tells
OURS, OTHERS, INK, GRID, GOAL = "#2563a8", "#a9b4c0", "#1d2733", "#d7dde3", "#b3411f"


class Canvas:
    """Collects SVG elements."""

    def __init__(self):
        self.elements = []

    def text(self, x, y, words, size=12, anchor="start", weight="normal", colour=INK):
        self.elements.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
                             f'font-weight="{weight}" fill="{colour}">{escape(words)}</text>')

    def bar(self, x, y, width, height, colour):
        self.elements.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                             f'fill="{colour}"/>')

    def cut(self, x, y, height, colour):
        """Where a bar that is too long ends."""
        self.elements.append(f'<path d="M{x:.1f} {y:.1f} l8 {height / 2:.1f} l-8 {height / 2:.1f} z" fill="{colour}"/>')

    def line(self, x1, y1, x2, y2, colour, width=1.0, dashes=None):
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.elements.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
                             f'stroke-width="{width}"{dash}/>')

    def svg(self, width, height):
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}" font-family="sans-serif">\n'
                f'<rect width="{width}" height="{height}" fill="white"/>\n' + "\n".join(self.elements) + "\n</svg>\n")


class Row(NamedTuple):
    label: str
    spread: object  # report.Spread, or None when it could not be measured
    words: str
    colour: str = OURS


def bars(canvas, y, title, rows, ceiling, step, goals=()):
    """Draws one panel from `y` down; `goals` are (value, number of rows it is for). Returns where the panel ends."""
    scale = (WIDTH - LABEL - 150) / ceiling
    bottom = y + HEAD + ROW * len(rows)
    canvas.text(16, y + 18, title, 14, weight="bold")
    for tick in (n * step for n in range(int(ceiling / step) + 1)):
        x = LABEL + tick * scale
        canvas.line(x, y + HEAD - 4, x, bottom, GRID)
        canvas.text(x, bottom + 12, f"{tick:g}", 10, "middle")
    for number, row in enumerate(rows):
        top = y + HEAD + ROW * number
        canvas.text(LABEL - 8, top + 14, row.label, anchor="end")
        if not row.spread:
            canvas.text(LABEL + 6, top + 14, "broken", colour=GOAL)
            continue
        median, low, high = row.spread
        middle = top + 3 + (ROW - 8) / 2
        canvas.bar(LABEL, top + 3, min(median, ceiling) * scale, ROW - 8, row.colour)
        if median > ceiling:
            canvas.cut(LABEL + ceiling * scale, top + 3, ROW - 8, row.colour)
        if high < ceiling:
            canvas.line(LABEL + low * scale, middle, LABEL + high * scale, middle, INK, 1.5)
        canvas.text(WIDTH - 16, top + 14, row.words, anchor="end")
    for value, count in goals:
        x = LABEL + value * scale
        canvas.line(x, y + HEAD - 4, x, y + HEAD + ROW * count, GOAL, 2, "4 3")
    return bottom + 12 + GAP


def traffic(canvas, y, report, metric, ours):
    """One metric of all variants, in ratio to the baseline."""
    rows = []
    for variant, title in report.titles.items():
        ratio, value = report.ratio(metric.key, variant, BASE), report.absolute(metric.key, variant)
        words = f"{ratio.median:.2f}, {value.median:.{metric.digits}f} {metric.unit}" if ratio else ""
        rows.append(Row(title, ratio, words, OURS if variant in ours else OTHERS))
    ceiling = min(max([row.spread.high for row in rows if row.spread] + [1.2]) * 1.02, CEILING)
    better = "more is better" if metric.more_is_better else "less is better"
    goals = [(goal.least, len(ours)) for goal in GOALS if goal.metric == metric.key and goal.baseline == BASE]
    return bars(canvas, y, f"{metric.title} ({better})", rows, ceiling, 0.5, goals)


def crowds(canvas, y, scale, load):
    """What one kind of frame costs with few and many records and tenants."""
    rows = []
    for key, host in scale.hosts.items():
        spread = scale.spread(key, load.key)
        tenants = "1 tenant" if host["tenants"] == 1 else f"{host['tenants']:,} tenants"
        rows.append(Row(f"{tenants}, {host['records']:,} records", spread,
                        f"{spread.median:.0f} ns" if spread else ""))
    ceiling = max([row.spread.high for row in rows if row.spread] + [100]) * 1.02
    return bars(canvas, y, f"The engine's program, {load.title}: ns per frame (less is better)", rows, ceiling,
                100 * (1 + ceiling // 800))


def draw(report, ours, scale=None):
    canvas = Canvas()
    canvas.text(16, 26, f"Ratio to '{report.titles.get(BASE, BASE)}' on the same machine, same run", 16, weight="bold")
    canvas.text(16, 44, f"bar: median of {report.facts['rounds']} rounds; line: the middle half of them; dashes: goal; "
                f"{report.facts['machine']}", 11)
    y = 58
    for metric in METRICS:
        y = traffic(canvas, y, report, metric, ours)
    for load in LOADS if scale else []:
        y = crowds(canvas, y, scale, load)
    return canvas.svg(WIDTH, y)
