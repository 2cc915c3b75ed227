"""edgerun profile: where the time of a model goes."""

from __future__ import annotations

from pathlib import Path

import click

from edgerun.cli.common import (
    existing,
    json_option,
    model_argument,
    print_json,
    print_table,
    shape_option,
    threads_option,
)


@click.command("profile")
@model_argument
@threads_option
@shape_option
@json_option
def command(model: Path, threads: int | None, shapes: dict[str, tuple[int, ...]], as_json: bool) -> None:
    """Time every step of a model on pseudo-random input, with the kernel that ran."""
    from edgerun.session import Session, fixed_inputs

    session = Session(existing(model), threads=threads, shapes=shapes or None)
    steps = session.profile(fixed_inputs(session.inputs))
    if as_json:
        figures = [step.to_dict() for step in steps]
        print_json({"model": str(model), "threads": session.threads, "steps": figures})
        return
    rows = [["step", "operator", "kernel", "us", "share", "MMAC", "GMAC/s", "KB"]]
    for number, step in enumerate(steps):
        rows.append(
            [
                str(number),
                step.operator,
                step.kernel,
                f"{step.time_us:.1f}",
                f"{step.share:.1%}",
                f"{step.macs / 1e6:.2f}" if step.macs else "",
                f"{step.gmacs:.1f}" if step.macs else "",
                f"{step.bytes / 1e3:.1f}",
            ]
        )
    print_table(rows, right="034567")
    total = sum(step.time_us for step in steps) / 1e3
    ends = ["" if n == 1 else "s" for n in (len(steps), session.threads)]
    click.echo(f"{len(steps)} step{ends[0]}, {total:.3f} ms, {session.threads} thread{ends[1]}")
