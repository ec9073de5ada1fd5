"""The `themis` command: reads the command line, talks to a person, leaves the work to the layers below."""

from themis.cli.program import main

__all__ = ["main"]
