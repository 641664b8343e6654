"""`wsproxy ca`: show and export the certificate authority."""

import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from wsproxy.certs import Authority

CONFDIR = click.option(
    "--confdir",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="The folder of the certificate authority (default: the user's own).",
)


@click.group()
def ca() -> None:
    """Show and export the certificate authority that signs for intercepted servers."""


@ca.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@CONFDIR
def show(as_json: bool, confdir: Path | None) -> None:
    """
    Print fingerprint, SPKI pin, dates and files of the authority.

    Makes the authority if there is none yet.
    """
    import json

    from wsproxy.certs import describe

    authority = _ensure(confdir)
    info = describe(authority.certificate)
    if as_json:
        facts = {
            "subject": info.subject,
            "sha256": info.sha256,
            "spki_pin": info.spki_pin,
            "key": info.key,
            "not_before": f"{info.not_before:%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{info.not_after:%Y-%m-%dT%H:%M:%SZ}",
            "certificate": str(authority.certificate_path),
            "private_key": str(authority.key_path),
        }
        click.echo(json.dumps(facts))
        return
    click.echo(f"Subject      {info.subject}")
    click.echo(f"SHA-256      {info.sha256}")
    click.echo(f"SPKI pin     {info.spki_pin}")
    click.echo(f"Key          {info.key}")
    click.echo(f"Valid        {info.not_before:%Y-%m-%d} to {info.not_after:%Y-%m-%d} (UTC)")
    click.echo(f"Certificate  {authority.certificate_path}")
    click.echo(f"Private key  {authority.key_path}")


@ca.command()
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
    """
    from cryptography.hazmat.primitives.serialization import Encoding

    from wsproxy.certs.authority import certificate_p12
    from wsproxy.errors import UsageError

    to_stdout = output is None or str(output) == "-"
    if to_stdout and kind != "pem" and sys.stdout.isatty():
        raise UsageError(
            f"{kind} is binary and would garble the terminal", "Name a file with -o, or redirect stdout."
        )
    authority = _ensure(confdir)
    if kind == "p12":
        data = certificate_p12(authority.certificate)
    else:
        data = authority.certificate.public_bytes(Encoding.DER if kind == "der" else Encoding.PEM)
    if output is None or to_stdout:
        sys.stdout.buffer.write(data)
    else:
        _write(output, data, force, authority)


def _ensure(confdir: Path | None) -> "Authority":
    from wsproxy.certs import Authority
    from wsproxy.config import ca_dir

    authority = Authority.ensure((confdir or ca_dir()).expanduser().absolute())
    if authority.created:
        click.echo(f"Made a new certificate authority in {authority.directory}.", err=True)
    if sys.platform != "win32" and stat.S_IMODE(authority.key_path.stat().st_mode) & 0o077:
        click.echo(
            f"Warning: others on this machine may read or write the private key; "
            f"`chmod 600 {authority.key_path}` makes it yours alone.",
            err=True,
        )
    return authority


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
