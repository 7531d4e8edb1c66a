//! Who may ask what. A node may only speak about itself.

use std::sync::Arc;

use api::Name;
use axum::{
    extract::{ConnectInfo, FromRequestParts, Request, State},
    http::{HeaderValue, Method, StatusCode, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::{App, error::Failure};
use crate::{
    intent::Role,
    pki::{Caller, Gate, Shown, unix_now},
};

/// Lets a request through if whoever asks may, and tells handlers who it is.
pub async fn authorize(
    State(gate): State<Gate>,
    ConnectInfo(shown): ConnectInfo<Shown>,
    mut request: Request,
    next: Next,
) -> Response {
    let caller = gate.caller(&shown, unix_now());
    if !may(&caller, request.method(), request.uri().path()) {
        let status = match caller {
            Caller::Stranger | Caller::Revoked | Caller::Ended => StatusCode::UNAUTHORIZED,
            _ => StatusCode::FORBIDDEN,
        };
        let reason = format!("{caller} may not {} {}", request.method(), request.uri().path());
        return closing(&gate, &shown, Failure::new(status, reason).into_response());
    }
    request.extensions_mut().insert(Speaker(caller));
    closing(&gate, &shown, next.run(request).await)
}

/// Has whoever showed a certificate that is about to end come again with another.
fn closing(gate: &Gate, shown: &Shown, mut response: Response) -> Response {
    if gate.is_ending(shown, unix_now()) {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether a caller may do this at all; what a node says of endpoints is looked at by whoever takes it.
fn may(caller: &Caller, method: &Method, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let get = method == Method::GET;
    match (caller, &parts[..]) {
        (Caller::Anyone | Caller::Known(Role::Admin), _) => true,
        (_, ["healthz" | "readyz"]) => get,
        (_, ["v1", "join"]) => method == Method::POST,
        (Caller::Known(Role::Controller(_)), ["v1", "cluster", ..]) => true,
        (Caller::Known(Role::Node(node)), ["v1", "nodes", name]) => {
            *name == node.as_str() && (get || method == Method::PUT)
        }
        (
            Caller::Known(Role::Node(node)),
            ["v1", "nodes", name, "config" | "report" | "names" | "containers" | "certificate"],
        ) => *name == node.as_str(),
        (Caller::Known(Role::Node(_)), ["v1", "endpoints"]) => method == Method::POST,
        (Caller::Known(Role::Node(_)), ["v1", "endpoints", _]) => true,
        _ => false,
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Speaker(Caller);

impl Speaker {
    /// Refuses a node that speaks about another one.
    pub fn about(&self, node: &Name) -> Result<(), Failure> {
        self.0.speaks_for(node).map_err(|reason| Failure::new(StatusCode::FORBIDDEN, reason))
    }
}

impl FromRequestParts<Arc<App>> for Speaker {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Failure> {
        let missing = || Failure::new(StatusCode::UNAUTHORIZED, "nobody knows who asks");
        parts.extensions.get::<Self>().cloned().ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_may_speak_about_itself_only() {
        let node = Caller::Known(Role::Node(Name::new("h1").unwrap()));
        let (get, put, post, delete) = (Method::GET, Method::PUT, Method::POST, Method::DELETE);
        for (method, path) in [
            (&get, "/healthz"),
            (&put, "/v1/nodes/h1"),
            (&get, "/v1/nodes/h1/config"),
            (&post, "/v1/nodes/h1/report"),
            (&post, "/v1/nodes/h1/names"),
            (&post, "/v1/nodes/h1/certificate"),
            (&post, "/v1/endpoints"),
            (&delete, "/v1/endpoints/web"),
        ] {
            assert!(may(&node, method, path), "{method} {path}");
        }
        for (method, path) in [
            (&put, "/v1/nodes/h2"),
            (&delete, "/v1/nodes/h1"),
            (&get, "/v1/nodes/h2/config"),
            (&post, "/v1/nodes/h2/report"),
            (&post, "/v1/nodes/h2/names"),
            (&post, "/v1/nodes/h2/certificate"),
            (&get, "/v1/nodes/h1/flows"),
            (&get, "/v1/nodes"),
            (&post, "/v1/services"),
            (&post, "/v1/tokens"),
            (&get, "/v1/backup"),
            (&get, "/v1/cluster/progress"),
            (&get, "/v1/nodes/h1/config/"),
        ] {
            assert!(!may(&node, method, path), "{method} {path}");
        }
    }

    #[test]
    fn who_is_not_known_may_join_and_see_that_it_is_alive() {
        for caller in [Caller::Stranger, Caller::Revoked] {
            assert!(may(&caller, &Method::POST, "/v1/join") && may(&caller, &Method::GET, "/readyz"));
            for path in ["/", "/v1/nodes", "/v1/status", "/metrics", "/openapi.json", "/v1/endpoints"] {
                assert!(!may(&caller, &Method::GET, path) && !may(&caller, &Method::POST, path), "{caller} {path}");
            }
        }
        let controller = Caller::Known(Role::Controller("c2".into()));
        assert!(may(&controller, &Method::GET, "/v1/cluster/progress"));
        assert!(!may(&controller, &Method::GET, "/v1/backup"));
    }
}
