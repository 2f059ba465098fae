"""The report's pictures, as SVG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib import pyplot as plt
from results import COLUMNS, Job, number

ILLSHELL: Final = "illshell"
COLORS: Final = {
    ILLSHELL: "#c2410c",
    "reference": "#a8a29e",
    "other": "#57708c",
    "hardware_limit": "#1c1917",
}
FOLLOWING: Final = ("#57708c", "#a8a29e", "#65804f", "#8b6f9c")

mpl.use("Agg")
mpl.rcParams.update(
    {
        "svg.hashsalt": ILLSHELL,  # the same figures give the same file
        "svg.fonttype": "none",
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
    }
)


def bars(job: Job, title: str, path: Path) -> None:
    """Throughput on a log axis, the fastest on top, the hardware limit as a line."""
    scale, unit = (1e6, "MB/s") if job.unit == "bytes" else (1e6, "million events/s")
    speeds = [(ILLSHELL, job.own_rate / scale, COLORS[ILLSHELL])]
    for row in job.contenders:
        color = COLORS["reference" if row.labels["reference"] else "other"]
        speeds.append((row.labels["contender"], row.other_rate(job.unit) / scale, color))
    speeds.sort(key=lambda bar: bar[1])
    names, values, colors = zip(*speeds, strict=True)
    figure, axes = plt.subplots(figsize=(8, 0.8 + 0.27 * len(speeds)))
    drawn = axes.barh(names, values, color=colors, height=0.72)
    axes.bar_label(drawn, labels=list(map(number, values)), padding=3, fontsize=8)
    axes.set_xscale("log")
    top = max(values)
    if job.hardware_limit is not None:
        bound = job.hardware_limit.other_rate(job.unit) / scale
        top = max(top, bound)
        axes.axvline(bound, color=COLORS["hardware_limit"], linestyle=":")
        axes.annotate(
            job.hardware_limit.labels["contender"],
            (bound, 0),
            rotation=90,
            ha="right",
            va="bottom",
            fontsize=8,
        )
    axes.set_xlim(min(values) / 2, top * 3)
    axes.set_xlabel(unit)
    axes.set_title(title, loc="left")
    _save(figure, path)


def growth(curve: dict[str, Any], path: Path) -> None:
    """Two panels: speed and peak memory."""
    is_lines = curve["name"].startswith("lines")
    speed = "MB/s" if is_lines else "million events/s"
    figure, panels = plt.subplots(1, 2, figsize=(8, 2.8))
    tools = dict.fromkeys(point["tool"] for point in curve["points"])
    draw: list[tuple[Any, str, Callable[[dict[str, Any]], float]]] = [
        (panels[0], speed, lambda point: point["units"] / point["seconds"] / 1e6),
        (panels[1], "peak memory, MB", lambda point: point["max_rss"] / 1e6),
    ]
    for axes, label, value in draw:
        for tool, color in zip(tools, (COLORS[ILLSHELL], *FOLLOWING), strict=False):
            points = [point for point in curve["points"] if point["tool"] == tool]
            xs = [point["x"] for point in points]
            axes.plot(xs, [value(p) for p in points], "o-", color=color, label=tool, markersize=4)
        axes.set_xscale("symlog" if 0 in xs else "log", **({"linthresh": 1e-3} if 0 in xs else {}))
        axes.set_yscale("log")
        axes.set_xlabel(curve["axis"])
        axes.set_ylabel(label)
    low, high = panels[1].get_ylim()
    panels[1].set_ylim(low / 2, high * 2)
    panels[0].legend(frameon=False, fontsize=8)
    figure.suptitle(curve["title"], x=0.01, ha="left")
    _save(figure, path)


def latency(measured: list[dict[str, Any]], path: Path) -> None:
    """The share of findings that took no longer, per program and rate."""
    rates = sorted({each["rate"] for each in measured})
    programs = dict.fromkeys(each["program"] for each in measured)
    colors = dict(zip(programs, (COLORS[ILLSHELL], *FOLLOWING), strict=False))
    figure, panels = plt.subplots(1, len(rates), figsize=(8, 2.8), sharey=True, squeeze=False)
    for axes, rate in zip(panels[0], rates, strict=True):
        for each in measured:
            if each["rate"] == rate:
                times = [1e3 * second for second in each["quantiles"]]
                shares = [index / (len(times) - 1) for index in range(len(times))]
                color = colors[each["program"]]
                axes.plot(times, shares, color=color, label=each["program"])
        axes.set_xscale("log")
        axes.set_xlabel("ms")
        axes.set_title(f"{rate:,} events/s", loc="left", fontsize=9)
    panels[0][0].set_ylabel("share of findings")
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="upper right", frameon=False)
    _save(figure, path)


def title_of(job: Job) -> str:
    """Name a job: ``lines-mixed-plain`` and its like."""
    _, mix, *how = job.name.split("-")
    events = {"mixed": "mixed events, 3 % execs", "exec": "execs only"}[mix]
    if job.kind == COLUMNS:
        return f"Columns in memory, {how[0]}: {events}"
    if how:
        return f"Tracee JSON lines, {how[0]}: {events}"
    return f"on_event, decoded events: {events}"


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
