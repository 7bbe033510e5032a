//! What is typed: lines of standard input, read on a thread of their own.
//!
//! A thread, since a read of a terminal cannot be called off: the process ends without waiting for
//! it. It reads on only when its last line was taken.

use std::io::{self, BufRead, Read as _};

use tokio::sync::mpsc;

/// The server takes messages of 64 KiB; some of that is the command around the line.
const MOST_LINE_BYTES: usize = 60 * 1024;

/// A line, or why it cannot be sent.
pub(super) type Typed = Result<String, &'static str>;

/// The first line alone; what follows it is still there for [`lines`].
pub(super) fn first_line() -> io::Result<String> {
    match read_line(&mut io::stdin().lock())? {
        Some(line) => line.map_err(|reason| io::Error::new(io::ErrorKind::InvalidData, reason)),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// All lines from here on; the channel is closed at the end of the input.
pub(super) fn lines() -> io::Result<mpsc::Receiver<Typed>> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::Builder::new()
        .name("input".into())
        .spawn(move || {
            // An input that cannot be read any more has ended, like one that was closed.
            while let Ok(Some(line)) = read_line(&mut io::stdin().lock()) {
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        })?;
    Ok(receiver)
}

/// Reads a line without its end, and of one that is too long nothing; `None` at the end.
fn read_line(input: &mut impl BufRead) -> io::Result<Option<Typed>> {
    let mut line = Vec::new();
    if input
        .take(MOST_LINE_BYTES as u64 + 1)
        .read_until(b'\n', &mut line)?
        == 0
    {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() > MOST_LINE_BYTES {
        input.skip_until(b'\n')?;
        return Ok(Some(Err("the line is longer than 60 KiB")));
    }
    Ok(Some(
        String::from_utf8(line).map_err(|_| "the line is no UTF-8"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<Typed> {
        std::iter::from_fn(|| read_line(&mut input).unwrap()).collect()
    }

    #[test]
    fn lines_come_without_their_ends() {
        let expected: Vec<Typed> = ["a", "", "b", "c"].map(|line| Ok(line.into())).into();
        assert_eq!(all(b"a\n\nb\r\nc"), expected);
        assert_eq!(all(b""), []);
    }

    #[test]
    fn what_cannot_be_sent_is_passed_over() {
        let long = "x".repeat(MOST_LINE_BYTES);
        assert_eq!(
            all(format!("{long}\nb").as_bytes()),
            [Ok(long.clone()), Ok("b".into())]
        );
        let lines = all(format!("{long}y\nb\n").as_bytes());
        assert!(lines[0].is_err());
        assert_eq!(lines[1..], [Ok("b".into())]);
        assert!(all(format!("{long}{long}{long}").as_bytes())[0].is_err());
        let lines = all(b"\xff\nb");
        assert!(lines[0].is_err() && lines[1] == Ok("b".into()));
    }
}
