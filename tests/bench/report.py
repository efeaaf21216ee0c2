"""report.py - what the samples say: medians, ratios within rounds, goals, as text and JSON."""
import statistics
from typing import NamedTuple


class Metric(NamedTuple):
    key: str
    title: str
    unit: str
    digits: int
    more_is_better: bool = True


class Goal(NamedTuple):
    metric: str
    baseline: str
    least: float  # where less is better: the most


METRICS = [
    Metric("tcp_up", "TCP, 1 stream, VM1 to VM2", "Gbit/s", 2),
    Metric("tcp_down", "TCP, 1 stream, VM2 to VM1", "Gbit/s", 2),
    Metric("tcp_cpu", "TCP, 1 stream, CPU time per GB", "s", 3, False),
    Metric("tcp_4_up", "TCP, 4 streams, VM1 to VM2", "Gbit/s", 2),
    Metric("tcp_4_down", "TCP, 4 streams, VM2 to VM1", "Gbit/s", 2),
    Metric("wire_up", "wire-size TCP, 1 stream, VM1 to VM2", "Gbit/s", 2),
    Metric("wire_down", "wire-size TCP, 1 stream, VM2 to VM1", "Gbit/s", 2),
    Metric("wire_cpu", "wire-size TCP, 1 stream, CPU time per GB", "s", 3, False),
    Metric("wire_4_up", "wire-size TCP, 4 streams, VM1 to VM2", "Gbit/s", 2),
    Metric("wire_4_down", "wire-size TCP, 4 streams, VM2 to VM1", "Gbit/s", 2),
    Metric("small", "64-byte packets", "Mpps", 3),
    Metric("small_cpu", "64-byte packets, CPU time of each", "ns", 0, False),
    Metric("flows", "64-byte packets, each a new flow", "M/s", 3),
    Metric("rtt_p50", "round trip, median", "us", 1, False),
    Metric("rtt_p99", "round trip, 99 %", "us", 1, False),
]
GOALS = [
    Goal("tcp_up", "kvx", 1.05), Goal("tcp_down", "kvx", 1.05),
    Goal("tcp_up", "br", 0.95), Goal("tcp_down", "br", 0.95),
    Goal("wire_up", "kvx", 1.0), Goal("wire_down", "kvx", 1.0),
    Goal("small", "kvx", 1.8), Goal("small", "bpf", 0.85),
]
BASE = "kvx"  # what the table and the chart compare everything with


class Spread(NamedTuple):
    """A median, and the range that holds the middle half of the values."""
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values):
        if len(values) == 1:
            return cls(*values * 3)
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)


class Report:
    """`samples[metric][variant]` is one number per round; None where the sample broke."""

    def __init__(self, titles, samples, facts, metrics=None, goals=None, base=BASE):
        self.titles, self.samples, self.facts = titles, samples, facts
        self.metrics, self.aims, self.base = metrics or METRICS, goals or GOALS, base

    def absolute(self, metric, variant):
        values = [v for v in self.samples[metric][variant] if v is not None]
        return Spread.of(values) if values else None

    def ratio(self, metric, variant, baseline):
        """Of each round by itself: what disturbs the machine for a while disturbs both sides of a ratio."""
        pairs = zip(self.samples[metric][variant], self.samples[metric].get(baseline, []))
        ratios = [a / b for a, b in pairs if a is not None and b]
        return Spread.of(ratios) if ratios else None

    def goals(self, ours):
        """(goal, variant, ratio or None, reached) for each of our variants."""
        for variant in ours:
            for goal in self.aims:
                ratio = self.ratio(goal.metric, variant, goal.baseline)
                yield goal, variant, ratio, ratio is not None and (
                    ratio.median >= goal.least if self.metric(goal).more_is_better else ratio.median <= goal.least)

    def metric(self, goal):
        return next(m for m in self.metrics if m.key == goal.metric)

    def text(self, ours):
        base = self.titles.get(self.base, self.base)
        lines = [f"\nMedian of {self.facts['rounds']} rounds of {self.facts['seconds']:g} s; ratio to '{base}', "
                 "median of the rounds' ratios [middle half of them]"]
        for metric in self.metrics:
            lines.append(f"\n{metric.title} ({metric.unit}; {'more' if metric.more_is_better else 'less'} is better)")
            for variant, title in self.titles.items():
                value, ratio = self.absolute(metric.key, variant), self.ratio(metric.key, variant, self.base)
                number = f"{value.median:10.{metric.digits}f}" if value else f"{'broken':>10}"
                lines.append(f"  {title:<32}{number}   {show(ratio)}")
        if ours:
            lines.append("\nGoals")
        for goal, variant, ratio, reached in self.goals(ours):
            metric = self.metric(goal)
            lines.append(f"  {'reached    ' if reached else 'NOT REACHED'}  {self.titles[variant]:<12} {metric.title:<36}"
                         f" at {'least' if metric.more_is_better else 'most '} {goal.least:.2f} of {self.titles.get(goal.baseline, goal.baseline):<30} "
                         f"{show(ratio)}")
        return "\n".join(lines)

    def json(self, ours):
        def spread(value):
            return value and value._asdict()

        return {
            "facts": self.facts,
            "variants": self.titles,
            "metrics": {m.key: {
                "title": m.title, "unit": m.unit, "more_is_better": m.more_is_better,
                "samples": self.samples[m.key],
                "values": {v: spread(self.absolute(m.key, v)) for v in self.titles},
                "ratios": {v: spread(self.ratio(m.key, v, self.base)) for v in self.titles},
            } for m in self.metrics},
            "goals": [{"metric": g.metric, "variant": v, "baseline": g.baseline, "least": g.least, "ratio": spread(r),
                       "reached": reached} for g, v, r, reached in self.goals(ours)],
        }


def show(ratio):
    return f"{ratio.median:5.2f} [{ratio.low:.2f} .. {ratio.high:.2f}]" if ratio else "    -"
