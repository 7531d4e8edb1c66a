//! How a host becomes a member: what a token is, and what is asked and answered with it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Name, credential::hex};

/// Bytes of a token's name and of its secret.
const LENGTHS: (usize, usize) = (4, 16);

/// What a host shows to join: `NAME.SECRET.AUTHORITY`, each in hexadecimal digits.
///
/// The last part is the fingerprint of the authority's certificate: by it the host knows the controller, before it tells
/// the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// By what the token is listed and removed.
    pub name: String,
    secret: String,
    /// The fingerprint of the authority's certificate.
    pub authority: String,
}

/// A text that is no token.
#[derive(Debug, thiserror::Error)]
#[error("not a token: give all of what `sdnctl token create` printed")]
pub struct BadToken;

impl JoinToken {
    /// How many random bytes a token takes.
    pub const RANDOM: usize = LENGTHS.0 + LENGTHS.1;

    /// A token made of random bytes, for hosts that are to trust the authority with this fingerprint.
    pub fn new(random: [u8; Self::RANDOM], authority: &str) -> Self {
        let (name, secret) = random.split_at(LENGTHS.0);
        Self { name: hex(name), secret: hex(secret), authority: authority.to_owned() }
    }

    /// What a controller keeps of the secret, and what it is told of it: its SHA-256.
    pub fn hash(secret: &str) -> String {
        crate::fingerprint(secret.as_bytes())
    }

    /// The secret.
    pub fn secret(&self) -> &str {
        &self.secret
    }
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.name, self.secret, self.authority)
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinToken({})", self.name)
    }
}

impl FromStr for JoinToken {
    type Err = BadToken;

    fn from_str(text: &str) -> Result<Self, BadToken> {
        let digits = |part: &str, bytes: usize| part.len() == 2 * bytes && part.bytes().all(|b| b.is_ascii_hexdigit());
        let parts: Vec<&str> = text.trim().split('.').collect();
        match parts[..] {
            [name, secret, authority]
                if digits(name, LENGTHS.0) && digits(secret, LENGTHS.1) && digits(authority, 32) =>
            {
                let [name, secret, authority] = [name, secret, authority].map(str::to_owned);
                Ok(Self { name, secret, authority })
            }
            _ => Err(BadToken),
        }
    }
}

/// What a host asks with a token: `POST /v1/join`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// The token's name.
    pub token: String,
    /// The token's secret.
    pub secret: String,
    /// What the host is to be called.
    pub node: Name,
    /// Its public key, an uncompressed point of P-256 (SEC 1, section 2.3.3), in base64.
    pub public_key: String,
    /// That this is the host which has the name already: [`JoinRequest::signed`] by the key that it had before, as ECDSA with
    /// SHA-256 (ASN.1), in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl JoinRequest {
    /// What the signature is of.
    pub fn signed(node: &Name, public_key: &str) -> Vec<u8> {
        format!("sdn join {node} {public_key}").into_bytes()
    }
}

impl fmt::Debug for JoinRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinRequest({} by {})", self.node, self.token)
    }
}

/// What a host asks that has joined, to have another certificate: `POST /v1/nodes/NODE/certificate`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    /// Its new public key, an uncompressed point of P-256 (SEC 1, section 2.3.3), in base64.
    pub public_key: String,
}

/// What a host that joins is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinAnswer {
    /// Its certificate, as PEM.
    pub certificate: String,
    /// The authority's certificate, as PEM.
    pub authority: String,
}

/// A token that is to be made: `POST /v1/tokens`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenCreate {
    /// For how long it is good, in seconds.
    pub ttl_seconds: f64,
}

/// A token that was made. It is shown this once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenMade {
    /// The token.
    pub token: String,
    /// Until when it is good, as RFC 3339.
    pub expires: String,
}

/// What is known of a token: `GET /v1/tokens`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TokenStatus {
    /// Its name.
    pub name: String,
    /// Until when it is good, as RFC 3339.
    pub expires: String,
    /// Whether it is no longer good.
    pub expired: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_as_written_and_nothing_else_is_one() {
        let token = JoinToken::new([7; JoinToken::RANDOM], &"ab".repeat(32));
        assert_eq!(token.to_string().parse::<JoinToken>().unwrap(), token);
        assert_eq!(format!("{token:?}"), "JoinToken(07070707)");
        let text = token.to_string();
        for bad in ["", ".", "..", &text[1..], &text[..text.len() - 1], &format!("{text}.00"), &text.replace('7', "g")]
        {
            assert!(bad.parse::<JoinToken>().is_err(), "{bad}");
        }
    }
}
