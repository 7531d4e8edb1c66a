//! Certificates, as Open vSwitch and rustls take them: P-256.

use std::time::Duration;

use api::{Credential, Validity};
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, date_time_ymd,
};

use crate::intent::Authority;

/// The bytes of an uncompressed point of P-256, and how they begin (SEC 1, section 2.3.3).
const POINT: (usize, u8) = (65, 4);

/// From 2000 until 2100: the authority's, and the administrator's.
const LASTING: Validity = Validity { from: 946_684_800, until: 4_102_444_800 };

/// The authority at work.
pub struct Issuer {
    issuer: rcgen::Issuer<'static, KeyPair>,
    certificate: String,
    lifetime: Duration,
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

    /// An authority that was made before; what it signs is good for `lifetime`.
    ///
    /// # Errors
    /// When its key is of no use.
    pub fn of(made: &Authority, lifetime: Duration) -> anyhow::Result<Self> {
        let issuer = rcgen::Issuer::new(authority(), KeyPair::from_pem(&made.key)?);
        Ok(Self { issuer, certificate: made.certificate.clone(), lifetime })
    }

    /// For how long what it signs is good.
    pub fn lifetime(&self) -> Duration {
        self.lifetime
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
    pub fn credential(&self, name: &str, server: bool, now: i64) -> anyhow::Result<Credential> {
        self.credential_of(leaf(name, server, self.term(now)))
    }

    /// The same, for clients only, and good as long as the authority's own.
    ///
    /// # Errors
    /// When there is no randomness.
    pub fn lasting_credential(&self, name: &str) -> anyhow::Result<Credential> {
        self.credential_of(leaf(name, false, LASTING))
    }

    fn credential_of(&self, params: CertificateParams) -> anyhow::Result<Credential> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Credential { certificate, key: key.serialize_pem(), authority: self.certificate.clone() })
    }

    /// A certificate for a host's public key, at the Unix second `now`, as PEM.
    ///
    /// # Errors
    /// When the key is of no use.
    pub fn sign(&self, name: &str, public_key: &[u8], now: i64) -> anyhow::Result<String> {
        Ok(leaf(name, false, self.term(now)).signed_by(&PublicKey(public_key), &self.issuer)?.pem())
    }

    /// It begins a tenth of its lifetime ago: clocks of others may be behind.
    fn term(&self, now: i64) -> Validity {
        let lifetime = i64::try_from(self.lifetime.as_secs()).unwrap_or(i64::MAX);
        let until = now.saturating_add(lifetime).min(LASTING.until);
        Validity { from: now.saturating_sub(lifetime / 10).max(LASTING.from), until }
    }
}

/// It must come out the same each time: what was signed names it.
fn authority() -> CertificateParams {
    let mut params = named("sdn authority", LASTING);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn leaf(name: &str, server: bool, term: Validity) -> CertificateParams {
    let mut params = named(name, term);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    if server {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    }
    params.use_authority_key_identifier_extension = true;
    params
}

fn named(name: &str, term: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "sdn");
    params.distinguished_name.push(DnType::CommonName, name);
    let at = |second: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(second.unsigned_abs());
    (params.not_before, params.not_after) = (at(term.from), at(term.until));
    params
}

#[cfg(test)]
mod tests {
    use api::Live;

    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn an_authority_signs_the_same_after_a_restart() {
        let made = Issuer::generate().unwrap();
        for _ in 0..2 {
            let issuer = Issuer::of(&made, Duration::from_secs(DAY)).unwrap();
            let credential = issuer.credential("c1", true, 1_800_000_000).unwrap();
            // It checks that the chain is whole.
            assert!(Live::new(credential.clone()).unwrap().server_config(true).is_ok());
            assert_eq!(credential.authority, made.certificate);
        }
    }

    #[test]
    fn certificates_end_in_time_and_are_due_before() {
        let (made, now) = (Issuer::generate().unwrap(), 1_800_000_000);
        let issuer = Issuer::of(&made, Duration::from_secs(10 * DAY)).unwrap();
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let validity = Validity::of_pem(&issuer.sign("h1", key.der_bytes(), now).unwrap()).unwrap();
        let day = 86_400;
        assert_eq!(validity, Validity { from: now - day, until: now + 10 * day });
        assert!(!validity.is_due(now + 6 * day) && validity.is_due(now + 7 * day));
        let admin = issuer.lasting_credential("admin").unwrap();
        assert_eq!(Validity::of_pem(&admin.certificate).unwrap(), LASTING);
        assert_eq!(Validity::of_pem(&made.certificate).unwrap(), LASTING);
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
