//! Being told that something changed below a key: when, not what. Who is nudged reads for itself, so that a watch that
//! was cut, or told of things twice, does no harm.

use std::time::Duration;

use tokio::{sync::mpsc, time::sleep};

use super::Client;

/// How long a watch is trusted that says nothing.
const SILENCE: Duration = Duration::from_secs(30);

/// How long to wait before a watch that ended is begun anew.
const PAUSE: Duration = Duration::from_millis(250);

/// Nudges `told` whenever something below `prefix` may have changed, until nobody listens.
pub async fn nudge(client: Client, prefix: String, told: mpsc::Sender<()>) {
    let mut member = 0usize;
    while !told.is_closed() {
        watch(&client, member, &prefix, &told).await;
        // Something may have changed while nobody watched.
        let _ = told.try_send(());
        member = member.wrapping_add(1);
        sleep(PAUSE).await;
    }
}

async fn watch(client: &Client, member: usize, prefix: &str, told: &mpsc::Sender<()>) {
    let members = &client.url.members;
    let range = super::RangeRequest::prefix(prefix);
    let request = serde_json::json!({"create_request": range});
    let url = format!("http://{}/v3/watch", members[member % members.len()]);
    let Ok(Ok(mut answer)) = tokio::time::timeout(SILENCE, client.http.post(url).json(&request).send()).await else {
        return;
    };
    loop {
        tokio::select! {
            () = told.closed() => return,
            chunk = tokio::time::timeout(SILENCE, answer.chunk()) => match chunk {
                // One nudge that waits to be taken tells as much as two.
                Ok(Ok(Some(_))) => drop(told.try_send(())),
                _ => return,
            }
        }
    }
}
