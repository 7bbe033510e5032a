//! What the tests of a process's end need.

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_rustls::client::TlsStream;

use super::{Gateway, PATIENCE, http};

impl Gateway {
    /// Waits until a line with this text is in the log.
    pub async fn until_logged(&self, text: &str) {
        let began = Instant::now();
        while !self.logged().contains(text) {
            assert!(
                began.elapsed() < PATIENCE,
                "{text:?} was not logged:\n{}",
                self.logged()
            );
            sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// A connection on which a request was begun.
    pub async fn half_request(&self) -> TlsStream<TcpStream> {
        let mut stream = http::connect(self.public, &self.tls).await;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: loc")
            .await
            .unwrap();
        stream.flush().await.unwrap();
        stream
    }
}
