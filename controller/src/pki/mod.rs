//! The authority of a cluster: it signs for hosts, controllers and administrators, and by that each is known.
//!
//! ```text
//!  host: token + public key ──► /v1/join ──► certificate (clients only) ─┐
//!  this controller, at its start ──────────► certificate (servers too) ──┼─► fingerprints that count, in the store
//!  DATA-DIR/admin.pem, at the first start ─► certificate (clients only) ─┘
//! ```
//!
//! A certificate counts until its time is over, and only while its fingerprint is in the store. Hosts and controllers get
//! another one before that; the administrator's is good as long as the authority's.

mod ends;
mod gate;
mod issue;
mod listen;
mod renew;

pub use ends::Holder;
pub use gate::{Caller, Gate, Secured, Shown};
pub use issue::{Issuer, point};
pub use listen::Listener;
pub use renew::keep;

use std::{path::Path, sync::Arc, time::Duration};

use anyhow::Context;
use api::{Credential, Live, Trust};
use tokio_rustls::rustls::ServerConfig;

use crate::{
    intent::{Authority, Change, Known, Role},
    store::Store,
};

/// What this controller shows, and whom it trusts.
pub struct Pki {
    /// Signs for hosts.
    pub issuer: Issuer,
    /// What this controller shows.
    pub live: Live,
    me: String,
}

impl Pki {
    /// The cluster's authority, made if there is none, with a certificate for this controller, `me`, and one for the
    /// administrator in `admin`, if there is none that counts. Certificates are good for `lifetime`.
    ///
    /// # Errors
    /// When the store or the disk cannot be written, or the store holds no key that works.
    pub async fn open(store: &Store, me: &str, admin: &Path, lifetime: Duration) -> anyhow::Result<Self> {
        if store.read().authority.is_none() {
            store.propose(vec![Change::PutAuthority(Issuer::generate()?)]).await?;
        }
        let authority: Arc<Authority> = store.read().authority.context("the store lost its authority")?;
        let issuer = Issuer::of(&authority, lifetime)?;
        let credential = issuer.credential(me, true, unix_now())?;
        let known = Known::of(&credential.certificate, Role::Controller(me.to_owned()))?;
        store.propose(vec![Change::PutKnown(known)]).await?;
        let there = Credential::load(admin).ok().and_then(|credential| credential.fingerprint().ok());
        if there.is_none_or(|print| store.read().known.get(&print).is_none_or(|known| known.role != Role::Admin)) {
            let new = issuer.lasting_credential("admin")?;
            store.propose(vec![Change::PutKnown(Known::of(&new.certificate, Role::Admin)?)]).await?;
            new.keep(admin).with_context(|| format!("cannot write {}", admin.display()))?;
            tracing::info!(file = %admin.display(), "the administrator's credential; give it to sdnctl as SDN_CREDENTIAL");
        }
        Ok(Self { issuer, live: Live::new(credential)?, me: me.to_owned() })
    }

    /// Shows another certificate from now on; sessions that are there go on.
    ///
    /// # Errors
    /// When the store cannot be written, or there is no randomness.
    pub async fn renew(&self, store: &Store) -> anyhow::Result<()> {
        let credential = self.issuer.credential(&self.me, true, unix_now())?;
        let known = Known::of(&credential.certificate, Role::Controller(self.me.clone()))?;
        store.propose(vec![Change::Renew(known, self.live.credential().fingerprint()?)]).await?;
        Ok(self.live.replace(credential)?)
    }

    /// How controllers trust each other.
    pub fn trust(&self) -> Trust<'_> {
        Trust::Live(&self.live)
    }

    /// TLS for agents and users: who shows no certificate may join, and see whether the controller is there.
    ///
    /// # Errors
    /// When the credential is of no use.
    pub fn http(&self) -> anyhow::Result<ServerConfig> {
        Ok(self.live.server_config(false)?)
    }

    /// TLS for switches: who shows no certificate is no switch.
    ///
    /// # Errors
    /// When the credential is of no use.
    pub fn switches(&self) -> anyhow::Result<ServerConfig> {
        Ok(self.live.server_config(true)?)
    }
}

/// What time it is, as a Unix second.
pub fn unix_now() -> i64 {
    jiff::Timestamp::now().as_second()
}
