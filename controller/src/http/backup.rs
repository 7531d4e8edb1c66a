//! `/v1/backup` and `/v1/restore`: all that is stored, as one document.

use api::{Backup, Written};
use axum::{Json, http::StatusCode, response::Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    Shared,
    body::{Body, Query},
    error::Failure,
    write::{WaitQuery, write},
};
use crate::intent::{Change, Value};

/// All that is stored.
#[utoipa::path(get, path = "/v1/backup", tag = "files", responses((status = OK, body = Backup)))]
pub async fn backup(app: Shared) -> Json<Backup> {
    let intent = app.store.read();
    let json = |bytes: Vec<u8>| serde_json::from_slice(&bytes).unwrap_or_default();
    let values = intent.values().filter(|value| !value.key().is_secret());
    let values = values.map(|value| (value.key().encode(), json(value.encode())));
    Json(Backup { format: Backup::FORMAT, revision: intent.revision(), values: values.collect() })
}

/// `?force=…`
#[derive(Clone, Copy, Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RestoreQuery {
    /// Whether objects that are there may be lost.
    #[serde(default)]
    force: bool,
}

/// Puts a backup in the place of all there is.
#[utoipa::path(post, path = "/v1/restore", tag = "files", params(RestoreQuery), request_body = Backup,
    responses((status = OK, body = Written<serde_json::Value>), (status = ACCEPTED, body = Written<serde_json::Value>)))]
pub async fn restore(
    app: Shared,
    Query(RestoreQuery { force }): Query<RestoreQuery>,
    Body(backup): Body<Backup>,
) -> Result<Response, Failure> {
    let refuse = |reason: String| Err(Failure::new(StatusCode::UNPROCESSABLE_ENTITY, reason));
    if backup.format != Backup::FORMAT {
        return refuse(format!(
            "format: {} is not {}, which this version writes and reads",
            backup.format,
            Backup::FORMAT
        ));
    }
    let read = |(key, value): (&String, &serde_json::Value)| Value::decode(key, value.to_string().as_bytes());
    let values = match backup.values.iter().map(read).collect::<Result<Vec<Value>, _>>() {
        Ok(values) => values,
        Err(unreadable) => return refuse(format!("values.{unreadable}")),
    };
    write(&app, Change::Restore { values, force }, WaitQuery::DO_NOT_WAIT, |_| None::<()>).await
}
