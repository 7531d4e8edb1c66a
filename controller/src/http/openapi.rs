//! `/openapi.json`: the API as an OpenAPI 3.1 document, made from the handlers and types themselves.

use std::sync::LazyLock;

use axum::Json;
use utoipa::{
    OpenApi,
    openapi::{OpenApi as Document, Ref, RefOr, Response, content::ContentBuilder, path::Operation},
};

use crate::cluster::peers;

#[cfg(test)]
mod tests;

/// What the document says beside its paths.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "sdn-controller",
        description = "Intent goes in, flows come out. A write answers when every switch concerned has acknowledged it: 200, or 202 when some have not within `timeout`. Every other answer than a success is an `ErrorBody`."
    ),
    components(schemas(api::ErrorBody))
)]
struct Frame;

/// The whole document.
pub static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
    let mut document = Frame::openapi();
    document.merge(super::routes().into_openapi());
    document.merge(peers::routes().into_openapi());
    for item in document.paths.paths.values_mut() {
        let methods = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        methods.into_iter().flatten().for_each(finish_operation);
    }
    document
});

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "health", responses((status = OK, body = serde_json::Value)))]
pub async fn document() -> Json<&'static Document> {
    Json(&DOCUMENT)
}

fn finish_operation(operation: &mut Operation) {
    // One handler is called like that of another noun: `nodes.list`, `services.list`.
    let noun = operation.tags.iter().flatten().next().cloned().unwrap_or_default();
    operation.operation_id = operation.operation_id.take().map(|handler| format!("{noun}.{handler}"));
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response {
            response.description = meaning(status).into();
        }
    }
    let error = ContentBuilder::new().schema(Some(Ref::from_schema_name("ErrorBody"))).build();
    let mut failure = Response::new("It was not done.");
    failure.content.insert("application/json".into(), error.into());
    operation.responses.responses.insert("default".into(), failure.into());
}

fn meaning(status: &str) -> &'static str {
    match status {
        "202" => "It is stored; the switches of the nodes in `pending` have not acknowledged it yet.",
        _ => "Done.",
    }
}
