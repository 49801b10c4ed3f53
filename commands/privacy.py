"""`footfall privacy`: what is kept of people, and for how long."""

import click

from commands import privacy_retention


@click.group()
def command() -> None:
    """What is kept of people: retention, holds, and what a bucket itself should remove."""


for _each in privacy_retention.COMMANDS:
    command.add_command(_each)
