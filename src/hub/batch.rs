//! What travels through a channel: events, gathered into batches that are encoded once for all
//! members.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use crate::limits::{OUTBOX_ENTRY_BYTES, WRITE_TURN_BYTES};
use crate::policy::ChannelName;
use crate::protocol::{ClientInfo, Format, Message, Publication, Push};

/// Something that happened in a channel.
#[derive(Clone)]
pub enum Event {
    /// Somebody published.
    Publication(Arc<Publication>),
    /// A connection subscribed.
    Join(Arc<ClientInfo>),
    /// A connection is gone.
    Leave(Arc<ClientInfo>),
}

impl Event {
    /// Bytes that it takes while it waits, about as many as on the wire.
    pub(super) fn cost(&self) -> usize {
        let data = match self {
            Event::Publication(publication) => publication.data.len(),
            Event::Join(_) | Event::Leave(_) => 0,
        };
        let shown = self.info().map_or(0, |info| info.shown_bytes());
        data + shown + OUTBOX_ENTRY_BYTES
    }

    fn info(&self) -> Option<&Arc<ClientInfo>> {
        match self {
            Event::Publication(publication) => publication.info.as_ref(),
            Event::Join(info) | Event::Leave(info) => Some(info),
        }
    }

    fn is_publication(&self) -> bool {
        matches!(self, Event::Publication(_))
    }

    fn push(&self) -> Push {
        match self {
            Event::Publication(publication) => Push::Publication(publication.clone()),
            Event::Join(info) => Push::Join(info.clone()),
            Event::Leave(info) => Push::Leave(info.clone()),
        }
    }
}

/// Events of one channel in their order: publications, or joins and leaves, never both.
pub struct Batch {
    channel: ChannelName,
    events: Box<[Event]>,
    cost: usize,
    /// By [`Format`], each made for the first member that needs it.
    frames: [OnceLock<Bytes>; Format::COUNT],
}

impl Batch {
    /// These events, of which there is at least one.
    pub(super) fn new(channel: ChannelName, events: impl Into<Box<[Event]>>) -> Batch {
        let events: Box<[Event]> = events.into();
        Batch {
            channel,
            cost: events.iter().map(Event::cost).sum(),
            events,
            frames: Default::default(),
        }
    }

    /// How many of the waiting events, from the first on, make the next batch: alike, and as many
    /// as fit one write, or one that is larger.
    pub(super) fn size_of_next<'a>(waiting: impl Iterator<Item = &'a Event>) -> usize {
        let (mut bytes, mut first) = (0, None);
        waiting
            .take_while(|event| {
                bytes += event.cost();
                let kind = *first.get_or_insert(event.is_publication());
                kind == event.is_publication() && bytes <= WRITE_TURN_BYTES
            })
            .count()
            .max(1)
    }

    /// Whether these are publications.
    pub fn is_publications(&self) -> bool {
        self.events.first().is_some_and(Event::is_publication)
    }

    /// Bytes that it took while it waited.
    pub(super) fn cost(&self) -> usize {
        self.cost
    }

    /// What happened.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The whole batch as one frame of the format, shared by all members that speak it.
    pub fn frame(&self, format: Format) -> &Bytes {
        self.frames[format as usize].get_or_init(|| {
            format.frame(self.events.iter().map(|event| Message::Push {
                channel: self.channel.as_str(),
                push: event.push(),
            }))
        })
    }

    /// A batch of those events alone that `keep` wants; none when it wants none.
    pub fn only(&self, keep: impl Fn(&Event) -> bool) -> Option<Arc<Batch>> {
        let events: Box<[Event]> = self.events.iter().filter(|e| keep(e)).cloned().collect();
        (!events.is_empty()).then(|| Arc::new(Batch::new(self.channel.clone(), events)))
    }

    /// What follows the first `count` events.
    pub(super) fn after(&self, count: usize) -> Option<Arc<Batch>> {
        let rest = self.events.get(count..).filter(|rest| !rest.is_empty())?;
        Some(Arc::new(Batch::new(self.channel.clone(), rest)))
    }
}
