//! The state folder: kept over restarts, private, and mended when damaged.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::*;

const NOW: UnixSeconds = UnixSeconds(1_790_000_000);

struct Kept {
    certificate: String,
    key: String,
    issuer: String,
}

fn open(dir: &Path, now: UnixSeconds) -> Kept {
    let state = DevState::open(dir, now).unwrap();
    Kept {
        certificate: fs::read_to_string(state.certificate_path()).unwrap(),
        key: fs::read_to_string(state.key_path()).unwrap(),
        issuer: state.issuer().public_key_pem().to_owned(),
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_second_start_finds_what_the_first_made() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("some/where");
    assert!(open_issuer(&dir).unwrap().is_none() && !dir.exists());
    let first = open(&dir, NOW);
    let second = open(&dir, UnixSeconds(NOW.0 + 24 * 60 * 60));
    assert!(first.certificate == second.certificate && first.key == second.key);
    assert_eq!(first.issuer, second.issuer);
    let issuer = open_issuer(&dir).unwrap().unwrap();
    assert_eq!(issuer.public_key_pem(), first.issuer);
}

/// TLS-12: nobody but the owner reads a key.
#[test]
fn tls_12_files_and_folder_are_private_and_nothing_is_left_over() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("state");
    open(&dir, NOW);
    assert_eq!(mode(&dir), 0o700);
    let mut names: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            assert_eq!(mode(&entry.path()), 0o600, "{:?}", entry.path());
            entry.file_name().into_string().unwrap()
        })
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            ".gitignore",
            "api.key",
            "issuer.key",
            "localhost.key",
            "localhost.pem",
            "lock"
        ]
    );
}

#[test]
fn tls_12_a_key_that_others_could_read_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), NOW);
    for name in ["issuer.key", "localhost.key"] {
        fs::set_permissions(dir.path().join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let second = open(dir.path(), NOW);
    assert!(first.key != second.key && first.issuer != second.issuer);
    assert_eq!(mode(&dir.path().join("issuer.key")), 0o600);
}

#[test]
fn a_folder_that_everybody_writes_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let fault = DevState::open(dir.path(), NOW).unwrap_err();
    assert!(
        matches!(fault, StateFault::FolderOpenToAll { .. }),
        "{fault}"
    );
}

#[test]
fn what_is_damaged_or_missing_is_made_anew_and_the_rest_kept() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), NOW);

    fs::write(dir.path().join("issuer.key"), b"\xff\xfe no key").unwrap();
    let second = open(dir.path(), NOW);
    assert!(first.certificate == second.certificate && first.issuer != second.issuer);

    fs::remove_file(dir.path().join("localhost.key")).unwrap();
    let third = open(dir.path(), NOW);
    assert!(second.certificate != third.certificate && second.key != third.key);
    assert_eq!(second.issuer, third.issuer);
}

/// A new key would be one that no running server knows, and would lock out who has tokens of the old.
#[test]
fn who_only_signs_replaces_no_key() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path(), NOW);
    let key = dir.path().join("issuer.key");

    let pem = fs::read(&key).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let fault = open_issuer(dir.path()).unwrap_err();
    assert!(
        matches!(&fault, StateFault::IssuerKeyExposed { path } if *path == key),
        "{fault}"
    );
    assert_eq!(fs::read(&key).unwrap(), pem);

    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    for damaged in [&pem[..pem.len() / 2], b"\xff\xfe no key", b""] {
        fs::write(&key, damaged).unwrap();
        let fault = open_issuer(dir.path()).unwrap_err();
        assert!(
            matches!(&fault, StateFault::IssuerKeyDamaged { path } if *path == key),
            "{fault}"
        );
        assert_eq!(fs::read(&key).unwrap(), damaged);
    }
}

#[test]
fn a_certificate_near_its_end_is_made_anew_unless_one_only_signs() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), NOW);
    open_issuer(dir.path()).unwrap();
    let later = open(dir.path(), UnixSeconds(NOW.0 + 370 * 24 * 60 * 60));
    assert_ne!(first.certificate, later.certificate);
    assert_eq!(first.issuer, later.issuer);
}

#[test]
fn a_leftover_of_a_broken_write_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("issuer.key.new"), "half").unwrap();
    open(dir.path(), NOW);
    assert!(!dir.path().join("issuer.key.new").exists());
}

/// Four starts at once agree on one certificate and one key.
#[test]
fn starts_at_the_same_time_agree() {
    let dir = tempfile::tempdir().unwrap();
    let all: Vec<Kept> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| open(dir.path(), NOW)))
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    for kept in &all {
        assert!(kept.certificate == all[0].certificate && kept.key == all[0].key);
        assert_eq!(kept.issuer, all[0].issuer);
    }
}
