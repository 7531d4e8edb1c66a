//! Who may speak: the authority that signs certificates, the certificates it signed, and the tokens that hosts join with.

use std::sync::Arc;

use api::{JoinToken, Name};
use serde::{Deserialize, Serialize};

use super::{
    Key, Refused, Value,
    change::{Draft, Effect},
};

/// The authority of all controllers of one store.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Authority {
    /// Its certificate, as PEM.
    pub certificate: String,
    /// Its private key (PKCS #8), as PEM.
    pub key: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Authority(…)")
    }
}

/// Who shows a certificate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A host's agent and Open vSwitch: it may speak about itself.
    Node(Name),
    /// A controller.
    Controller(String),
    /// Whoever may do everything.
    Admin,
}

/// A certificate that counts, known by its fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The SHA-256 of the certificate, in hexadecimal digits.
    pub fingerprint: String,
    /// Whose it is.
    pub role: Role,
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its name.
    pub name: String,
    /// The SHA-256 of its secret, in hexadecimal digits.
    pub hash: String,
    /// The Unix second until which it is good.
    pub until: u64,
}

/// A host that joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// The token's name.
    pub token: String,
    /// The SHA-256 of the secret that it showed.
    pub hash: String,
    /// What it is to be called.
    pub node: Name,
    /// The certificate it is given.
    pub fingerprint: String,
}

impl Draft<'_> {
    /// The first authority stays.
    pub(super) fn put_authority(&mut self, authority: &Authority) -> Effect {
        if self.intent.authority.is_some() {
            return Effect::Unchanged(self.revision() - 1);
        }
        self.put(Value::Authority(Arc::new(authority.clone())));
        Effect::Created
    }

    pub(super) fn put_known(&mut self, known: &Known) -> Effect {
        let there = self.intent.known.get(&known.fingerprint);
        if there.is_some_and(|there| **there == *known) {
            return Effect::Unchanged(self.revision() - 1);
        }
        if matches!(known.role, Role::Controller(_)) {
            // It has made itself another at its start: nobody has the key of the last one any more.
            let last = self.intent.known.values().filter(|last| last.role == known.role);
            let last: Vec<Key> = last.map(|last| Key::Known(last.fingerprint.clone())).collect();
            last.into_iter().for_each(|key| self.remove(key));
        }
        self.put(Value::Known(Arc::new(known.clone())));
        Effect::Created
    }

    pub(super) fn put_token(&mut self, token: &Token) -> Effect {
        let expired = self.intent.tokens.values().filter(|token| token.until <= self.now);
        let expired: Vec<Key> = expired.map(|token| Key::Token(token.name.clone())).collect();
        expired.into_iter().for_each(|key| self.remove(key));
        self.put(Value::Token(Arc::new(token.clone())));
        Effect::Created
    }

    pub(super) fn delete_token(&mut self, name: &str) -> Result<Effect, Refused> {
        if !self.intent.tokens.contains_key(name) {
            let what = format!("there is no token {name}; `sdnctl token ls` shows what there is");
            return Err(Refused::Conflict(what));
        }
        self.remove(Key::Token(name.to_owned()));
        Ok(Effect::Removed)
    }

    /// A host that shows a good token is given a name that no other has.
    pub(super) fn enrol(&mut self, asked: &Enrolment) -> Result<Effect, Refused> {
        let there = self.intent.tokens.get(&asked.token).filter(|token| token.hash == asked.hash);
        let good = there.is_some_and(|token| token.until > self.now);
        if !good {
            let what = "the token is not good, or no longer; ask for another: `sdnctl token create`";
            return Err(Refused::Forbidden(what.into()));
        }
        let Enrolment { node, fingerprint, .. } = asked;
        if self.intent.certificates_of(node).next().is_some() || self.intent.nodes.contains_key(node) {
            let what = format!(
                "another host has joined as {node}: give this one another --node name, or `sdnctl node rm {node}` first"
            );
            return Err(Refused::Conflict(what));
        }
        Ok(self.put_known(&Known { fingerprint: fingerprint.clone(), role: Role::Node(node.clone()) }))
    }

    /// What a node that is removed showed counts no more.
    pub(super) fn forget_certificates(&mut self, node: &Name) {
        let theirs: Vec<Key> = self.intent.certificates_of(node).map(|print| Key::Known(print.to_owned())).collect();
        theirs.into_iter().for_each(|key| self.remove(key));
    }
}

impl super::Intent {
    /// The fingerprints of a node's certificates.
    pub fn certificates_of<'a>(&'a self, node: &'a Name) -> impl Iterator<Item = &'a str> {
        let theirs = move |role: &Role| matches!(role, Role::Node(name) if name == node);
        self.known.values().filter(move |known| theirs(&known.role)).map(|known| known.fingerprint.as_str())
    }
}

impl Token {
    /// What is kept of a token that is good until the Unix second `until`.
    pub fn of(token: &JoinToken, until: u64) -> Self {
        Self { name: token.name.clone(), hash: JoinToken::hash(token.secret()), until }
    }
}
