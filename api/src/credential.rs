//! By what hosts, controllers and administrators are known: a certificate, its key, and who signed it.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair},
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};

/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A certificate with its key, and the certificate of the authority that signed it, each as PEM. `Debug` hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The certificate.
    pub certificate: String,
    /// Its private key (PKCS #8).
    pub key: String,
    /// The authority's certificate.
    pub authority: String,
}

/// A credential that is of no use.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct BadCredential {
    /// The file, or the part of it.
    pub what: String,
    /// What is wrong with it.
    pub reason: String,
}

impl Credential {
    /// Reads a file that [`Credential::keep`] wrote.
    ///
    /// # Errors
    /// When it cannot be read or is no such file.
    pub fn load(path: &Path) -> Result<Self, BadCredential> {
        let bad = |reason: String| BadCredential { what: path.display().to_string(), reason };
        let mut text = String::new();
        let file = File::open(path).map_err(|error| bad(error.to_string()))?;
        file.take(MAX_FILE).read_to_string(&mut text).map_err(|error| bad(error.to_string()))?;
        Self::parse(&text)
            .ok_or_else(|| bad("does not hold a certificate, a key and an authority's certificate".into()))
    }

    /// The blocks of a PEM file: certificate, key, authority.
    fn parse(text: &str) -> Option<Self> {
        let mut rest = text;
        let mut block = |label: &str| {
            let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
            let from = rest.find(&begin)?;
            let to = from + rest.get(from..)?.find(&end)? + end.len();
            let found = format!("{}\n", rest.get(from..to)?);
            rest = rest.get(to..)?;
            Some(found)
        };
        let (certificate, key, authority) = (block("CERTIFICATE")?, block("PRIVATE KEY")?, block("CERTIFICATE")?);
        Some(Self { certificate, key, authority })
    }

    /// Writes all of it into one file that only its owner may read.
    ///
    /// # Errors
    /// What the system said.
    pub fn keep(&self, path: &Path) -> io::Result<()> {
        keep_secret(path, &format!("{}{}{}", self.certificate, self.key, self.authority))
    }

    /// The certificate's fingerprint.
    ///
    /// # Errors
    /// When it is none.
    pub fn fingerprint(&self) -> Result<String, BadCredential> {
        fingerprint_of_pem(&self.certificate)
    }

    /// A signature of its key: ECDSA of P-256 with SHA-256 (ASN.1).
    ///
    /// # Errors
    /// When its key is of no use.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, BadCredential> {
        let bad = |error: &dyn fmt::Display| BadCredential { what: "key".into(), reason: error.to_string() };
        let (key, random) = (self.key()?, SystemRandom::new());
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.secret_der(), &random);
        let signature = pair.map_err(|error| bad(&error))?.sign(&random, message).map_err(|error| bad(&error))?;
        Ok(signature.as_ref().to_vec())
    }

    pub(crate) fn key(&self) -> Result<PrivateKeyDer<'static>, BadCredential> {
        let bad = |error: &dyn fmt::Display| BadCredential { what: "key".into(), reason: error.to_string() };
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(|error| bad(&error))
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credential(…)")
    }
}

/// Puts a file in place of another one, or of none; only its owner may read it.
fn keep_secret(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    // A file that was there keeps its mode when it is opened.
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path)
}

/// The certificate in a PEM text.
pub(crate) fn certificate(pem: &str) -> Result<CertificateDer<'static>, BadCredential> {
    let bad = |error: &dyn fmt::Display| BadCredential { what: "certificate".into(), reason: error.to_string() };
    CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| bad(&error))
}

/// The fingerprint of the certificate in a PEM text.
///
/// # Errors
/// When there is none.
pub fn fingerprint_of_pem(pem: &str) -> Result<String, BadCredential> {
    Ok(fingerprint(&certificate(pem)?))
}

/// SHA-256 of a certificate (DER), in hexadecimal digits.
pub fn fingerprint(certificate: &[u8]) -> String {
    hex(ring::digest::digest(&ring::digest::SHA256, certificate).as_ref())
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use base64::{Engine, engine::general_purpose::STANDARD};
    use ring::signature::{ECDSA_P256_SHA256_ASN1, KeyPair, UnparsedPublicKey};

    use super::*;

    fn block(label: &str, text: &str) -> String {
        format!("-----BEGIN {label}-----\n{text}\n-----END {label}-----\n")
    }

    #[test]
    fn is_kept_for_its_owner_only_and_read_back() {
        let dir = std::env::temp_dir().join(format!("sdn-credential-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("admin.pem");
        let credential = Credential {
            certificate: block("CERTIFICATE", "AAAA"),
            key: block("PRIVATE KEY", "BBBB"),
            authority: block("CERTIFICATE", "CCCC"),
        };
        credential.keep(&path).unwrap();
        assert_eq!(Credential::load(&path).unwrap(), credential);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{credential:?}"), "Credential(…)");
        for bad in ["", "-----END", "-----BEGIN CERTIFICATE-----", &block("CERTIFICATE", "A")] {
            fs::write(&path, bad).unwrap();
            assert!(Credential::load(&path).is_err(), "{bad}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_its_key_signs_is_known_by_its_public_key() {
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.as_ref(), &SystemRandom::new());
        let pair = pair.unwrap();
        let credential = Credential {
            certificate: String::new(),
            key: block("PRIVATE KEY", &STANDARD.encode(key.as_ref())),
            authority: String::new(),
        };
        let signature = credential.sign(b"message").unwrap();
        let known = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, pair.public_key());
        assert!(known.verify(b"message", &signature).is_ok() && known.verify(b"another", &signature).is_err());
        let useless = Credential { key: block("PRIVATE KEY", "AAAA"), ..credential };
        assert!(useless.sign(b"message").is_err());
    }

    #[test]
    fn a_fingerprint_is_sha_256() {
        assert_eq!(fingerprint(b""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
