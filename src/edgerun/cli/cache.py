"""edgerun cache clear: removes the plans that are kept on disk."""

from __future__ import annotations

import click

from edgerun.cli.common import json_option, print_json


@click.group("cache")
def command() -> None:
    """Empty the folder of plans that make the next start fast (`doctor` shows it)."""


@command.command("clear")
@json_option
def clear(as_json: bool) -> None:
    """Remove every plan."""
    from edgerun import cache

    freed = cache.clear()
    if as_json:
        print_json({"bytes": freed})
    else:
        click.echo(f"{freed:,} bytes removed")
