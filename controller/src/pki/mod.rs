//! The authority of a cluster: it signs for hosts, controllers and administrators, and by that each is known.
//!
//! ```text
//!  host: token + public key ──► /v1/join ──► certificate (clients only) ─┐
//!  this controller, at its start ──────────► certificate (servers too) ──┼─► fingerprints that count, in the store
//!  DATA-DIR/admin.pem, at the first start ─► certificate (clients only) ─┘
//! ```
//!
//! A certificate does not run out: it counts as long as its fingerprint is in the store.

mod gate;
mod issue;
mod listen;

pub use gate::{Caller, Gate, Secured, Shown};
pub use issue::{Issuer, point};
pub use listen::Listener;

use std::{path::Path, sync::Arc};

use anyhow::Context;
use api::{Credential, Trust};
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
    pub credential: Credential,
}

impl Pki {
    /// The cluster's authority, made if there is none, with a certificate for this controller, `me`, and one for the
    /// administrator in `admin`, if there is none that counts.
    ///
    /// # Errors
    /// When the store or the disk cannot be written, or the store holds no key that works.
    pub async fn open(store: &Store, me: &str, admin: &Path) -> anyhow::Result<Self> {
        if store.read().authority.is_none() {
            store.propose(vec![Change::PutAuthority(Issuer::generate()?)]).await?;
        }
        let authority: Arc<Authority> = store.read().authority.context("the store lost its authority")?;
        let issuer = Issuer::of(&authority)?;
        let credential = issuer.credential(me, true)?;
        know(store, &credential, Role::Controller(me.to_owned())).await?;
        let known = Credential::load(admin).ok().and_then(|credential| credential.fingerprint().ok());
        if known.is_none_or(|print| store.read().known.get(&print).is_none_or(|known| known.role != Role::Admin)) {
            let new = issuer.credential("admin", false)?;
            know(store, &new, Role::Admin).await?;
            new.keep(admin).with_context(|| format!("cannot write {}", admin.display()))?;
            tracing::info!(file = %admin.display(), "the administrator's credential; give it to sdnctl as SDN_CREDENTIAL");
        }
        Ok(Self { issuer, credential })
    }

    /// How controllers trust each other.
    pub fn trust(&self) -> Trust<'_> {
        Trust::Known(&self.credential)
    }

    /// TLS for agents and users: who shows no certificate may join, and see whether the controller is there.
    ///
    /// # Errors
    /// When the credential is of no use.
    pub fn http(&self) -> anyhow::Result<ServerConfig> {
        Ok(self.credential.server_config(false)?)
    }

    /// TLS for switches: who shows no certificate is no switch.
    ///
    /// # Errors
    /// When the credential is of no use.
    pub fn switches(&self) -> anyhow::Result<ServerConfig> {
        Ok(self.credential.server_config(true)?)
    }
}

async fn know(store: &Store, credential: &Credential, role: Role) -> anyhow::Result<()> {
    let known = Known { fingerprint: credential.fingerprint()?, role };
    store.propose(vec![Change::PutKnown(known)]).await?;
    Ok(())
}
