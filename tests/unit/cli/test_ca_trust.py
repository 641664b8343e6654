"""`wsproxy ca trust` and `untrust`: what they say, ask, do, remember and undo."""

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.support.stores import (
    Debian,
    needs_certutil,
    needs_update_ca_certificates,
    snapshot,
)
from wsproxy.certs import Authority, describe
from wsproxy.certs.trust import command
from wsproxy.certs.trust.debian import DebianStore
from wsproxy.certs.trust.nss import NssDatabase
from wsproxy.cli.main import main

Run = Callable[..., Result]


@pytest.fixture
def user(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's home folder, empty."""
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def authority(home: Path) -> Authority:
    return Authority.create(home / "ca")


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Debian:
    """The system's store."""
    found = Debian(tmp_path / "debian")
    monkeypatch.setattr(command, "needs_sudo", lambda: False)
    monkeypatch.setattr(DebianStore, "find", lambda: found.store)
    return found


def trusted(run: Run) -> dict[str, tuple[bool | None, bool]]:
    """By kind of store: whether it trusts the authority, and whether that is our doing."""
    told = json.loads(run("ca", "show", "--json").stdout)
    return {one["kind"]: (one["trusted"], one["by_wsproxy"]) for one in told["trust"]}


@needs_certutil
@needs_update_ca_certificates
def test_several_stores_are_trusted_and_taken_back(
    wsproxy: Run, user: Path, authority: Authority, debian: Debian, home: Path
) -> None:
    before = snapshot(debian.root)

    done = wsproxy("ca", "trust", "--system", "--nss", "--yes")
    assert done.exit_code == 0, done.output
    assert "Trusted in the system's store (Debian, Ubuntu)." in done.stderr
    assert "Trusted in Chrome's and Chromium's database ~/.pki/nssdb." in done.stderr
    assert done.stderr.endswith("`wsproxy ca untrust` takes it back.\n")
    assert trusted(wsproxy) == {"debian": (True, True), "nss": (True, True)}

    again = wsproxy("ca", "trust", "--system", "--nss", "--yes")
    assert (again.exit_code, again.stdout) == (0, "")
    assert "Trusted already in the system's store" in again.stderr

    undone = wsproxy("ca", "untrust", "--yes")
    assert undone.exit_code == 0, undone.output
    assert trusted(wsproxy) == {"debian": (False, False), "nss": (False, False)}
    assert snapshot(debian.root) == before
    assert snapshot(user) == {}
    assert not (home / "trust.json").exists()


@needs_certutil
def test_the_commands_that_are_printed_are_those_that_are_run(
    wsproxy: Run, user: Path, authority: Authority
) -> None:
    planned = wsproxy("ca", "trust", "--nss", "--dry-run")
    assert planned.exit_code == 0
    assert snapshot(user) == {}
    assert trusted(wsproxy)["nss"] == (False, False)

    # By hand: copied from the terminal.
    subprocess.run(["sh", "-eu", "-c", planned.stdout], check=True)
    assert trusted(wsproxy)["nss"] == (True, False)
    shutil.rmtree(user / ".pki")

    done = wsproxy("ca", "trust", "--nss", "--yes")
    assert done.stdout == planned.stdout
    undo = wsproxy("ca", "untrust", "--dry-run")
    assert trusted(wsproxy)["nss"] == (True, True)
    assert wsproxy("ca", "untrust", "--yes").stdout == undo.stdout
    assert snapshot(user) == {}


@needs_certutil
def test_a_dry_run_makes_no_authority(wsproxy: Run, user: Path, home: Path) -> None:
    done = wsproxy("ca", "trust", "--nss", "--dry-run")

    assert done.exit_code == 3
    assert "there is no certificate authority" in done.stderr
    assert not home.exists()


@needs_certutil
def test_what_was_done_is_remembered_in_a_file_for_its_owner_alone(
    wsproxy: Run, user: Path, authority: Authority, home: Path
) -> None:
    before = os.umask(0)
    try:
        wsproxy("ca", "trust", "--nss", "--yes")
    finally:
        os.umask(before)

    assert stat.S_IMODE((home / "trust.json").stat().st_mode) == 0o600


@needs_certutil
@needs_update_ca_certificates
def test_one_store_can_be_taken_back_alone(
    wsproxy: Run, user: Path, authority: Authority, debian: Debian
) -> None:
    wsproxy("ca", "trust", "--system", "--nss", "--yes")

    assert wsproxy("ca", "untrust", "--nss", "--yes").exit_code == 0

    assert trusted(wsproxy) == {"debian": (True, True), "nss": (False, False)}


@needs_update_ca_certificates
def test_after_a_renewal_the_new_certificate_takes_the_place_of_the_old(
    wsproxy: Run, user: Path, authority: Authority, debian: Debian
) -> None:
    before = snapshot(debian.root)
    wsproxy("ca", "trust", "--system", "--yes")

    renewed = wsproxy("ca", "renew", "--yes")
    assert renewed.exit_code == 0
    assert "`wsproxy ca trust --system` puts the new one in its place" in renewed.stderr
    shown = wsproxy("ca", "show").stdout
    assert "no, in the system's store" in shown
    assert "an earlier certificate is still trusted in the system's store" in shown

    assert wsproxy("ca", "trust", "--system", "--yes").exit_code == 0
    assert trusted(wsproxy)["debian"] == (True, True)
    assert len(list(debian.anchors.iterdir())) == 1
    wsproxy("ca", "untrust", "--yes")
    assert snapshot(debian.root) == before


@needs_certutil
def test_untrust_works_when_the_authority_is_gone(
    wsproxy: Run, user: Path, authority: Authority, home: Path
) -> None:
    wsproxy("ca", "trust", "--nss", "--yes")
    shutil.rmtree(home / "ca")

    assert wsproxy("ca", "untrust", "--yes").exit_code == 0

    assert snapshot(user) == {}
    assert not (home / "ca").exists()


@needs_certutil
def test_when_nobody_can_be_asked_nothing_is_done(wsproxy: Run, user: Path, authority: Authority) -> None:
    done = wsproxy("ca", "trust", "--nss")

    assert done.exit_code == 2
    assert "this asks first, and nobody is here to answer" in done.stderr
    assert "--yes" in done.stderr
    assert snapshot(user) == {}


@needs_certutil
@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 1), ("\n", 1)])
def test_a_person_is_asked_and_no_is_the_default(
    home: Path, user: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("wsproxy.cli.output.is_terminal", lambda stream: True)

    done = CliRunner().invoke(main, ["ca", "trust", "--nss"], input=answer)

    assert done.exit_code == code
    assert "Run this? [y/N]" in done.stderr
    assert (snapshot(user) != {}) is (code == 0)


@pytest.mark.parametrize("words", [["trust"], ["trust", "--yes"]])
def test_a_store_must_be_named(wsproxy: Run, user: Path, home: Path, words: list[str]) -> None:
    done = wsproxy("ca", *words)

    assert done.exit_code == 2
    assert "say which trust store: --system, --nss (Chrome, Chromium) or --firefox" in done.stderr
    assert not home.exists()


def test_without_firefox_it_is_said_what_to_do(wsproxy: Run, user: Path, home: Path) -> None:
    done = wsproxy("ca", "trust", "--firefox", "--yes")

    assert done.exit_code == 3
    assert "no profile of Firefox was found" in done.stderr
    assert "Start Firefox once" in done.stderr
    assert not home.exists()


def test_nothing_to_take_back_is_no_failure(wsproxy: Run, user: Path, home: Path) -> None:
    done = wsproxy("ca", "untrust", "--yes")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "Nothing to take back" in done.stderr
    assert not home.exists()


@pytest.mark.parametrize(
    "content", ["", "{}", "[1]", '[{"kind":"nss"}]', "\x00", '[{"kind":"nss","place":"x","certificate":"y"}]']
)
def test_a_damaged_memory_is_said_and_kept(wsproxy: Run, user: Path, home: Path, content: str) -> None:
    home.mkdir()
    (home / "trust.json").write_text(content)

    done = wsproxy("ca", "untrust", "--yes")

    assert done.exit_code == 3
    assert "does not say what was done to which trust store" in done.stderr
    assert (home / "trust.json").read_text() == content


def test_a_missing_certutil_is_named_with_its_package(
    wsproxy: Run, user: Path, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(command, "_SBIN", ())

    done = wsproxy("ca", "trust", "--nss", "--yes")

    assert done.exit_code == 3
    assert (
        "certutil is not installed, which Chrome's and Chromium's database ~/.pki/nssdb needs" in done.stderr
    )
    assert "libnss3-tools (Debian, Ubuntu)" in done.stderr
    assert done.stdout == ""

    planned = wsproxy("ca", "trust", "--nss", "--dry-run")
    assert planned.exit_code == 0
    assert "certutil is not installed" in planned.stderr
    assert "certutil -d sql:" in planned.stdout


@needs_certutil
def test_a_first_command_that_fails_leaves_nothing_to_undo(
    wsproxy: Run, user: Path, authority: Authority, home: Path
) -> None:
    (user / ".pki").write_text("in the way")

    done = wsproxy("ca", "trust", "--nss", "--yes")

    assert done.exit_code == 3
    assert "failed: mkdir: " in done.stderr
    assert not (home / "trust.json").exists()


@needs_certutil
def test_a_later_command_that_fails_can_be_undone(
    wsproxy: Run, user: Path, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.which("certutil")
    program = tmp_path / "bin" / "certutil"
    program.parent.mkdir()
    # The real one, which cannot add anything.
    program.write_text(
        f'#!/bin/sh\ncase "$*" in *" -A "*) echo "disk full" >&2; exit 9;; esac\nexec {real} "$@"\n'
    )
    program.chmod(0o755)
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", f"{program.parent}:{path}")

    done = wsproxy("ca", "trust", "--nss", "--yes")
    assert done.exit_code == 3
    assert "failed: disk full" in done.stderr
    assert "`wsproxy ca untrust` undoes what was done" in done.stderr
    assert snapshot(user) != {}

    assert wsproxy("ca", "untrust", "--yes").exit_code == 0
    assert snapshot(user) == {}


@needs_certutil
def test_what_an_interrupted_run_has_made_goes_after_the_next_one(
    wsproxy: Run, user: Path, authority: Authority
) -> None:
    wsproxy("ca", "trust", "--nss", "--yes")
    database = f"sql:{user / '.pki/nssdb'}"
    [name] = [line[:20].strip() for line in certutil_list(database) if "wsproxy CA" in line]
    subprocess.run(["certutil", "-d", database, "-D", "-n", name], check=True)

    again = wsproxy("ca", "trust", "--nss", "--yes")
    assert again.exit_code == 0, again.output
    assert "-N" not in again.stdout

    wsproxy("ca", "untrust", "--yes")
    assert snapshot(user) == {}


def certutil_list(database: str) -> list[str]:
    listed = subprocess.run(["certutil", "-d", database, "-L"], capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


@needs_certutil
def test_what_a_store_trusts_by_other_hands_is_left_alone(
    wsproxy: Run, user: Path, authority: Authority
) -> None:
    [store] = NssDatabase.find()
    for step in store.trust(authority.certificate, authority.certificate_path, authority.directory).commands:
        step.run()
    before = snapshot(user)

    assert "Trusted already" in wsproxy("ca", "trust", "--nss", "--yes").stderr
    assert "Nothing to take back" in wsproxy("ca", "untrust", "--yes").stderr

    assert snapshot(user) == before


def test_show_says_of_every_store_whether_it_trusts_the_authority(
    wsproxy: Run, user: Path, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (user / ".pki/nssdb").mkdir(parents=True)
    (user / ".pki/nssdb/cert9.db").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(command, "_SBIN", ())

    done = wsproxy("ca", "show")

    assert done.exit_code == 0
    assert "? Chrome's and Chromium's database ~/.pki/nssdb: certutil is not installed" in done.stdout
    assert trusted(wsproxy)["nss"] == (None, False)


# Renewing


def test_renew_says_what_it_means_and_gives_a_new_certificate(
    wsproxy: Run, user: Path, authority: Authority, home: Path
) -> None:
    done = wsproxy("ca", "renew", "--yes")

    assert done.exit_code == 0
    assert "is valid until" in done.stderr
    assert "what trusts the old certificate accepts the proxy until that one expires" in done.stderr
    renewed = Authority.load(home / "ca").certificate
    assert renewed != authority.certificate
    assert describe(renewed).spki_pin == describe(authority.certificate).spki_pin


def test_renew_asks_first(wsproxy: Run, user: Path, authority: Authority, home: Path) -> None:
    done = wsproxy("ca", "renew")

    assert done.exit_code == 2
    assert "--yes" in done.stderr
    assert Authority.load(home / "ca").certificate == authority.certificate


def test_renew_with_a_new_key_says_that_nothing_trusts_it(
    wsproxy: Run, user: Path, authority: Authority, home: Path
) -> None:
    done = wsproxy("ca", "renew", "--new-key", "--yes")

    assert done.exit_code == 0
    assert "Its private key will be gone." in done.stderr
    assert "Nothing trusts the new one yet." in done.stderr
    renewed = Authority.load(home / "ca").certificate
    assert describe(renewed).spki_pin != describe(authority.certificate).spki_pin


def test_an_expired_authority_is_shown_and_renewed(wsproxy: Run, user: Path, home: Path) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    from tests.support.foreign_ca import DAY, NOW, certificate_pem, key_pem, write

    key = ec.generate_private_key(ec.SECP256R1())
    home.mkdir()
    write(home / "ca", key_pem(key) + certificate_pem(key, begin=NOW - 9 * DAY, end=NOW - DAY))

    shown = wsproxy("ca", "show")
    assert shown.exit_code == 0
    assert "EXPIRED: `wsproxy ca renew`" in shown.stdout
    refused = wsproxy("ca", "export")
    assert refused.exit_code == 3
    assert "`wsproxy ca renew` makes it valid again" in refused.stderr

    done = wsproxy("ca", "renew", "--yes")
    assert done.exit_code == 0
    assert f"expired on {NOW - DAY:%Y-%m-%d}" in done.stderr
    assert "Nothing trusts the new certificate yet; the key is the same." in done.stderr
    assert "EXPIRED" not in wsproxy("ca", "show").stdout


def test_limits_are_given_shown_kept_and_lifted(wsproxy: Run, user: Path, home: Path) -> None:
    made = wsproxy("ca", "renew", "--limit-to", "example.com", "--limit-to", "127.0.0.1")
    assert made.exit_code == 0
    assert "Made a new certificate authority" in made.stderr
    assert "Limited to   example.com, 127.0.0.1/32" in wsproxy("ca", "show").stdout

    kept = wsproxy("ca", "renew", "--yes")
    assert "limited to example.com, 127.0.0.1/32" in kept.stderr

    lifted = wsproxy("ca", "renew", "--unlimited", "--yes")
    assert "Where the old certificate is trusted, the old limits hold." in lifted.stderr
    assert json.loads(wsproxy("ca", "show", "--json").stdout)["limited_to"] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--limit-to", "*.example.com"], "'example.com' stands for itself and all names below it"),
        (["--limit-to", "no host"], "is neither a DNS name nor an IP address"),
        (["--limit-to", "example.com", "--unlimited"], "contradict each other"),
    ],
)
def test_wrong_limits_are_explained_before_anything_is_made(
    wsproxy: Run, user: Path, home: Path, words: list[str], says: str
) -> None:
    done = wsproxy("ca", "renew", "--yes", *words)

    assert done.exit_code == 2
    assert says in done.stderr
    assert not home.exists()
