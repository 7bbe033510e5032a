//! The file: what a restart finds again, and when it must not start.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::*;

/// A list with its file, and the task that keeps it.
struct Kept {
    list: Revocations,
    keeper: JoinHandle<()>,
    stop: CancellationToken,
}

fn open(file: &Path) -> Result<Kept, JournalFault> {
    open_at(file, NOW)
}

fn open_at(file: &Path, now: UnixSeconds) -> Result<Kept, JournalFault> {
    let settings = RevocationSettings {
        file: Some(file.to_owned()),
        ..RevocationSettings::default()
    };
    let (list, keeper) = Revocations::open(&settings, &Clock::manual(now))?;
    let stop = CancellationToken::new();
    let keeper = tokio::spawn(keeper.unwrap().run(stop.clone()));
    Ok(Kept { list, keeper, stop })
}

impl Kept {
    async fn take(&self, revocation: &Revocation) {
        let taken = self.list.take(revocation, NOW).await.unwrap();
        taken.saved().await.unwrap();
    }

    async fn close(self) {
        self.stop.cancel();
        self.keeper.await.unwrap();
    }
}

fn folder() -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("revocations");
    (folder, file)
}

fn fault_of(file: &Path) -> String {
    match open(file) {
        Err(fault) => fault.to_string(),
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test]
async fn live_3_a_restart_finds_all_that_was_saved() {
    let (_folder, file) = folder();
    let kept = open(&file).unwrap();
    kept.take(&token("a", 60)).await;
    kept.take(&tokens("alice", NOW, 60)).await;
    kept.take(&block("bob", Until::Forever)).await;
    kept.take(&block("carol", Until::Forever)).await;
    kept.take(&unblock("carol")).await;
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    kept.close().await;

    // Twice: the file was written anew by the first.
    for _ in 0..2 {
        let kept = open(&file).unwrap();
        let list = &kept.list;
        assert!(list.check(&identity("x", "a", NOW.0), NOW).is_err());
        assert!(list.check(&identity("alice", "x", NOW.0 - 1), NOW).is_err());
        assert_eq!(list.check(&identity("alice", "x", NOW.0), NOW), Ok(()));
        let bob = list.check(&identity("bob", "x", NOW.0), NOW);
        assert_eq!(bob, Err(Revoked::User));
        assert_eq!(list.check(&identity("carol", "x", NOW.0), NOW), Ok(()));
        assert_eq!(list.len(), 3);
        kept.close().await;
    }
    // And forgets what is over.
    let kept = open_at(&file, after(60)).unwrap();
    assert_eq!(kept.list.len(), 1);
    kept.close().await;
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), 2);
}

/// What a caller was told is saved is on the disk, whatever happens to the process then.
#[tokio::test]
async fn live_3_what_is_saved_needs_no_orderly_end() {
    let (_folder, file) = folder();
    let kept = open(&file).unwrap();
    kept.take(&block("bob", Until::Forever)).await;
    let copy = file.with_extension("copy");
    fs::copy(&file, &copy).unwrap();
    let again = open(&copy).unwrap();
    assert!(again.list.check(&identity("bob", "x", NOW.0), NOW).is_err());
}

#[tokio::test]
async fn a_torn_last_line_is_dropped_and_a_damaged_one_is_told() {
    let (_folder, file) = folder();
    let kept = open(&file).unwrap();
    for name in ["alice", "bob", "carol"] {
        kept.take(&block(name, Until::Forever)).await;
    }
    kept.close().await;
    let whole = fs::read_to_string(&file).unwrap();
    let last = whole.lines().last().unwrap().len() + 1;

    // However much of the last line is there, those before it are.
    for missing in 1..last {
        fs::write(&file, &whole[..whole.len() - missing]).unwrap();
        let kept = open(&file).unwrap();
        assert_eq!(kept.list.len(), 2, "{missing}");
        // What comes next is not written behind the rest of it.
        kept.take(&block("dave", Until::Forever)).await;
        kept.close().await;
        let kept = open(&file).unwrap();
        assert_eq!(kept.list.len(), 3, "{missing}");
        kept.close().await;
    }

    // A byte that changed anywhere before it is no crash.
    let first = whole.find('\n').unwrap() + 1;
    for at in [first, first + 5, first + 20, whole.len() - last - 2] {
        let mut bytes = whole.clone().into_bytes();
        bytes[at] ^= 4;
        fs::write(&file, &bytes).unwrap();
        let fault = fault_of(&file);
        assert!(fault.contains("is damaged at line"), "{fault}");
        assert_eq!(fs::read(&file).unwrap(), bytes, "it was left as it is");
    }
    // Nor is a line that is missing its end in the middle.
    let mut bytes = whole.into_bytes();
    bytes.remove(first - 1 + last);
    fs::write(&file, &bytes).unwrap();
    assert!(fault_of(&file).contains("damaged at line 2"));
}

#[tokio::test]
async fn a_file_that_is_not_ours_is_left_alone() {
    let (_folder, file) = folder();
    for other in ["[listen]\n", "gatepost revocations 2\n", "x"] {
        fs::write(&file, other).unwrap();
        let fault = fault_of(&file);
        assert!(fault.contains("no file of revocations of this version"));
        assert_eq!(fs::read_to_string(&file).unwrap(), other);
    }
    // An empty one was made so that it has the right owner.
    fs::write(&file, "").unwrap();
    open(&file).unwrap().close().await;
}

#[tokio::test]
async fn a_file_that_others_can_write_is_refused() {
    let (_folder, file) = folder();
    open(&file).unwrap().close().await;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
    let fault = fault_of(&file);
    assert!(fault.contains("others can write"), "{fault}");
    // One that others can read is theirs no longer once it is written anew.
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    open(&file).unwrap().close().await;
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn a_file_is_one_nodes_alone() {
    let (_folder, file) = folder();
    let first = open(&file).unwrap();
    let fault = fault_of(&file);
    assert!(fault.contains("in use by another process"), "{fault}");
    first.close().await;
    open(&file).unwrap().close().await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told_by_name() {
    let (folder, _) = folder();
    let fault = fault_of(&folder.path().join("nowhere/revocations"));
    assert!(fault.contains("nowhere/revocations"), "{fault}");
}

#[tokio::test]
async fn the_file_stays_small_where_the_same_is_said_again_and_again() {
    let (_folder, file) = folder();
    let kept = open(&file).unwrap();
    let kept = Arc::new(kept);
    // Many at once, so that they share their writes.
    let calls = (0..3000).map(|number| {
        let kept = kept.clone();
        async move {
            kept.take(&block("bob", Until::Time(after(60 + number))))
                .await
        }
    });
    futures_util::future::join_all(calls).await;
    let lines = fs::read_to_string(&file).unwrap().lines().count();
    assert!(lines <= 1 + 2 + 1000 + WAITING_LINES, "{lines} lines");
    let kept = Arc::into_inner(kept).unwrap();
    assert_eq!(kept.list.len(), 1);
    // Whichever came last counts, and the file has them in the same order.
    let ends = |kept: &Kept| {
        let bob = identity("bob", "x", NOW.0);
        (60..3060).find(|second| kept.list.check(&bob, after(*second)).is_ok())
    };
    let last = ends(&kept);
    assert!(last.is_some());
    kept.close().await;
    let kept = open(&file).unwrap();
    assert_eq!(ends(&kept), last);
    kept.close().await;
}

/// A disk that takes nothing: it is in effect and the caller is told; later it is mended.
#[tokio::test]
async fn live_3_what_cannot_be_saved_is_in_effect_and_told() {
    let (folder, file) = folder();
    let mut list = List::default();
    let mut journal = Journal::open(&file, |_| {}).unwrap();
    journal.rewrite(std::iter::empty()).unwrap();
    let kept = Record::from(&block("alice", Until::Forever));
    journal.append(&kept.line()).unwrap();
    list.apply(&kept, 10, NOW).unwrap();
    // A write that broke off in the middle leaves the beginning of a line.
    journal.break_off(b"1234 {\"blo");
    assert!(!journal.takes_lines() && journal.wants_rewriting(1));
    let next = Record::from(&block("bob", Until::Forever));
    list.apply(&next, 10, NOW).unwrap();
    // While the folder takes no new file, nothing is written behind the torn line.
    fs::create_dir(folder.path().join("revocations.new")).unwrap();
    assert!(journal.rewrite(list.records()).is_err());
    assert!(!journal.takes_lines());
    fs::remove_dir(folder.path().join("revocations.new")).unwrap();
    journal.rewrite(list.records()).unwrap();
    assert!(journal.takes_lines());
    drop(journal);
    let mut found = 0;
    Journal::open(&file, |_| found += 1).unwrap();
    assert_eq!(found, 2);
}
