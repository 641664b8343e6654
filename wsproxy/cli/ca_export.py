"""`wsproxy ca export`: the certificate in every form, and its key in none."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wsproxy.cli.ca import CONFDIR, authority_in

if TYPE_CHECKING:
    from wsproxy.certs import Authority


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["pem", "der", "p12"]),
    default="pem",
    show_default=True,
    help="pem is text; der (also called .crt or .cer) and p12 are binary.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    metavar="FILE",
    help="Write to FILE instead of stdout.",
)
@click.option("--force", is_flag=True, help="Overwrite FILE if it exists.")
@CONFDIR
def export(kind: str, output: Path | None, force: bool, confdir: Path | None) -> None:
    """
    Write the certificate, never the private key.

    Makes the authority if there is none yet.

    \b
    Examples:
      wsproxy ca export -o wsproxy-ca.pem
      wsproxy ca export --format der -o wsproxy-ca.cer
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from wsproxy.certs.authority import certificate_p12
    from wsproxy.errors import UsageError

    to_stdout = output is None or str(output) == "-"
    if to_stdout and kind != "pem" and sys.stdout.isatty():
        raise UsageError(
            f"{kind} is binary and would garble the terminal", "Name a file with -o, or redirect stdout."
        )
    authority = authority_in(confdir)
    if kind == "p12":
        data = certificate_p12(authority.certificate)
    else:
        data = authority.certificate.public_bytes(Encoding.DER if kind == "der" else Encoding.PEM)
    if output is None or to_stdout:
        sys.stdout.buffer.write(data)
    else:
        _write(output, data, force, authority)


def _write(path: Path, data: bytes, force: bool, authority: "Authority") -> None:
    from wsproxy.certs.authority import KEY_FILE
    from wsproxy.errors import UsageError, WsproxyError

    secret = authority.directory / KEY_FILE
    try:
        if path.exists() and secret.exists() and path.samefile(secret):
            raise UsageError(f"{path} holds the private key of the authority", "Name another file.")
        with path.open("wb" if force else "xb") as file:
            file.write(data)
    except FileExistsError:
        raise UsageError(f"{path} exists already", "Name another file, or add --force.") from None
    except OSError as error:
        raise WsproxyError(f"cannot write {path}: {(error.strerror or str(error)).lower()}") from error
