"""The command line's application: its commands, in the order of ``--help``."""

from __future__ import annotations

from typing import Annotated

import typer

from onnxcam import __version__
from onnxcam.cli.commands import (
    adapt,
    batch,
    doctor,
    evaluate,
    explain,
    inspect,
    page,
    report,
    sanity,
    serve,
    triton,
    verify,
)
from onnxcam.cli.extensions import Commands, add_stubs
from onnxcam.cli.help import Command

app = typer.Typer(
    cls=Commands,
    help="Explains what a convolutional network sees, with ONNX Runtime alone.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"onnxcam {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  its callback does the work
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Explains what a convolutional network sees, with ONNX Runtime alone."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command(cls=Command, epilog=explain.EPILOG)(explain.explain)
app.command(cls=Command)(inspect.inspect)
app.command(cls=Command)(verify.verify)
app.command(cls=Command)(doctor.doctor)
app.command(cls=Command)(adapt.adapt)
app.command(cls=Command)(sanity.sanity)
app.command(cls=Command)(report.report)
app.command(cls=Command)(page.page)
app.command(cls=Command)(triton.triton)
app.command(cls=Command, epilog=batch.EPILOG)(batch.batch)
app.command(cls=Command, epilog=evaluate.EPILOG)(evaluate.evaluate)
app.command(cls=Command, epilog=serve.EPILOG)(serve.serve)
add_stubs(app)
