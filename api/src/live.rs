//! A credential that is replaced while it is in use.

use std::sync::{Arc, PoisonError, RwLock};

use tokio_rustls::rustls::{
    RootCertStore, ServerConfig, SignatureScheme,
    client::ResolvesClientCert,
    crypto::ring,
    server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};

use crate::{
    Credential, Validity,
    credential::{BadCredential, certificate},
};

/// A credential that is replaced while it is in use: connections that begin show the newest one, others go on.
#[derive(Clone, Debug)]
pub struct Live {
    shown: Arc<RwLock<Shown>>,
}

#[derive(Debug)]
struct Shown {
    credential: Credential,
    validity: Validity,
    key: Arc<CertifiedKey>,
}

impl Live {
    /// One that begins with this.
    ///
    /// # Errors
    /// When it is of no use.
    pub fn new(credential: Credential) -> Result<Self, BadCredential> {
        Ok(Self { shown: Arc::new(RwLock::new(Shown::of(credential)?)) })
    }

    /// Shows another one from now on.
    ///
    /// # Errors
    /// When it is of no use: the one before stays.
    pub fn replace(&self, credential: Credential) -> Result<(), BadCredential> {
        let shown = Shown::of(credential)?;
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = shown;
        Ok(())
    }

    /// From when until when it is good.
    pub fn validity(&self) -> Validity {
        self.read(|shown| shown.validity)
    }

    /// The credential as it is now.
    pub fn credential(&self) -> Credential {
        self.read(|shown| shown.credential.clone())
    }

    /// What a server that shows it needs to speak TLS; whether it demands certificates of clients. Sessions are not
    /// resumed: who comes again shows what it has now.
    ///
    /// # Errors
    /// When the credential is of no use.
    pub fn server_config(&self, demand: bool) -> Result<ServerConfig, BadCredential> {
        let bad = |error: &dyn std::fmt::Display| BadCredential { what: "TLS".into(), reason: error.to_string() };
        let provider = Arc::new(ring::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(certificate(&self.credential().authority)?).map_err(|error| bad(&error))?;
        let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        let clients = if demand { clients } else { clients.allow_unauthenticated() };
        let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| bad(&error))?;
        let builder = builder.with_client_cert_verifier(clients.build().map_err(|error| bad(&error))?);
        let mut config = builder.with_cert_resolver(Arc::new(self.clone()));
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(config)
    }

    fn read<T>(&self, of: impl FnOnce(&Shown) -> T) -> T {
        of(&self.shown.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Shown {
    fn of(credential: Credential) -> Result<Self, BadCredential> {
        let bad = |error: &dyn std::fmt::Display| BadCredential { what: "TLS".into(), reason: error.to_string() };
        // Who joins knows the authority by its fingerprint only: it is shown, too.
        let chain = vec![certificate(&credential.certificate)?, certificate(&credential.authority)?];
        let key = CertifiedKey::from_der(chain, credential.key()?, &ring::default_provider());
        let (validity, key) = (Validity::of_pem(&credential.certificate)?, Arc::new(key.map_err(|error| bad(&error))?));
        Ok(Self { credential, validity, key })
    }
}

impl ResolvesClientCert for Live {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.read(|shown| shown.key.clone()))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

impl ResolvesServerCert for Live {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.read(|shown| shown.key.clone()))
    }
}
