"""The verb `claims`: what the user's own records say of the study's claims."""

from __future__ import annotations

from pathlib import Path

import click

from sweep.flags import json_flag, run_flags
from sweep.options import existing_run
from sweep.words import print_rich, warn


@click.command()
@run_flags
@json_flag
@click.pass_context
def claims(ctx: click.Context, run: Path | None, grid: str | None, as_json: bool) -> None:
    """Judge the study's claims by the records of a sweep: supported, contradicted or not decidable.

    Exit code 0: all that can be decided is supported; 1: something is contradicted; 3: nothing can be decided.
    """
    folder = existing_run(run, grid)
    from reports.claims.judge import judge
    from reports.claims.show import claims_text, exit_code, render_claims
    from sweep.reporting.certainty import seen_in
    from sweep.snapshots import model_sources
    from sweep.words import shown

    seen = seen_in(folder, tell=lambda line: warn(f"warning: {line}"))
    verdicts = judge(seen.tables, seen.arms, seen.records, model_sources(folder))
    if as_json:
        click.echo(claims_text(verdicts, shown(folder)), nl=False)
    else:
        print_rich(render_claims(verdicts, shown(folder)))
    ctx.exit(exit_code(verdicts))
