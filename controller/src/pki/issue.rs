//! Certificates, as Open vSwitch and rustls take them: P-256.

use api::Credential;
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};

use crate::intent::Authority;

/// The bytes of an uncompressed point of P-256, and how they begin (SEC 1, section 2.3.3).
const POINT: (usize, u8) = (65, 4);

/// The authority at work.
pub struct Issuer {
    issuer: rcgen::Issuer<'static, KeyPair>,
    certificate: String,
}

/// A host's public key.
struct PublicKey<'a>(&'a [u8]);

impl PublicKeyData for PublicKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

/// The public key in a request to join; none if it is no point of P-256.
pub fn point(text: &str) -> Option<Vec<u8>> {
    let bytes = STANDARD.decode(text).ok()?;
    (bytes.len() == POINT.0 && bytes.first() == Some(&POINT.1)).then_some(bytes)
}

impl Issuer {
    /// A new authority.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn generate() -> anyhow::Result<Authority> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = authority().self_signed(&key)?;
        Ok(Authority { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// An authority that was made before.
    ///
    /// # Errors
    /// When its key is of no use.
    pub fn of(made: &Authority) -> anyhow::Result<Self> {
        let issuer = rcgen::Issuer::new(authority(), KeyPair::from_pem(&made.key)?);
        Ok(Self { issuer, certificate: made.certificate.clone() })
    }

    /// The authority's certificate, as PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The fingerprint of the authority's certificate.
    ///
    /// # Errors
    /// When it is none.
    pub fn fingerprint(&self) -> anyhow::Result<String> {
        Ok(api::fingerprint_of_pem(&self.certificate)?)
    }

    /// A new key with a certificate for it; one of a `server` is also good for clients.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn credential(&self, name: &str, server: bool) -> anyhow::Result<Credential> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = leaf(name, server).signed_by(&key, &self.issuer)?.pem();
        Ok(Credential { certificate, key: key.serialize_pem(), authority: self.certificate.clone() })
    }

    /// A certificate for a host's public key, as PEM, and its fingerprint.
    ///
    /// # Errors
    /// When the key is of no use.
    pub fn sign(&self, name: &str, public_key: &[u8]) -> anyhow::Result<(String, String)> {
        let certificate = leaf(name, false).signed_by(&PublicKey(public_key), &self.issuer)?;
        Ok((certificate.pem(), api::fingerprint(certificate.der())))
    }
}

/// It must come out the same each time: what was signed names it.
fn authority() -> CertificateParams {
    let mut params = named("sdn authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn leaf(name: &str, server: bool) -> CertificateParams {
    let mut params = named(name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if server {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    params.use_authority_key_identifier_extension = true;
    params
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "sdn");
    params.distinguished_name.push(DnType::CommonName, name);
    // A clock that is wrong must not cut hosts off.
    (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2100, 1, 1));
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_signs_the_same_after_a_restart() {
        let made = Issuer::generate().unwrap();
        for issuer in [Issuer::of(&made).unwrap(), Issuer::of(&made).unwrap()] {
            let credential = issuer.credential("c1", true).unwrap();
            // It checks that the chain is whole.
            assert!(credential.server_config(true).is_ok());
            assert_eq!(credential.authority, made.certificate);
        }
    }

    #[test]
    fn only_a_point_is_a_public_key() {
        let text = |bytes: &[u8]| STANDARD.encode(bytes);
        assert!(point(&text(&[4; 65])).is_some());
        for bad in [text(&[4; 64]), text(&[4; 66]), text(&[2; 65]), String::new(), "!".into()] {
            assert!(point(&bad).is_none(), "{bad}");
        }
    }
}
