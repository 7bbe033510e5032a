use futures_util::FutureExt;

use super::*;
use crate::clock::UnixSeconds;
use crate::hub::{Batch, Delivered, Seat};
use crate::limits::SLICE_MEMBERS;
use crate::telemetry::Metrics;

/// A connection of a user, of whom each has two.
struct There(Seat, usize);

impl Member for There {
    fn seat(&self) -> &Seat {
        &self.0
    }

    fn info(&self) -> Arc<ClientInfo> {
        Arc::new(ClientInfo {
            user: format!("user{}", self.1 / 2).into(),
            client: self.1.to_string().into(),
            conn_info: None,
            chan_info: None,
        })
    }

    fn deliver(&self, _: &Arc<Batch>) -> Delivered {
        Delivered::default()
    }

    fn fail(&self) {}
}

async fn with(members: usize) -> (MemoryEngine, ChannelName) {
    let hub = Arc::new(Hub::new(Metrics::new()));
    let clock = Clock::manual(UnixSeconds(1_000));
    let settings = StreamSettings {
        history_bytes: 1 << 20,
        streams: 1000,
    };
    let engine = MemoryEngine::new(hub, settings, clock);
    let channel = ChannelName::parse("chat:a").unwrap();
    for number in 0..members {
        let member = Arc::new(There(Seat::default(), number));
        engine.subscribe(&channel, member).await.unwrap();
    }
    (engine, channel)
}

/// Who asks how many are in a large room takes turns with those who speak there, and with all else.
#[tokio::test]
async fn a_large_room_is_counted_in_slices() {
    let large = 3 * SLICE_MEMBERS + 1;
    for members in [0, 1, SLICE_MEMBERS, large] {
        let (engine, channel) = with(members).await;
        let mut asked = engine.presence_stats(&channel);
        let at_once = asked.as_mut().now_or_never();
        assert_eq!(at_once.is_none(), members == large, "{members}");
        let stats = match at_once {
            Some(stats) => stats.unwrap(),
            None => asked.await.unwrap(),
        };
        assert_eq!(stats.connections, members);
        assert_eq!(stats.users, members.div_ceil(2));
    }
}
