use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;

use super::*;
use crate::protocol::{Format, Payload, Publication};

/// A member that keeps what it hears.
#[derive(Default)]
struct Ear {
    seat: Seat,
    heard: Mutex<Vec<(u64, usize)>>,
}

impl Ear {
    /// The offsets that were heard.
    fn offsets(&self) -> Vec<u64> {
        self.heard.lock().iter().map(|heard| heard.0).collect()
    }
}

impl Member for Ear {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn info(&self) -> Arc<ClientInfo> {
        Arc::new(ClientInfo {
            user: "alice".into(),
            client: "".into(),
            conn_info: None,
            chan_info: None,
        })
    }

    fn deliver(&self, batch: &Arc<Batch>) -> Delivered {
        let place = batch.frame(Format::Json).as_ptr() as usize;
        let mut heard = self.heard.lock();
        for event in batch.events() {
            if let Event::Publication(publication) = event {
                heard.push((publication.offset, place));
            }
        }
        Delivered {
            messages: batch.events().len() as u64,
            bytes: 0,
        }
    }

    fn fail(&self) {}
}

/// A member whose every delivery is a defect.
#[derive(Default)]
struct Faulty(Seat, AtomicBool);

impl Member for Faulty {
    fn seat(&self) -> &Seat {
        &self.0
    }

    fn info(&self) -> Arc<ClientInfo> {
        Ear::default().info()
    }

    fn deliver(&self, _: &Arc<Batch>) -> Delivered {
        panic!("the member of this test")
    }

    fn fail(&self) {
        self.1.store(true, Ordering::Relaxed);
    }
}

fn hub() -> Arc<Hub> {
    Arc::new(Hub::new(Metrics::new()))
}

fn room(name: &str) -> ChannelName {
    ChannelName::parse(name).unwrap()
}

fn publication(offset: u64, bytes: usize) -> Event {
    let data = Payload::parse(format!("{:?}", "x".repeat(bytes)).as_bytes()).unwrap();
    Event::Publication(Arc::new(Publication {
        data,
        info: None,
        offset,
    }))
}

fn ears(hub: &Hub, channel: &ChannelName, count: usize) -> Vec<Arc<Ear>> {
    let ears: Vec<Arc<Ear>> = (0..count).map(|_| Arc::default()).collect();
    for ear in &ears {
        hub.add(channel, ear.clone());
    }
    ears
}

/// Runs the flushers until nothing is left to do.
async fn settle(hub: &Arc<Hub>) {
    let tasks: Vec<_> = hub.flushers().map(tokio::spawn).collect();
    while hub.shards.iter().any(|shard| !shard.flusher.is_idle()) {
        tokio::task::yield_now().await;
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn members_of_the_channel_hear_the_very_same_bytes_and_others_nothing() {
    let (hub, channel) = (hub(), room("chat:a"));
    let members = ears(&hub, &channel, 2);
    let others = ears(&hub, &room("chat:b"), 1);
    hub.publish(&channel, publication(1, 10)).await;
    let (a, b) = (members[0].heard.lock()[0], members[1].heard.lock()[0]);
    assert_eq!(a, b, "encoded once");
    assert!(others[0].offsets().is_empty());
}

#[test]
fn a_batch_is_encoded_once_for_each_format() {
    let batch = Batch::new(room("chat:a"), [publication(1, 10), publication(2, 10)]);
    for format in Format::ALL {
        assert_eq!(batch.frame(format).as_ptr(), batch.frame(format).as_ptr());
    }
    assert_ne!(batch.frame(Format::Json), batch.frame(Format::Protobuf));
}

#[tokio::test]
async fn what_was_enqueued_before_is_not_heard_and_an_empty_channel_is_forgotten() {
    let (hub, channel) = (hub(), room("chat:a"));
    let early = ears(&hub, &channel, 1);
    let first = hub.enqueue(&channel, publication(1, 10));
    let late = ears(&hub, &channel, 1);
    let second = hub.enqueue(&channel, publication(2, 10));
    hub.deliver(first).await;
    hub.deliver(second).await;
    assert_eq!(
        (early[0].offsets(), late[0].offsets()),
        (vec![1, 2], vec![2])
    );

    assert_eq!((hub.channels(), hub.members(&channel, 10).len()), (1, 2));
    for ear in early.iter().chain(&late) {
        hub.remove(&channel, &**ear);
    }
    hub.publish(&channel, publication(3, 10)).await;
    assert_eq!(late[0].offsets(), [2]);
    assert_eq!((hub.channels(), hub.members(&channel, 10).len()), (0, 0));
}

#[tokio::test]
async fn a_turn_that_is_dropped_is_the_flushers() {
    let (hub, channel) = (hub(), room("chat:a"));
    let members = ears(&hub, &channel, 3);
    drop(hub.enqueue(&channel, publication(1, 10)));
    assert!(members[0].offsets().is_empty());
    settle(&hub).await;
    assert!(members.iter().all(|ear| ear.offsets() == [1]));
}

#[tokio::test]
async fn a_large_channel_is_delivered_in_slices_while_members_come_and_go() {
    let (hub, channel) = (hub(), room("chat:a"));
    let members = ears(&hub, &channel, 3 * SLICE_MEMBERS + 1);
    hub.publish(&channel, publication(1, 10)).await;
    assert!(members[0].offsets().is_empty(), "it is the flusher's");
    let shard = hub.shard(&channel);
    let mut space = Vec::new();
    let turn = |hub| Turn::new(hub, &shard.flusher, hub.find(shard, &channel).unwrap());
    // The flusher has the turn; here we stand in for it.
    let mut standing_in = turn(&hub);
    standing_in.slice(&mut space);
    let heard = |ears: &[Arc<Ear>]| ears.iter().filter(|ear| ear.offsets() == [1]).count();
    assert_eq!(heard(&members), SLICE_MEMBERS);

    // Two of those who have heard it leave, and one who has not; somebody comes.
    for gone in [0, 5, 2 * SLICE_MEMBERS] {
        hub.remove(&channel, &*members[gone]);
    }
    let late = ears(&hub, &channel, 1);
    for _ in 0..3 {
        standing_in.slice(&mut space);
    }
    drop(standing_in);
    assert_eq!(heard(&members), members.len() - 1);
    hub.publish(&channel, publication(2, 10)).await;
    settle(&hub).await;
    assert_eq!(late[0].offsets(), [2]);
    let both = members.iter().filter(|ear| ear.offsets() == [1, 2]);
    assert_eq!(both.count(), members.len() - 3);
    assert_eq!(hub.members(&channel, usize::MAX).len(), members.len() - 2);
}

#[tokio::test]
async fn a_fault_in_one_member_takes_nothing_from_the_others() {
    let (hub, channel) = (hub(), room("chat:a"));
    let before = ears(&hub, &channel, 1);
    let faulty = Arc::<Faulty>::default();
    hub.add(&channel, faulty.clone());
    let behind = ears(&hub, &channel, 1);
    hub.publish(&channel, publication(1, 10)).await;
    assert_eq!(
        (before[0].offsets(), behind[0].offsets()),
        (vec![1], vec![1])
    );
    assert_eq!(hub.metrics.panics.get(), 1);
    assert!(faulty.1.load(Ordering::Relaxed), "it is told");
}

// Queues are bounded: a publisher waits until the flusher has caught up.
#[tokio::test]
async fn a_crowded_channel_makes_its_publishers_wait_and_no_others() {
    let (hub, channel) = (hub(), room("chat:a"));
    let members = ears(&hub, &channel, SLICE_MEMBERS + 1);
    let mut published = 0;
    let far_too_many = 100;
    while published < far_too_many {
        let room = hub.has_room(&channel);
        if futures_util::FutureExt::now_or_never(room).is_none() {
            break;
        }
        published += 1;
        drop(hub.enqueue(&channel, publication(published, 60_000)));
    }
    assert!((17..=19).contains(&published), "{published}");
    assert!(hub.has_room(&room("chat:b")).await);
    let (waits, hub_) = (channel.clone(), hub.clone());
    let waiting = tokio::spawn(async move { hub_.has_room(&waits).await });
    settle(&hub).await;
    assert!(waiting.await.unwrap());
    assert_eq!(members[7].offsets(), (1..=published).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn publishers_at_once_agree_on_the_order_and_nothing_is_lost_or_doubled() {
    const EACH: u64 = 300;
    let (hub, channel) = (hub(), room("chat:a"));
    let flushers: Vec<_> = hub.flushers().map(tokio::spawn).collect();
    let members = ears(&hub, &channel, SLICE_MEMBERS + 20);
    let publishers: Vec<_> = (0..4)
        .map(|publisher| {
            let (hub, channel) = (hub.clone(), channel.clone());
            tokio::spawn(async move {
                for number in 0..EACH {
                    hub.publish(&channel, publication(publisher * EACH + number, 10))
                        .await;
                    if number % 50 == 0 {
                        // Somebody comes and goes.
                        let guest = ears(&hub, &channel, 1);
                        hub.remove(&channel, &*guest[0]);
                    }
                }
            })
        })
        .collect();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let complete = |ear: &Arc<Ear>| ear.heard.lock().len() == 4 * EACH as usize;
    let all_heard = async {
        while !members.iter().all(complete) {
            tokio::task::yield_now().await;
        }
    };
    let in_time = tokio::time::timeout(std::time::Duration::from_secs(60), all_heard).await;
    assert!(in_time.is_ok(), "something is lost");
    let order = members[0].offsets();
    assert!(members.iter().all(|ear| ear.offsets() == order));
    let mut all = order;
    all.sort_unstable();
    assert!(all.into_iter().eq(0..4 * EACH));
    flushers.iter().for_each(tokio::task::JoinHandle::abort);
}
