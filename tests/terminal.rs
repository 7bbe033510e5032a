//! The terminal client, in a real terminal: `script` gives it a pseudo-terminal of its own, so that
//! Ctrl+C is a key that is pressed.

mod support;

use std::process::Stdio;

use support::{Gateway, PATIENCE, token};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// `gatepost connect` in a terminal.
struct Terminal {
    child: Child,
    shown: String,
}

impl Terminal {
    fn open(gateway: &Gateway, arguments: &str) -> Terminal {
        let folder = gateway.folder.path().display();
        std::fs::write(gateway.folder.path().join("token"), token("alice")).unwrap();
        // `exec`, since a shell that stays in between would die of the same Ctrl+C and tell its own
        // end; and the shell is not left to whoever runs the tests.
        let command = format!(
            "exec {} connect wss://localhost:{} --token-file {folder}/token --ca {folder}/server.pem {arguments}",
            env!("CARGO_BIN_EXE_gatepost"),
            gateway.public.port(),
        );
        let child = Command::new("script")
            .args([
                "--quiet",
                "--return",
                "--flush",
                "--command",
                &command,
                "/dev/null",
            ])
            .env("SHELL", "/bin/sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Terminal {
            child,
            shown: String::new(),
        }
    }

    async fn press(&mut self, keys: &str) {
        let keyboard = self.child.stdin.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).await.unwrap();
        keyboard.flush().await.unwrap();
    }

    /// Waits until the screen has shown this.
    async fn shows(&mut self, text: &str) {
        let screen = self.child.stdout.as_mut().unwrap();
        let search = async {
            while !self.shown.contains(text) {
                let mut bytes = [0; 4096];
                let count = screen.read(&mut bytes).await.unwrap();
                assert!(count > 0, "it ended, having shown:\n{}", self.shown);
                self.shown
                    .push_str(&String::from_utf8_lossy(&bytes[..count]));
            }
        };
        let found = timeout(PATIENCE, search).await;
        assert!(found.is_ok(), "{text:?} is not shown:\n{}", self.shown);
    }

    async fn exit_code(&mut self) -> Option<i32> {
        timeout(PATIENCE, self.child.wait())
            .await
            .unwrap()
            .unwrap()
            .code()
    }
}

#[tokio::test]
async fn a_line_that_is_typed_is_published_and_ctrl_c_ends_it_cleanly() {
    let gateway = Gateway::start();
    let mut bob = gateway.client("bob").await;
    bob.subscribe("chat:a").await;
    let mut terminal = Terminal::open(&gateway, "--channel chat:a");
    terminal.shows("subscribed to chat:a").await;

    terminal.press("good morning\n").await;
    assert_eq!(
        bob.publication("chat:a").await["data"]["text"],
        "good morning"
    );
    bob.publish(
        "chat:a",
        serde_json::json!({ "text": "escape \u{1b}[2J me" }),
    )
    .await;
    terminal.shows(r"escape \u001b[2J me").await;
    assert!(
        !terminal.shown.contains("\u{1b}[2J"),
        "what is received does not drive the terminal"
    );

    terminal.press("\u{3}").await;
    assert_eq!(terminal.exit_code().await, Some(0));
    gateway
        .until_metric("gatepost_closes_total{code=\"1000\",by=\"client\"}", 1.0)
        .await;
}

#[tokio::test]
async fn a_refusal_is_told_and_the_exit_code_says_no() {
    let gateway = Gateway::start();
    let mut terminal = Terminal::open(&gateway, "--echo");
    terminal.shows("not_found").await;
    assert_eq!(terminal.exit_code().await, Some(1));
}
