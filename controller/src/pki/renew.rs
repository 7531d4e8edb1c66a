//! Certificates in time: this controller's own, and a word on whose were not renewed.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{Holder, Pki, unix_now};
use crate::{
    events::{EventKind, Events},
    store::Store,
};

/// How often is looked, as a part of certificates' lifetime, and the longest pause.
const LOOKS: (u32, Duration) = (50, Duration::from_secs(60));

/// Renews this controller's certificate in time, and tells of those that are not renewed, for ever.
pub async fn keep(pki: Arc<Pki>, store: Store, events: Arc<Events>) {
    let mut told = BTreeSet::new();
    loop {
        sleep((pki.issuer.lifetime() / LOOKS.0).min(LOOKS.1)).await;
        if pki.live.validity().is_due(unix_now()) {
            match pki.renew(&store).await {
                Ok(()) => tracing::info!("this controller's certificate is renewed"),
                Err(error) => tracing::warn!(%error, "cannot renew this controller's certificate; trying on"),
            }
        }
        let late: BTreeSet<Holder> = pki.late(&store.read(), unix_now()).into_keys().collect();
        for holder in late.difference(&told) {
            let node = if let Holder::Node(node) = holder { Some(node) } else { None };
            events.record(
                EventKind::Certificate,
                node,
                None,
                format!("the certificate of {holder} was not renewed in time"),
            );
        }
        told = late;
    }
}
