//! TLS as a controller and its clients speak it: both sides show a certificate of one authority, and names in certificates are
//! not compared: what an authority of our own signed for servers is a controller, wherever it is reached.

use std::{sync::Arc, time::Duration};

use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::{
    Credential, Live, Validity,
    credential::{BadCredential, certificate, fingerprint},
};

/// By what a server is known.
#[derive(Clone, Copy, Debug)]
pub enum Trust<'a> {
    /// This client is known to it, and both by the authority that signed for it.
    Known(&'a Credential),
    /// The same, with whatever credential is the newest.
    Live(&'a Live),
    /// It shows an authority's certificate with this fingerprint, and one that this authority signed.
    Fingerprint(&'a str),
}

/// An HTTP client for `http://` and sockets: it trusts no server that speaks TLS.
pub fn plain_http() -> reqwest::ClientBuilder {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("ring has what these take");
    let config = builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(config)
}

impl Trust<'_> {
    /// For how long a connection may go unused that shows a credential which is replaced: servers ask in their answers, in the
    /// last part of a certificate's time, to come again with another.
    pub(crate) fn patience(self) -> Duration {
        match self {
            Trust::Live(live) => {
                let Validity { from, until } = live.validity();
                Duration::from_secs(until.saturating_sub(from).unsigned_abs()) / 10
            }
            Trust::Known(_) | Trust::Fingerprint(_) => Duration::MAX,
        }
    }

    /// What a client needs to speak TLS.
    ///
    /// # Errors
    /// When the credential is of no use.
    pub fn client_config(self) -> Result<ClientConfig, BadCredential> {
        let bad = |error: Error| BadCredential { what: "TLS".into(), reason: error.to_string() };
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions();
        let builder = builder.map_err(bad)?.dangerous();
        match self {
            Trust::Known(credential) => {
                let anchor = Anchor::Authority(verifier(certificate(&credential.authority)?, &provider).map_err(bad)?);
                let verifier = Arc::new(AnyName { anchor, provider });
                let chain = vec![certificate(&credential.certificate)?];
                let builder = builder.with_custom_certificate_verifier(verifier);
                builder.with_client_auth_cert(chain, credential.key()?).map_err(bad)
            }
            Trust::Live(live) => {
                let authority = certificate(&live.credential().authority)?;
                let anchor = Anchor::Authority(verifier(authority, &provider).map_err(bad)?);
                let builder = builder.with_custom_certificate_verifier(Arc::new(AnyName { anchor, provider }));
                Ok(builder.with_client_cert_resolver(Arc::new(live.clone())))
            }
            Trust::Fingerprint(wanted) => {
                let verifier = Arc::new(AnyName { anchor: Anchor::Fingerprint(wanted.to_owned()), provider });
                Ok(builder.with_custom_certificate_verifier(verifier).with_no_client_auth())
            }
        }
    }
}

fn verifier(
    authority: CertificateDer<'static>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority)?;
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    builder.build().map_err(|error| Error::General(error.to_string()))
}

#[derive(Debug)]
enum Anchor {
    Authority(Arc<WebPkiServerVerifier>),
    Fingerprint(String),
}

/// Verifies everything but the name: that comes last, so whoever fails only there has passed all others.
#[derive(Debug)]
struct AnyName {
    anchor: Anchor,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verifier = match &self.anchor {
            Anchor::Authority(verifier) => verifier.clone(),
            Anchor::Fingerprint(wanted) => {
                let authority = intermediates.iter().find(|shown| fingerprint(shown) == *wanted);
                let other = || std::io::Error::other("the server is not the one that the token is for");
                let other = || Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(other()))));
                verifier(authority.ok_or_else(other)?.clone().into_owned(), &self.provider)?
            }
        };
        match verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
