//! `/v1/watch`: every change after a revision, a line each, as long as the client reads.

use std::{convert::Infallible, sync::Arc, time::Duration};

use api::{Kind, Name, WatchEvent};
use axum::{
    body::Body,
    http::header::CONTENT_TYPE,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::{Shared, body::Query, error::Failure};
use crate::{
    intent::{Key, Txn, Value, Write},
    store::Watch,
};

/// How often a client of whom nothing is heard is told where it stands.
const BOOKMARK: Duration = Duration::from_secs(10);

/// `?after=…&kind=…`
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WatchQuery {
    /// The revision of which the client knows.
    after: u64,
    /// The kind to tell of; all if there is none.
    kind: Option<Kind>,
}

/// Every change after a revision, one JSON object a line, for as long as the client reads.
#[utoipa::path(get, path = "/v1/watch", tag = "objects", params(WatchQuery),
    responses((status = OK, body = WatchEvent, content_type = "application/x-ndjson")))]
pub async fn watch(app: Shared, Query(query): Query<WatchQuery>) -> Result<Response, Failure> {
    let lines = futures::stream::unfold(Some((app.store.watch(query.after), query)), |state| async move {
        let (mut watch, query) = state?;
        let (text, goes_on) = next(&mut watch, query).await;
        Some((Ok::<Bytes, Infallible>(text.into()), goes_on.then_some((watch, query))))
    });
    Ok(([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// The next lines, and whether more may come.
async fn next(watch: &mut Watch, query: WatchQuery) -> (String, bool) {
    let told = |watch: &Watch| WatchEvent::Bookmark { revision: watch.revision() };
    match tokio::time::timeout(BOOKMARK, watch.next()).await {
        Err(_) => (line(&told(watch)), true),
        Ok(Err(old)) => (line(&WatchEvent::Gone { error: old.to_string() }), false),
        Ok(Ok(txns)) if txns.is_empty() => (String::new(), false),
        Ok(Ok(txns)) => {
            let changed = |txn: &Arc<Txn>| txn.writes.iter().filter_map(|write| event(txn.revision, write)).collect();
            let events: Vec<WatchEvent> = txns.iter().flat_map(|txn| -> Vec<WatchEvent> { changed(txn) }).collect();
            let wanted = |event: &&WatchEvent| query.kind.is_none_or(|kind| kind_of(event) == Some(kind));
            let text: String = events.iter().filter(wanted).map(line).collect();
            (text + &line(&told(watch)), true)
        }
    }
}

fn event(revision: u64, write: &Write) -> Option<WatchEvent> {
    let put =
        |kind, name: &Name, object: serde_json::Value| WatchEvent::Put { revision, kind, name: name.clone(), object };
    Some(match (&write.key, &write.value) {
        (Key::Node(name), Some(Value::Node(node))) => put(Kind::Node, name, json(&**node)),
        (Key::Network(name), Some(Value::Network(network))) => put(Kind::Network, name, json(&**network)),
        (Key::Endpoint(name), Some(Value::Endpoint(endpoint))) => put(Kind::Endpoint, name, json(&**endpoint)),
        (Key::Service(name), Some(Value::Service(service))) => put(Kind::Service, name, json(&**service)),
        (Key::Policy(name), Some(Value::Policy(policy))) => put(Kind::Policy, name, json(&**policy)),
        (key, _) => {
            let (kind, name) = key.object()?;
            WatchEvent::Delete { revision, kind, name: name.clone() }
        }
    })
}

fn kind_of(event: &WatchEvent) -> Option<Kind> {
    match event {
        WatchEvent::Put { kind, .. } | WatchEvent::Delete { kind, .. } => Some(*kind),
        WatchEvent::Bookmark { .. } | WatchEvent::Gone { .. } => None,
    }
}

fn json(object: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(object).expect("objects have string keys and no failing serializer")
}

fn line(event: &WatchEvent) -> String {
    json(event).to_string() + "\n"
}
