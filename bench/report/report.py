"""Writes the report of bench/record: docs/benchmarks.md, its pictures, and the README's part.

    python bench/run_module.py report

Every figure in the report is taken from there. known_losses.toml says why rows are missed. The same
as a page, which needs no other file, goes to build/bench/report.html.
"""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import plots
import profiles
import record
import repeats
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from results import COLUMNS, EVENT, LINES, Figure, Job, Ratio, Results, load, number

ROOT: Final = Path(__file__).resolve().parents[2]
DOCS: Final = ROOT / "docs"
PICTURES: Final = DOCS / "benchmarks"
PAGE: Final = ROOT / "build" / "bench" / "report.html"
BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"
KNOWN_LOSSES: Final = Path(__file__).with_name("known_losses.toml")
MISSED: Final = "**missed**"
TIMES: Final = "\N{MULTIPLICATION SIGN}"
SPARK_TEXT: Final = (
    "JSON lines as text on two cores: reading them alone, handing them to a mapInArrow that drops "
    "or gives back all, and detection."
)
README_PICTURE: Final = "lines-mixed-plain"


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under a head."""

    head: list[str]
    rows: list[list[str]]


@dataclass(slots=True)
class Section:
    """A part of the report; ``pictures`` are names of SVG files with what they show."""

    title: str
    text: str = ""
    tables: list[Table] = field(default_factory=list)
    pictures: dict[str, str] = field(default_factory=dict)
    level: int = 2


def rate(value: float, unit: str) -> str:
    return f"{number(value / 1e6)} {'MB/s' if unit == 'bytes' else 'M events/s'}"


def verdict(row: Ratio | Figure) -> str:
    """Say what a row's goal is and whether it was met."""
    goal = row.at_least if isinstance(row, Ratio) else row.at_most
    if goal is None:
        return ""
    text = f"at least {goal:g}{TIMES}" if isinstance(row, Ratio) else f"at most {goal:g} {row.unit}"
    return f"{text}: {MISSED if row.is_missed else 'met'}"


def measured(row: Ratio | Figure) -> str:
    if isinstance(row, Ratio):
        low, high = row.spread
        return f"{number(row.ratio)}{TIMES} ({number(low)} to {number(high)})"
    return row.value if isinstance(row.value, str) else f"{number(row.value)} {row.unit}"


def overview(jobs: list[Job], *, short: bool = False) -> Table:
    """One line a job: illshell, the best that is not illshell's own, pure Python."""
    rows = []
    for job in jobs:
        best, reference = job.best, min(job.references, key=lambda row: row.ratio, default=None)
        if short and job.name.split("-")[-1] not in ("plain", "zstd", "utf8", "fixed"):
            continue
        bound = job.hardware_limit
        rows.append(
            [
                plots.title_of(job),
                rate(job.own_rate, job.unit),
                f"{best.labels['contender']}: {number(best.ratio)}{TIMES}" if best else "",
                f"{number(reference.ratio)}{TIMES}" if reference else "",
                f"{bound.ratio:.0%} of {bound.labels['contender']}" if bound else "",
            ]
        )
    head = ["job, on one core", "illshell", "times the best contender", "times pure Python"]
    return Table([*head, "of the hardware limit"], rows)


def contest(job: Job) -> Table:
    """Every contender at one job."""
    rows = [
        [
            row.labels["contender"] + (" †" if row.labels.get("only") else ""),
            rate(row.other_rate(job.unit), job.unit),
            measured(row),
            verdict(row),
        ]
        for row in job.rows
    ]
    return Table(["against", "its speed", "illshell is faster by (spread)", "goal"], rows)


def contest_sections(results: Results) -> list[Section]:
    kinds = {LINES: "JSON lines", COLUMNS: "Columns in memory", EVENT: "Event by event"}
    sections = []
    for kind, title in kinds.items():
        jobs = [job for job in results.jobs.values() if job.kind == kind]
        if not jobs:
            continue
        sections.append(Section(title, tables=[overview(jobs)]))
        for job in jobs:
            part = Section(plots.title_of(job), tables=[contest(job)], level=3)
            if kind != EVENT:
                plots.bars(job, part.title, PICTURES / f"{job.name}.svg")
                part.pictures[f"{job.name}.svg"] = f"Throughput: {part.title}"
            only = {row.labels["only"] for row in job.rows if row.labels.get("only")}
            if only:
                part.text = f"† judges {', '.join(only)} alone; in that row so does illshell."
            sections.append(part)
    return sections


def goals(results: Results) -> Section:
    """The rows that the project set itself, beside those of the contests."""
    rows: list[Ratio | Figure] = [*results.ratios, *results.figures]
    kept = [row for row in rows if "job" not in row.labels and verdict(row)]
    kept += [row for row in results.ratios if row.labels.get("goal_of") and row not in kept]
    table = [[row.row, measured(row), verdict(row)] for row in kept]
    return Section("Goals", tables=[Table(["row", "measured (spread)", "goal"], table)])


def misses_section(results: Results) -> Section:
    """The rows that are lost or missed their goal, and why."""
    known = tomllib.loads(KNOWN_LOSSES.read_text(encoding="utf-8"))["loss"]
    rows = []
    for row in results.misses:
        fitting = (each for each in known if re.search(each["row"], row.row))
        reason = next((f"{each['why']} It would take {each['takes']}." for each in fitting), "")
        rows.append([row.row, measured(row), verdict(row) or "first place: **lost**", reason])
    head = ["row", "measured (spread)", "goal", "why, and what it would take"]
    return Section("Misses", tables=[Table(head, rows)])


def repeats_section(results: Results) -> Section:
    """How near a second run came."""
    section = Section("A second run")
    if not record.AGAIN.exists():
        return section
    both = repeats.repeats(results, load(record.AGAIN))
    near = sum(each.is_near for each in both)
    section.text = (
        f"make bench-again: {near} of {len(both)} ratios were within {repeats.NEAR:.0%} of those "
        "of this report. The others:"
    )
    rows = [
        [each.row, f"{number(each.first)}{TIMES}", f"{number(each.second)}{TIMES}"]
        for each in both
        if not each.is_near
    ]
    section.tables.append(Table(["row", "this run", "the second"], rows))
    return section


def profile_section() -> Section:
    """What takes the time, of the last ``make profile``."""
    section = Section("Where the time goes")
    if not record.PROFILE.exists():
        return section
    section.text = (
        f"From make profile: the functions that take at least {profiles.LEAST:g} % of a job's "
        "time, the start of Python included. _copy_to_iter is the kernel's copy out of the page "
        "cache, scan the search for event names."
    )
    for job, shares in json.loads(record.PROFILE.read_bytes()).items():
        rows = [[function, file, f"{share:.1f} %"] for function, file, share in shares]
        section.tables.append(Table([f"{job}: function", "in", "of the time"], rows))
    return section


def latency_section(results: Results) -> Section:
    plots.latency(results.latencies, PICTURES / "latency.svg")
    rows = [
        [
            each["program"],
            f"{each['rate']:,}",
            f"{each['reached']:,.0f}",
            *(number(1e3 * value) for value in each["percentiles"].values()),
        ]
        for each in sorted(results.latencies, key=lambda each: each["rate"])
    ]
    names = [f"p{name}, ms" for name in results.latencies[0]["percentiles"]]
    return Section(
        "Latency",
        "From the write of a line into a pipe to its finding on stdout; the writer runs on a core "
        "of its own. Where the rate reached is lower, the program has fallen behind. illshell "
        "makes packed columns of what has come, were it one line, and its findings have a uid and "
        "the whole event: what takes longer at low rates is what keeps up at high ones.",
        [Table(["program", "events/s", "reached", *names], rows)],
        {"latency.svg": "How long findings take"},
    )


def growth_section(results: Results) -> Section:
    section = Section("Growth", "Each point is a process of its own.")
    for curve in results.curves:
        plots.growth(curve, PICTURES / f"growth-{curve['name']}.svg")
        section.pictures[f"growth-{curve['name']}.svg"] = curve["title"]
    return section


def figures_section(results: Results, title: str, prefix: str, text: str = "") -> Section:
    rows = [
        [row.row.removeprefix(prefix), measured(row)]
        for row in results.figures
        if row.row.startswith(prefix)
    ]
    return Section(title, text, [Table(["what", "measured"], rows)] if rows else [])


def about(results: Results) -> list[Section]:
    machine, versions = (
        Table(["", ""], [[name, text] for name, text in results.about[key].items()])
        for key in ("machine", "versions")
    )
    missing = [[name, reason] for name, reason in results.about["missing"].items()]
    return [
        Section("Machine", tables=[machine]),
        Section("Versions", tables=[versions]),
        Section("Not measured", tables=[Table(["what", "why"], missing)]),
    ]


def sections_of(results: Results) -> list[Section]:
    """Make the whole report, and its pictures."""
    sections = [misses_section(results), goals(results), *contest_sections(results)]
    if results.latencies:
        sections.append(latency_section(results))
    sections.append(figures_section(results, "Start-up", "start-up: "))
    sections.append(figures_section(results, "Spark's own cost", "Spark, two cores, ", SPARK_TEXT))
    if results.curves:
        sections.append(growth_section(results))
    sections.append(figures_section(results, "Memory bandwidth", "memory: "))
    sections += [profile_section(), repeats_section(results)]
    sections += about(results)
    return [each for each in sections if each.tables or each.pictures]


def write_readme(results: Results, environment: Environment) -> None:
    """Put one picture and one table between the README's markers, where it has them."""
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        return
    jobs = [job for kind in (LINES, COLUMNS) for job in results.jobs.values() if job.kind == kind]
    part = environment.get_template("readme.md.jinja").render(
        picture=README_PICTURE,
        table=overview(jobs, short=True),
        about=results.about,
    )
    readme.write_text(f"{before}{BEGIN}\n{part}\n{END}{after}", encoding="utf-8")


def main() -> None:
    results = load(record.RESULTS)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=["html.jinja"]),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sections = sections_of(results)
    pictures = {path.name: path.read_text(encoding="utf-8") for path in PICTURES.glob("*.svg")}
    for template, path in (
        ("benchmarks.md.jinja", DOCS / "benchmarks.md"),
        ("benchmarks.html.jinja", PAGE),
    ):
        text = environment.get_template(template).render(
            sections=sections, about=results.about, pictures=pictures, missed=MISSED
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")
    write_readme(results, environment)


if __name__ == "__main__":
    main()
