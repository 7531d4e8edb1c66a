//! `/v1/nodes/NODE/blame`: who asked for a flow, when, and what that is now.

use api::{Kind, Name, status::Blame};
use axum::{Json, http::StatusCode};
use openflow::text;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    App, Shared,
    apply::ending,
    body::{Path, Query},
    error::Failure,
    observe::read,
};
use crate::{
    dump,
    pipeline::{Cookie, FlowKey},
    southbound,
};

/// `?flow=…`
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct BlameQuery {
    /// The flow, as `ovs-ofctl` prints it.
    flow: String,
}

/// What a flow's text may hold that does not tell one flow from another.
const COUNTERS: [&str; 9] = [
    "cookie",
    "duration",
    "n_packets",
    "n_bytes",
    "idle_age",
    "hard_age",
    "idle_timeout",
    "hard_timeout",
    "importance",
];

/// Who asked for a flow, when, and what that is now.
#[utoipa::path(get, path = "/v1/nodes/{name}/blame", tag = "switches", params(("name" = Name, Path), BlameQuery),
    responses((status = OK, body = Blame)))]
pub async fn blame(app: Shared, Path(node): Path, Query(query): Query<BlameQuery>) -> Result<Json<Blame>, Failure> {
    let key = key(&query.flow).map_err(|reason| Failure::new(StatusCode::BAD_REQUEST, format!("flow: {reason}")))?;
    let read = read(&app, &node, async |switch| switch.read_flows().await).await?;
    let found = read.iter().find(|stats| southbound::flow(stats).0 == key);
    let found = found.ok_or_else(|| {
        let reason = format!(
            "node {node} has no such flow: {}; `sdnctl flows dump {node}` shows what it has",
            dump::describe(&key)
        );
        Failure::new(StatusCode::NOT_FOUND, reason)
    })?;
    let compiled = app.core.compiled().await.ok_or_else(ending)?;
    let want = compiled.state(&node).flows.get(&key).cloned();
    let cookie = Cookie::from_u64(found.cookie);
    let owners = app.owners();
    let at = match cookie {
        Some(cookie) if cookie.kind != Kind::Pipeline => app.core.when(u64::from(cookie.revision)).await,
        _ => None,
    };
    Ok(Json(Blame {
        node,
        wanted: want.is_some_and(|want| *want == southbound::flow(found).1),
        flow: dump::flow(found, &owners, None),
        object: cookie.and_then(|cookie| object(&app, &owners, cookie)),
        at: at.map(|at| at.to_string()),
    }))
}

/// Reads a flow as `sdnctl flows dump -o ofctl`, `ovs-ofctl dump-flows` or a person writes it.
fn key(text: &str) -> Result<FlowKey, String> {
    let matching = text.split("actions=").next().unwrap_or_default();
    let words = matching.split([',', ' ']).filter(|word| !word.is_empty());
    let telling = words.filter(|word| !COUNTERS.contains(&word.split('=').next().unwrap_or_default()));
    let flow = telling.chain(["actions=drop"]).collect::<Vec<_>>().join(",");
    let flow = text::parse_flow(&flow).map_err(|error| error.to_string())?;
    Ok(FlowKey::new(flow.table_id.0, flow.priority, &flow.matching))
}

/// The object as it is now; none if it is no more.
fn object(app: &App, owners: &dump::Owners, cookie: Cookie) -> Option<serde_json::Value> {
    let intent = app.store.read();
    let name = owners.name(cookie.kind, cookie.id)?;
    let json = match cookie.kind {
        Kind::Pipeline => return None,
        Kind::Node => serde_json::to_value(&**intent.nodes.get(name)?),
        Kind::Network => serde_json::to_value(&**intent.networks.get(name)?),
        Kind::Endpoint => serde_json::to_value(&**intent.endpoints.get(name)?),
        Kind::Service => serde_json::to_value(&**intent.services.get(name)?),
        Kind::Policy => serde_json::to_value(&**intent.policies.get(name)?),
    };
    json.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_is_found_as_people_and_tools_write_it() {
        let dumped = " cookie=0x2000001000003e8, duration=1.5s, table=50, n_packets=3, n_bytes=294, idle_age=1, \
                      priority=100,ip,reg0=0x1,nw_dst=10.244.2.0/24 actions=dec_ttl,resubmit(,70)";
        let typed = "table=50,priority=100,ip,reg0=1,nw_dst=10.244.2.0/24";
        assert_eq!(key(dumped).unwrap(), key(typed).unwrap());
        assert!(key("table=50,nw_dst=banana").unwrap_err().contains("banana"));
    }
}
