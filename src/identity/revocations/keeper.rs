//! Who writes the file of revocations: one task, which takes all lines that wait in one write.

use std::sync::Arc;

use parking_lot::RwLock;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::journal::{Journal, JournalFault};
use super::list::List;
use super::{NotSaved, WAITING_LINES};

/// A line for the file, and who waits for it.
pub(super) struct Line {
    pub(super) text: String,
    pub(super) tell: oneshot::Sender<Result<(), NotSaved>>,
}

/// Keeps the file of a node.
pub struct Keeper {
    lines: mpsc::Receiver<Line>,
    book: Book,
}

/// What goes to the thread that writes, and comes back from it.
struct Book {
    journal: Journal,
    list: Arc<RwLock<List>>,
}

impl Keeper {
    /// Begins with a file that holds what the list holds, and nothing else.
    pub(super) fn new(
        journal: Journal,
        list: Arc<RwLock<List>>,
        lines: mpsc::Receiver<Line>,
    ) -> Result<Keeper, JournalFault> {
        let mut book = Book { journal, list };
        book.rewrite().map_err(|source| JournalFault::System {
            path: book.journal.path().to_owned(),
            source,
        })?;
        Ok(Keeper { lines, book })
    }

    /// Writes until `stop`, and then what still waits.
    pub async fn run(self, stop: CancellationToken) {
        let Keeper {
            mut lines,
            mut book,
        } = self;
        let mut batch = Vec::new();
        loop {
            let count = tokio::select! {
                biased;
                () = stop.cancelled(), if !lines.is_closed() => {
                    lines.close();
                    continue;
                }
                count = lines.recv_many(&mut batch, WAITING_LINES) => count,
            };
            if count == 0 {
                return;
            }
            let written = std::mem::take(&mut batch);
            let turn = tokio::task::spawn_blocking(move || {
                book.write(written);
                book
            });
            // It ends only with the process or by a panic, which is logged where it happens.
            match turn.await {
                Ok(back) => book = back,
                Err(_) => return,
            }
        }
    }
}

impl Book {
    fn write(&mut self, lines: Vec<Line>) {
        let entries = self.list.read().len();
        let text: String = lines.iter().map(|line| line.text.as_str()).collect();
        let result = match self.journal.wants_rewriting(entries) {
            // All that waits is in the list already. Where only the new file fails, the old is good.
            true => self
                .rewrite()
                .or_else(|error| match self.journal.takes_lines() {
                    true => self.journal.append(&text),
                    false => Err(error),
                }),
            false => self.journal.append(&text),
        };
        if let Err(error) = &result {
            let file = self.journal.path().display();
            tracing::error!(%error, %file, lines = lines.len(), "revocations not saved");
        }
        for line in lines {
            // Whoever asked may be gone.
            let _ = line
                .tell
                .send(result.as_ref().copied().map_err(|_| NotSaved));
        }
    }

    fn rewrite(&mut self) -> std::io::Result<()> {
        // Copied, so that the door does not wait for the disk.
        let records: Vec<_> = self.list.read().records().collect();
        self.journal.rewrite(records.into_iter())
    }
}
