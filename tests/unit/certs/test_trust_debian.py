"""Debian's trust store, kept by the real update-ca-certificates: trusted, then byte for byte as it was."""

from pathlib import Path

import pytest

from tests.support.stores import Debian, needs_update_ca_certificates, snapshot
from wsproxy.certs import Authority
from wsproxy.certs.trust import command
from wsproxy.certs.trust.store import Plan

pytestmark = [pytest.mark.alike, needs_update_ca_certificates]


@pytest.fixture(autouse=True)
def _as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    # The folders are ours, whoever we are.
    monkeypatch.setattr(command, "needs_sudo", lambda: False)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca")


def plan_for(debian: Debian, authority: Authority) -> Plan:
    return debian.store.trust(authority.certificate, authority.certificate_path, authority.directory)


def trust(debian: Debian, authority: Authority) -> Plan:
    plan = plan_for(debian, authority)
    for step in plan.commands:
        step.run()
    return plan


def untrust(debian: Debian, plan: Plan) -> None:
    for step in debian.store.untrust(plan.entry):
        step.run()


@pytest.mark.parametrize("anchors", [True, False], ids=["folder there", "no folder yet"])
def test_it_is_trusted_and_then_everything_is_as_it_was(
    tmp_path: Path, authority: Authority, anchors: bool
) -> None:
    debian = Debian(tmp_path / "debian", anchors)
    before = snapshot(debian.root)
    server = tmp_path / "server.pem"
    server.write_bytes(authority.issue("localhost").certificate_pem)
    assert not debian.store.trusts(authority.certificate)
    assert not debian.verifies(server)

    plan = trust(debian, authority)
    assert debian.store.trusts(authority.certificate)
    assert debian.verifies(server)

    untrust(debian, plan)
    assert not debian.store.trusts(authority.certificate)
    assert not debian.verifies(server)
    assert snapshot(debian.root) == before


def test_hooks_such_as_javas_hear_of_both(tmp_path: Path, authority: Authority) -> None:
    debian = Debian(tmp_path / "debian")

    plan = trust(debian, authority)
    untrust(debian, plan)

    link = debian.links / f"{plan.entry.name}.pem"
    assert debian.heard.read_text().split() == [f"+{link}", f"-{link}"]


def test_another_certificate_of_the_same_subject_stays_trusted(tmp_path: Path, authority: Authority) -> None:
    debian = Debian(tmp_path / "debian")
    first = trust(debian, authority)
    renewed = authority.renew()
    trust(debian, renewed)
    server = tmp_path / "server.pem"
    server.write_bytes(renewed.issue("localhost").certificate_pem)

    untrust(debian, first)

    assert not debian.store.trusts(authority.certificate)
    assert debian.store.trusts(renewed.certificate)
    assert debian.verifies(server)


def test_what_was_half_done_is_undone(tmp_path: Path, authority: Authority) -> None:
    debian = Debian(tmp_path / "debian", anchors=False)
    before = snapshot(debian.root)
    plan = plan_for(debian, authority)

    for step in plan.commands[:-1]:
        step.run()
    untrust(debian, plan)

    assert snapshot(debian.root) == before


def test_what_others_put_into_a_folder_of_ours_stays(tmp_path: Path, authority: Authority) -> None:
    debian = Debian(tmp_path / "debian", anchors=False)
    plan = trust(debian, authority)
    (debian.anchors / "theirs.txt").write_text("hands off")

    untrust(debian, plan)

    assert [path.name for path in debian.anchors.iterdir()] == ["theirs.txt"]


def test_undoing_twice_does_no_harm(tmp_path: Path, authority: Authority) -> None:
    debian = Debian(tmp_path / "debian")
    before = snapshot(debian.root)
    plan = trust(debian, authority)

    untrust(debian, plan)
    untrust(debian, plan)

    assert snapshot(debian.root) == before
