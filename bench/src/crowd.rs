//! Many clients of one thread: connected some at once, subscribed, and then listened to.

use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::client::Client;
use crate::dialect::Incoming;
use crate::payload::Stamp;
use crate::record::Outcome;
use crate::tally::{Receiver, SharedTally};
use crate::target::{Guest, Target};

/// Clients that connect at once, where it is not what is measured.
const AT_ONCE: usize = 50;
/// How long what was published may be on its way.
const GRACE: Duration = Duration::from_secs(20);

/// Makes each of these into something, so many at once, and keeps their order.
pub async fn each<'a, T, F>(
    guests: &'a [Guest],
    at_once: usize,
    make: impl Fn(usize, &'a Guest) -> F,
) -> Result<Vec<T>>
where
    F: Future<Output = Result<T>>,
{
    let making = guests.iter().enumerate().map(|(number, guest)| {
        let made = make(number, guest);
        async move { anyhow::Ok((number, made.await?)) }
    });
    // Whoever is done makes room for the next, whatever their order.
    let mut made: Vec<(usize, T)> = stream::iter(making)
        .buffer_unordered(at_once)
        .try_collect()
        .await?;
    made.sort_unstable_by_key(|(number, _)| *number);
    Ok(made.into_iter().map(|(_, made)| made).collect())
}

/// Connects clients, each subscribed to its channel.
pub async fn subscribed(
    target: &Target,
    guests: &[Guest],
    channel: impl Fn(usize) -> String,
) -> Result<Vec<Client>> {
    let channel = &channel;
    each(guests, AT_ONCE, |number, guest| async move {
        let mut client = Client::connect(target, guest).await?;
        client.subscribe(&channel(number), |_| {}).await?;
        Ok(client)
    })
    .await
}

/// Subscribers that are listened to until this is dropped.
pub struct Crowd {
    tally: SharedTally,
    receivers: Vec<Rc<Receiver>>,
    tasks: JoinSet<()>,
}

impl Crowd {
    /// Nobody yet.
    pub fn new() -> Crowd {
        Crowd {
            tally: SharedTally::default(),
            receivers: Vec::new(),
            tasks: JoinSet::new(),
        }
    }

    /// Listens to these; tells of each message when a client has got it for the first time.
    pub fn listen(&mut self, clients: Vec<Client>, landed: impl Fn(Stamp) + Clone + 'static) {
        for client in clients {
            let receiver = self.receiver();
            self.tasks
                .spawn_local(listen(client, receiver, landed.clone()));
        }
    }

    /// The account of one more subscriber, which a task of the caller's listens to.
    pub fn receiver(&mut self) -> Rc<Receiver> {
        let receiver = Receiver::new(&self.tally);
        self.receivers.push(receiver.clone());
        receiver
    }

    /// Runs a task until the crowd is dropped.
    pub fn run(&mut self, task: impl Future<Output = ()> + 'static) {
        self.tasks.spawn_local(task);
    }

    /// How many subscribers there are.
    pub fn len(&self) -> usize {
        self.receivers.len()
    }

    /// What all got together.
    pub fn tally(&self) -> &SharedTally {
        &self.tally
    }

    /// Waits until as many deliveries have come since the window was opened as are `expected`, or
    /// until those that have not are lost. Asked again and again, since a publisher that is behind
    /// its time goes on meanwhile.
    pub async fn settle(&self, expected: impl Fn() -> u64) {
        let began = Instant::now();
        while self.tally.borrow().deliveries < expected() && began.elapsed() < GRACE {
            sleep(Duration::from_millis(1)).await;
        }
    }

    /// What became of the messages, when the sender with this place in the list published so many
    /// to each subscriber.
    pub fn outcome(&self, published: &[u32]) -> Outcome {
        self.outcome_by(|_| published)
    }

    /// The same, where each subscriber, counted as they came, has senders of its own.
    pub fn outcome_by<P: AsRef<[u32]>>(&self, published: impl Fn(usize) -> P) -> Outcome {
        let lost = self.receivers.iter().enumerate().map(|(number, receiver)| {
            let (ledger, published) = (receiver.ledger(), published(number));
            (0..)
                .zip(published.as_ref())
                .map(|(sender, &count)| ledger.lost(sender, count))
                .sum::<u64>()
        });
        Outcome::of(&self.tally.borrow(), lost.sum())
    }
}

/// Reads what one client gets, for ever.
async fn listen(mut client: Client, receiver: Rc<Receiver>, landed: impl Fn(Stamp)) {
    loop {
        let read = client.read(|incoming| {
            if let Incoming::Publication(data) = incoming
                && let Some(stamp) = receiver.take(data)
            {
                landed(stamp);
            }
        });
        if let Err(error) = read.await {
            return receiver.broke(&error);
        }
    }
}

/// Keeps idle clients alive: answers pings, and counts nothing.
pub fn keep(clients: Vec<Client>) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for mut client in clients {
        tasks.spawn_local(async move { while client.read(|_| {}).await.is_ok() {} });
    }
    tasks
}
