//! `/v1/networks`

use api::{Kind, List, Network};
use axum::Json;

use super::{Shared, body::Path, error::Failure};

pub async fn list(app: Shared) -> Json<List<Network>> {
    let intent = app.store.read();
    Json(List { revision: intent.revision(), items: intent.networks.values().map(|n| (**n).clone()).collect() })
}

pub async fn inspect(app: Shared, Path(name): Path) -> Result<Json<Network>, Failure> {
    let found = app.store.read().networks.get(&name).map(|network| (**network).clone());
    found.map(Json).ok_or_else(|| Failure::not_found(Kind::Network, &name))
}
