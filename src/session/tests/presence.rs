//! Who is there, where very many are.

use super::*;
use crate::limits::PRESENCE_ENTRIES;

// CHAN-7: an answer shows a thousand, and says how many there are all the same.
#[tokio::test(start_paused = true)]
async fn chan_7_of_very_many_presence_shows_a_thousand() {
    let clock = Clock::manual(NOW);
    let sessions = node(memory(&clock), clock, SETTINGS);
    let red = json!({"teams": ["red"]});
    let mut crowd = Vec::new();
    for number in 0..=PRESENCE_ENTRIES {
        let user = format!("user{number}");
        crowd.push(live::member(&sessions, &user, red.clone(), &["team:red"]).await);
    }
    let team = json!({"channel": "team:red"});
    let (reply, _) = crowd[0].ask("presence", team.clone()).await;
    let shown = reply["presence"]["presence"].as_object().unwrap();
    assert_eq!(shown.len(), PRESENCE_ENTRIES);
    let (reply, _) = crowd[0].ask("presence_stats", team).await;
    let all = PRESENCE_ENTRIES + 1;
    assert_eq!(
        reply["presence_stats"],
        json!({"num_clients": all, "num_users": all})
    );
}
