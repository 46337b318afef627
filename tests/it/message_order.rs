//! Messages in any order: each is counted once, whatever is repeated, shuffled, late or lost.
//!
//! Not here: what deliveries look like; that is each provider's.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use whatsapp_exporter::domain::{
    ChannelState, Direction, MessageEvent, MessageFailure, MessageId, MessageMemory, MessageStatus,
    Now, Origin, Timestamp, WebhookOutcome,
};

const START: i64 = 1_795_000_000;

fn at(second: u32) -> Now {
    let start = Now { unix: Timestamp::from_secs(START), steady: 0 };
    start.plus(Duration::from_secs(second.into()))
}

fn id(number: usize) -> MessageId {
    MessageId::from_hash((number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// A message and all that is ever told of it.
fn story(number: usize) -> impl Strategy<Value = Vec<MessageEvent>> {
    let statuses = prop::collection::vec((0_u32..900, 0..MessageStatus::COUNT), 0..4);
    (0_u32..900, 0..4_usize, statuses).prop_map(move |(second, kind, statuses)| {
        let (id, time) = (id(number), Some(at(second).unix));
        let message = match kind {
            0 => return vec![MessageEvent::inbound(id, time)],
            1 => MessageEvent::outbound(id, time, Origin::Phone, Some(MessageStatus::Sent)),
            2 => MessageEvent::outbound(id, time, Origin::Other, None),
            _ => MessageEvent::outbound(id, time, Origin::Api, None),
        };
        let mut story = vec![message];
        story.extend(statuses.into_iter().map(|(later, status)| {
            let status = MessageStatus::ALL[status];
            let failure = (status == MessageStatus::Failed).then_some(MessageFailure::RateLimited);
            MessageEvent::status(id, Some(at(second + later).unix), Some(status), failure)
        }));
        story
    })
}

/// What is told of some messages: in order, and as it is delivered, shuffled, some of it often.
fn deliveries() -> impl Strategy<Value = (Vec<MessageEvent>, Vec<MessageEvent>)> {
    (1_usize..12)
        .prop_flat_map(|count| (0..count).map(story).collect::<Vec<_>>())
        .prop_flat_map(|stories| {
            let told: Vec<MessageEvent> = stories.into_iter().flatten().collect();
            let often = prop::collection::vec(1_usize..4, told.len());
            (Just(told), often)
        })
        .prop_flat_map(|(told, often)| {
            let delivered: Vec<MessageEvent> = told
                .iter()
                .zip(often)
                .flat_map(|(event, times)| std::iter::repeat_n(*event, times))
                .collect();
            (Just(told), Just(delivered).prop_shuffle())
        })
}

/// All that is shown of a line's messages, but for who sent those first known by a status.
#[derive(Debug, PartialEq)]
struct Shown {
    by_direction: [u32; 2],
    statuses: Vec<u32>,
    failures: Vec<u32>,
    unacknowledged: usize,
    oldest: Option<Timestamp>,
    last: [Option<Timestamp>; 2],
    phone: Option<Timestamp>,
}

fn tell(events: &[MessageEvent], second: u32) -> (ChannelState, usize) {
    let (mut channel, mut memory) = (ChannelState::new(at(0)), MessageMemory::default());
    let new = events.iter().filter(|event| {
        channel.message_told(at(second), &mut memory, event) == WebhookOutcome::Applied
    });
    let new = new.count();
    (channel, new)
}

fn shown(channel: &ChannelState) -> Shown {
    let messages = channel.messages().expect("messages were told of");
    let (inbound, outbound) = messages.message_counts().split_at(Origin::COUNT);
    Shown {
        by_direction: [inbound.iter().sum(), outbound.iter().sum()],
        statuses: messages.status_counts().to_vec(),
        failures: messages.failure_counts().to_vec(),
        unacknowledged: messages.unacknowledged(),
        oldest: messages.oldest_unacknowledged(),
        last: [Direction::Inbound, Direction::Outbound].map(|one| messages.last_message(one)),
        phone: messages.phone_active(),
    }
}

proptest! {
    #[test]
    fn the_order_of_messages_does_not_matter((told, delivered) in deliveries()) {
        let (in_order, _) = tell(&told, 2000);
        let (shuffled, _) = tell(&delivered, 2000);
        prop_assert_eq!(shown(&in_order), shown(&shuffled));
    }

    #[test]
    fn repeated_messages_change_nothing((told, delivered) in deliveries()) {
        let (channel, new) = tell(&delivered, 2000);
        let mut again = delivered.clone();
        again.extend(delivered);
        let (repeated, news) = tell(&again, 2000);
        prop_assert_eq!(shown(&channel), shown(&repeated));
        prop_assert_eq!(new, news, "a delivery that was taken is a duplicate");
        prop_assert!(new <= told.len());
    }

    #[test]
    fn whatever_is_lost_each_message_that_is_told_of_counts_once(
        (told, delivered) in deliveries(),
        lost in prop::collection::vec(any::<bool>(), 200),
    ) {
        let mut lost = lost.into_iter().cycle();
        let arrived: Vec<MessageEvent> =
            delivered.into_iter().filter(|_| !lost.next().unwrap_or(false)).collect();
        prop_assume!(!arrived.is_empty());
        let (channel, _) = tell(&arrived, 2000);
        let mut directions: BTreeMap<MessageId, Direction> = BTreeMap::new();
        let mut statuses: BTreeMap<(MessageId, MessageStatus), ()> = BTreeMap::new();
        for event in &arrived {
            directions.insert(event.id, event.direction);
            if let Some(status) = event.status {
                statuses.insert((event.id, status), ());
            }
        }
        let shown = shown(&channel);
        for direction in Direction::ALL {
            let expected = directions.values().filter(|one| *one == direction).count();
            prop_assert_eq!(shown.by_direction[direction.index()] as usize, expected);
        }
        let counted: u32 = shown.statuses.iter().sum();
        prop_assert_eq!(counted as usize, statuses.len());
        // What the API sent waits exactly as long as no status of it has arrived.
        let waits = |event: &&MessageEvent| {
            event.is_message
                && event.origin == Some(Origin::Api)
                && !statuses.keys().any(|(id, _)| *id == event.id)
        };
        let waiting: BTreeMap<MessageId, ()> =
            arrived.iter().filter(waits).map(|event| (event.id, ())).collect();
        prop_assert_eq!(shown.unacknowledged, waiting.len());
        prop_assert!(told.len() >= waiting.len());
    }
}
