//! The agent's socket: how runtimes on this host ask for endpoints.

use std::{io, os::unix::net::UnixStream, path::Path as FsPath, sync::Arc};

use api::{Attach, ClientError, Containers, Endpoint, ErrorBody, Invalid, Name};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use nix::sys::stat::{Mode, umask};
use tokio::{net::UnixListener, sync::watch, time::Instant};

use crate::{
    Error,
    endpoint::Endpoints,
    gossip::{Members, MembersAnswer},
};

/// The largest request body, in bytes.
const MAX_BODY: usize = 1 << 20;

/// Opens the socket, for its owner only; one that a dead agent left is replaced.
///
/// # Errors
/// When another agent listens there, or what the system said.
pub fn listen(path: &FsPath) -> io::Result<UnixListener> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    match UnixStream::connect(path) {
        Ok(_) => return Err(io::Error::new(io::ErrorKind::AddrInUse, "another agent listens there")),
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path)?,
        Err(_) => {}
    }
    let old = umask(Mode::from_bits_truncate(0o177));
    let listener = UnixListener::bind(path);
    umask(old);
    listener
}

/// Serves requests for ever.
///
/// # Errors
/// What the system said.
pub async fn serve(
    listener: UnixListener,
    endpoints: Arc<Endpoints>,
    members: watch::Receiver<Members>,
) -> io::Result<()> {
    let members = Router::new().route("/v1/members", get(list_members)).with_state(members);
    let router = Router::new()
        .route("/v1/endpoints", post(attach))
        .route("/v1/endpoints/{name}", delete(detach))
        .route("/v1/containers", put(reserve).delete(release))
        .fallback(async || refusal(StatusCode::NOT_FOUND, "there is nothing at this path", None))
        .method_not_allowed_fallback(async || {
            refusal(StatusCode::METHOD_NOT_ALLOWED, "this path does not take that method", None)
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(endpoints)
        .merge(members);
    axum::serve(listener, router).await
}

async fn list_members(State(members): State<watch::Receiver<Members>>) -> Json<MembersAnswer> {
    let members = members.borrow();
    Json(MembersAnswer { members: members.aged(Instant::now()), gossip: members.counts.clone() })
}

async fn attach(
    State(endpoints): State<Arc<Endpoints>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Endpoint>, Response> {
    let body = body.map_err(|e| refusal(e.status(), &e.body_text(), None))?;
    let attach: Attach =
        serde_json::from_slice(&body).map_err(|e| refusal(StatusCode::BAD_REQUEST, &e.to_string(), None))?;
    let made = finish(async move { endpoints.attach(attach).await }).await?;
    Ok(Json(made))
}

async fn detach(State(endpoints): State<Arc<Endpoints>>, Path(name): Path<String>) -> Result<Response, Response> {
    let name = Name::new(name).map_err(|e| Error::from(e).into_response())?;
    finish(async move { endpoints.detach(&name).await }).await?;
    Ok(Json(serde_json::json!({})).into_response())
}

async fn reserve(
    State(endpoints): State<Arc<Endpoints>>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Response> {
    let body = body.map_err(|e| refusal(e.status(), &e.body_text(), None))?;
    let wanted: Containers =
        serde_json::from_slice(&body).map_err(|e| refusal(StatusCode::BAD_REQUEST, &e.to_string(), None))?;
    finish(async move { endpoints.set_containers(Some(wanted)).await }).await?;
    Ok(Json(serde_json::json!({})).into_response())
}

async fn release(State(endpoints): State<Arc<Endpoints>>) -> Result<Response, Response> {
    finish(async move { endpoints.set_containers(None).await }).await?;
    Ok(Json(serde_json::json!({})).into_response())
}

/// Runs a request to its end, also when the one who asked hangs up meanwhile.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> Result<T, Response> {
    match tokio::spawn(work).await {
        Ok(result) => result.map_err(IntoResponse::into_response),
        Err(e) => Err(refusal(StatusCode::INTERNAL_SERVER_ERROR, &e.to_string(), None)),
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, field) = classify(&self);
        refusal(status, &self.to_string(), field)
    }
}

fn classify(error: &Error) -> (StatusCode, Option<&'static str>) {
    match error {
        Error::Invalid(Invalid { field, .. }) => (StatusCode::BAD_REQUEST, Some(field)),
        Error::Conflict(_) => (StatusCode::CONFLICT, None),
        Error::NotReady | Error::Controller(ClientError::Unreachable { .. }) => (StatusCode::SERVICE_UNAVAILABLE, None),
        Error::Controller(ClientError::Refused { status, .. }) => {
            (StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_GATEWAY), None)
        }
        Error::Controller(ClientError::Answer { .. }) => (StatusCode::BAD_GATEWAY, None),
        Error::Pending(_) => (StatusCode::GATEWAY_TIMEOUT, None),
        Error::Kernel { .. } => (StatusCode::INTERNAL_SERVER_ERROR, None),
        Error::Several(errors) => errors.first().map_or((StatusCode::INTERNAL_SERVER_ERROR, None), classify),
    }
}

fn refusal(status: StatusCode, error: &str, field: Option<&str>) -> Response {
    let body = ErrorBody { error: error.to_owned(), field: field.map(str::to_owned) };
    (status, Json(body)).into_response()
}
