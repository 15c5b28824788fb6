"""What `ray up cluster.yaml` sets up in an AWS account, and how machines are bought there."""

from __future__ import annotations

import importlib.util

import click

if importlib.util.find_spec("boto3") is None:
    # Ray's command line imports this by name and shows nothing but a traceback of any other fault.
    raise click.ClickException(
        "boto3 is missing, with which AWS is asked\n  remedy: pip install 'sweep[aws]', in a checkout '.[aws]'"
    )
