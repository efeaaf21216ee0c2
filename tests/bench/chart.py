"""chart.py - the report as an SVG picture: one panel per metric, one bar per variant, in ratio to the baseline."""
from xml.sax.saxutils import escape

from report import BASE, GOALS, METRICS

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


def panel(canvas, y, report, metric, ours):
    """Draws one metric from `y` down; returns where it ends."""
    ratios = {v: report.ratio(metric.key, v, BASE) for v in report.titles}
    ceiling = min(max([r.high for r in ratios.values() if r] + [1.2]) * 1.02, CEILING)
    scale = (WIDTH - LABEL - 150) / ceiling
    bottom = y + HEAD + ROW * len(ratios)
    better = "more is better" if metric.more_is_better else "less is better"
    canvas.text(16, y + 18, f"{metric.title} ({better})", 14, weight="bold")
    for tick in (n / 2 for n in range(int(ceiling * 2) + 1)):
        x = LABEL + tick * scale
        canvas.line(x, y + HEAD - 4, x, bottom, INK if tick == 1 else GRID)
        canvas.text(x, bottom + 12, f"{tick:g}", 10, "middle")
    for row, (variant, ratio) in enumerate(ratios.items()):
        top = y + HEAD + ROW * row
        canvas.text(LABEL - 8, top + 14, report.titles[variant], anchor="end")
        if not ratio:
            canvas.text(LABEL + 6, top + 14, "broken", colour=GOAL)
            continue
        colour, middle = OURS if variant in ours else OTHERS, top + 3 + (ROW - 8) / 2
        canvas.bar(LABEL, top + 3, min(ratio.median, ceiling) * scale, ROW - 8, colour)
        if ratio.median > ceiling:
            canvas.cut(LABEL + ceiling * scale, top + 3, ROW - 8, colour)
        if ratio.high < ceiling:
            canvas.line(LABEL + ratio.low * scale, middle, LABEL + ratio.high * scale, middle, INK, 1.5)
        value = report.absolute(metric.key, variant).median
        canvas.text(WIDTH - 16, top + 14, f"{ratio.median:.2f}   {value:.{metric.digits}f} {metric.unit}", anchor="end")
    for goal in GOALS:
        if goal.metric == metric.key and goal.baseline == BASE:
            x = LABEL + goal.least * scale
            canvas.line(x, y + HEAD - 4, x, y + HEAD + ROW * len(ours), GOAL, 2, "4 3")
    return bottom + 12 + GAP


def draw(report, ours):
    canvas = Canvas()
    canvas.text(16, 26, f"Ratio to '{report.titles.get(BASE, BASE)}' on the same machine, same run", 16, weight="bold")
    canvas.text(16, 44, f"bar: median of {report.facts['rounds']} rounds; line: the middle half of them; dashes: goal; "
                f"{report.facts['machine']}", 11)
    y = 58
    for metric in METRICS:
        y = panel(canvas, y, report, metric, ours)
    return canvas.svg(WIDTH, y)
