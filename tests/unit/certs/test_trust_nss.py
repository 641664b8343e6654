"""NSS databases and Firefox profiles, with the real certutil in a home of nobody's."""

import subprocess
from pathlib import Path

import pytest

from tests.support.stores import needs_certutil, rows, snapshot
from tests.support.unprivileged import unprivileged
from wsproxy.certs import Authority
from wsproxy.certs.trust.firefox import FirefoxProfile
from wsproxy.certs.trust.nss import NssDatabase
from wsproxy.certs.trust.store import Plan
from wsproxy.errors import TrustError


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.create(tmp_path / "ca")


def certutil(*arguments: str | Path) -> str:
    done = subprocess.run(["certutil", *map(str, arguments)], capture_output=True, text=True, check=True)
    return done.stdout


def new_database(place: Path) -> Path:
    place.mkdir(parents=True)
    certutil("-d", f"sql:{place}", "-N", "--empty-password")
    return place


def add(place: Path, name: str, flags: str, file: Path) -> None:
    certutil("-d", f"sql:{place}", "-A", "-n", name, "-t", flags, "-i", file)


def trust(store: NssDatabase, authority: Authority) -> Plan:
    plan = store.trust(authority.certificate, authority.certificate_path, authority.directory)
    for step in plan.commands:
        step.run()
    return plan


def untrust(store: NssDatabase, plan: Plan) -> None:
    for step in store.untrust(plan.entry):
        step.run()


def the_only(home: Path) -> NssDatabase:
    [store] = NssDatabase.find()
    assert store.place.is_relative_to(home)
    return store


@needs_certutil
def test_where_there_was_none_a_database_is_made_and_goes_again(home: Path, authority: Authority) -> None:
    store = the_only(home)
    assert not store.trusts(authority.certificate)

    plan = trust(store, authority)
    assert store.trusts(authority.certificate)
    assert store.place == home / ".pki/nssdb"
    assert store.place.stat().st_mode & 0o077 == 0

    untrust(store, plan)
    assert snapshot(home) == {}


@needs_certutil
@pytest.mark.parametrize("place", [".pki/nssdb", ".local/share/pki/nssdb"])
def test_an_existing_database_is_used_and_left_as_it_was(
    home: Path, authority: Authority, tmp_path: Path, place: str
) -> None:
    database = new_database(home / place)
    add(database, "my own", "CT,c,", Authority.create(tmp_path / "other").certificate_path)
    before = rows(database)
    store = the_only(home)
    assert store.place == database

    plan = trust(store, authority)
    assert store.trusts(authority.certificate)
    assert rows(database) != before

    untrust(store, plan)
    assert not store.trusts(authority.certificate)
    # SQLite counts its own changes, so the file differs; every row of it is the same, signatures included.
    assert rows(database) == before


@needs_certutil
def test_one_that_is_there_untrusted_is_so_again(home: Path, authority: Authority) -> None:
    database = new_database(home / ".pki/nssdb")
    add(database, "imported by hand", ",P,", authority.certificate_path)
    store = the_only(home)
    assert not store.trusts(authority.certificate)

    plan = trust(store, authority)
    assert store.trusts(authority.certificate)
    assert plan.entry.before == ",P,"

    untrust(store, plan)
    assert not store.trusts(authority.certificate)
    listed = certutil("-d", f"sql:{database}", "-L")
    assert "imported by hand" in listed
    assert ",P," in listed


@needs_certutil
def test_a_database_of_ours_that_got_other_content_stays(
    home: Path, authority: Authority, tmp_path: Path
) -> None:
    store = the_only(home)
    plan = trust(store, authority)
    add(store.place, "theirs", "C,,", Authority.create(tmp_path / "other").certificate_path)

    untrust(store, plan)

    assert not store.trusts(authority.certificate)
    assert "theirs" in certutil("-d", f"sql:{store.place}", "-L")


@needs_certutil
def test_what_somebody_else_undid_or_deleted_is_no_error(home: Path, authority: Authority) -> None:
    store = the_only(home)
    plan = trust(store, authority)
    certutil("-d", f"sql:{store.place}", "-D", "-n", plan.entry.name)

    untrust(store, plan)
    assert snapshot(home) == {}
    untrust(store, plan)
    assert snapshot(home) == {}


def test_without_certutil_it_is_said_which_package_has_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("wsproxy.certs.trust.command._SBIN", ())

    lack = the_only(home).lacks()

    assert lack is not None
    assert str(lack) == (
        "certutil is not installed. It is in the package libnss3-tools (Debian, Ubuntu), nss-tools (Fedora), "
        "nss (Arch), nss (macOS)"
    )


def test_with_a_package_manager_it_is_said_what_to_type(
    home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    apt = tmp_path / "apt"
    apt.touch(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("wsproxy.certs.trust.command._SBIN", ())

    lack = the_only(home).lacks()

    assert lack is not None
    assert lack.hint == "Install it: `apt install libnss3-tools`"


PROFILES = """[Install4F96D1932A9F858E]
Default=abc.default-release

[Profile1]
Name=default
IsRelative=1
Path=abc.default-release

[Profile0]
Name=elsewhere 100%
IsRelative=0
Path={elsewhere}

[Profile2]
Name=never started
IsRelative=1
Path=new.profile
"""


@needs_certutil
@pytest.mark.parametrize("root", [".mozilla/firefox", ".config/mozilla/firefox"])
def test_every_profile_of_firefox_that_was_started_is_found(
    home: Path, authority: Authority, tmp_path: Path, root: str
) -> None:
    elsewhere = new_database(tmp_path / "elsewhere")
    inside = new_database(home / root / "abc.default-release")
    (home / root / "new.profile").mkdir()
    (home / root / "profiles.ini").write_text(PROFILES.format(elsewhere=elsewhere))
    before = {place: rows(place) for place in (inside, elsewhere)}

    found = FirefoxProfile.find()

    assert [store.place for store in found] == [inside, elsewhere]
    plans = [trust(store, authority) for store in found]
    assert all(store.trusts(authority.certificate) for store in found)
    for store, plan in zip(found, plans, strict=True):
        untrust(store, plan)
    assert {place: rows(place) for place in (inside, elsewhere)} == before


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"no section", b""])
def test_a_damaged_list_of_profiles_is_an_empty_one(home: Path, content: bytes) -> None:
    (home / ".mozilla/firefox").mkdir(parents=True)
    (home / ".mozilla/firefox/profiles.ini").write_bytes(content)

    assert FirefoxProfile.find() == []


@needs_certutil
def test_a_damaged_database_is_an_error_that_names_it(home: Path, authority: Authority) -> None:
    database = home / ".pki/nssdb"
    database.mkdir(parents=True)
    (database / "cert9.db").write_text("not a database")

    with pytest.raises(TrustError, match=r"certutil cannot read the database .*\.pki/nssdb"):
        the_only(home).trusts(authority.certificate)


@unprivileged
def test_a_folder_that_may_not_be_entered_is_named_and_a_profile_there_is_none(
    home: Path, authority: Authority
) -> None:
    database, profile = home / ".pki" / "nssdb", home / ".mozilla" / "firefox" / "me"
    for folder in (database, profile):
        folder.mkdir(parents=True)
        (folder / "cert9.db").touch()
        folder.chmod(0)
    (profile.parent / "profiles.ini").write_text("[Profile0]\nIsRelative=1\nPath=me\n")
    try:
        with pytest.raises(TrustError, match=r"cannot look into .*nssdb: permission denied"):
            the_only(home).trusts(authority.certificate)
        assert FirefoxProfile.find() == []
    finally:
        for folder in (database, profile):
            folder.chmod(0o700)
