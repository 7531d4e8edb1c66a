//! TLS as Open vSwitch does it: both sides show a certificate that the same authority signed;
//! names in certificates are not compared, for switches have none.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, ServerConfig, SignatureScheme,
};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::Stream;

/// Files in PEM form, as the options of Open vSwitch's tools name them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// `--private-key`
    pub private_key: PathBuf,
    /// `--certificate`
    pub certificate: PathBuf,
    /// `--ca-cert`: who signs the certificates of peers.
    pub ca_cert: PathBuf,
}

/// Keys that are of no use.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct TlsError {
    /// The file.
    pub file: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// Keys for both directions.
#[derive(Clone)]
pub struct Tls {
    client: Arc<ClientConfig>,
    server: Arc<ServerConfig>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads the keys.
    pub fn load(files: &TlsFiles) -> Result<Tls, TlsError> {
        let certificates = read_certificates(&files.certificate)?;
        let key_error = |problem: String| TlsError { file: files.private_key.clone(), problem };
        let key = PrivateKeyDer::from_pem_file(&files.private_key).map_err(|error| key_error(error.to_string()))?;
        let mut roots = RootCertStore::empty();
        for authority in read_certificates(&files.ca_cert)? {
            roots.add(authority).map_err(|error| bad(&files.ca_cert, &error))?;
        }
        let (roots, provider) = (Arc::new(roots), Arc::new(ring::default_provider()));
        let ca = |error: &dyn std::fmt::Display| bad(&files.ca_cert, error);
        let servers = WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| ca(&error))?;
        let clients =
            WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build().map_err(|error| ca(&error))?;
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| key_error(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyName(servers)))
            .with_client_auth_cert(certificates.clone(), key.clone_key())
            .map_err(|error| key_error(error.to_string()))?;
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| key_error(error.to_string()))?
            .with_client_cert_verifier(clients)
            .with_single_cert(certificates, key)
            .map_err(|error| key_error(error.to_string()))?;
        Ok(Tls { client: Arc::new(client), server: Arc::new(server) })
    }

    pub(super) async fn connect(&self, host: &str, stream: TcpStream) -> io::Result<Stream> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connector = TlsConnector::from(self.client.clone());
        Ok(Box::new(connector.connect(name, stream).await?))
    }

    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        let acceptor = TlsAcceptor::from(self.server.clone());
        Ok(Box::new(acceptor.accept(stream).await?))
    }
}

fn bad(file: &Path, problem: &dyn std::fmt::Display) -> TlsError {
    TlsError { file: file.to_owned(), problem: problem.to_string() }
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match read {
        Ok(list) if list.is_empty() => Err(bad(file, &"no certificate")),
        Ok(list) => Ok(list),
        Err(error) => Err(bad(file, &error)),
    }
}

/// Verifies everything but the name: the check of the name comes last, so whoever fails only
/// there has passed all others.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
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
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
