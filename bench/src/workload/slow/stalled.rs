//! Those who stop reading: they read, stall, and in the end read what is left for them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::client::Client;
use crate::dialect::Incoming;
use crate::kernel::open_connections;
use crate::record::Outcome;
use crate::server::Server;
use crate::tally::{Receiver, SharedTally};

/// Time between two looks at the server's memory, and at who is cut.
const LOOK: Duration = Duration::from_millis(500);
/// How long they read on in the end without anything coming.
const SILENCE: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Read,
    Stall,
    ReadOn,
}

pub(super) struct Stalled {
    phases: watch::Sender<Phase>,
    tally: SharedTally,
    readers: Vec<(SocketAddr, Rc<Receiver>)>,
    tasks: JoinSet<()>,
    /// When the server was seen to have given each up, in seconds since it stalled.
    cut: BTreeMap<SocketAddr, f64>,
}

impl Stalled {
    /// Lets these read, as long as it is time for it.
    pub(super) fn start(clients: Vec<Client>) -> Result<Stalled> {
        let (phases, told) = watch::channel(Phase::Read);
        let mut stalled = Stalled {
            phases,
            tally: SharedTally::default(),
            readers: Vec::new(),
            tasks: JoinSet::new(),
            cut: BTreeMap::new(),
        };
        for client in clients {
            let receiver = Receiver::new(&stalled.tally);
            stalled
                .readers
                .push((client.local_address()?, receiver.clone()));
            stalled
                .tasks
                .spawn_local(live(client, receiver, told.clone()));
        }
        Ok(stalled)
    }

    /// Lets them read nothing for so long. Returns the most memory that the server had.
    pub(super) async fn stall(&mut self, server: &Server, time: Duration) -> Result<f64> {
        self.phases.send_replace(Phase::Stall);
        let began = Instant::now();
        let mut most = 0.0_f64;
        while began.elapsed() < time {
            sleep(LOOK).await;
            most = most.max(server.pss_kib()?);
            // Who does not read hears nothing of his end, which waits behind what he does not
            // read: the server's sockets tell.
            let open = open_connections(server.target.address)?;
            let now = began.elapsed().as_secs_f64();
            for (address, _) in &self.readers {
                if !open.contains(address) {
                    self.cut.entry(*address).or_insert(now);
                }
            }
        }
        Ok(most)
    }

    /// How many there are, how many the server has cut, and when the first and the last.
    pub(super) fn figures(&self) -> Vec<(&'static str, f64)> {
        let mut figures = vec![
            ("stalled", self.readers.len() as f64),
            ("cut", self.cut.len() as f64),
        ];
        let times = || self.cut.values().copied();
        if let (Some(first), Some(last)) = (times().reduce(f64::min), times().reduce(f64::max)) {
            figures.extend([("cut_first_s", first), ("cut_last_s", last)]);
        }
        figures
    }

    /// Lets them read what is left for them. Returns what became of it: a message that is missing
    /// before one that came is a hole, what is missing at the end is not.
    pub(super) async fn read_on(mut self) -> Result<Outcome> {
        self.phases.send_replace(Phase::ReadOn);
        while let Some(done) = self.tasks.join_next().await {
            done?;
        }
        let holes = self
            .readers
            .iter()
            .map(|(_, receiver)| receiver.ledger().holes());
        Ok(Outcome {
            holes: holes.sum(),
            ..Outcome::of(&self.tally.borrow(), 0)
        })
    }
}

async fn live(mut client: Client, receiver: Rc<Receiver>, mut phases: watch::Receiver<Phase>) {
    let on = |incoming: Incoming<'_>| {
        if let Incoming::Publication(data) = incoming {
            receiver.take(data);
        }
    };
    loop {
        tokio::select! {
            changed = phases.wait_for(|phase| *phase != Phase::Read) => match changed {
                Ok(_) => break,
                Err(_) => return,
            },
            read = client.read(on) => if let Err(error) = read {
                return receiver.broke(&error);
            },
        }
    }
    if phases
        .wait_for(|phase| *phase == Phase::ReadOn)
        .await
        .is_err()
    {
        return;
    }
    // Until the server's end, or, where it has kept the connection, until nothing comes.
    while let Ok(Ok(())) = timeout(SILENCE, client.read(on)).await {}
}
