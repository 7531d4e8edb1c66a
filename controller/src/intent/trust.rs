//! Who may speak: the authority that signs certificates, the certificates it signed, and the tokens that hosts join with.

use std::{collections::BTreeMap, sync::Arc};

use api::{BadCredential, JoinToken, Name, Validity};
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
    /// The Unix second until which it is good; none is kept of certificates from before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<u64>,
    /// The public key of a host, as it asked with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
}

impl Known {
    /// What is kept of a certificate (PEM).
    ///
    /// # Errors
    /// When it is none.
    pub fn of(certificate: &str, role: Role) -> Result<Self, BadCredential> {
        let until = Some(Validity::of_pem(certificate)?.until.unsigned_abs());
        Ok(Self { fingerprint: api::fingerprint_of_pem(certificate)?, role, until, public_key: None })
    }

    /// Whether it is over at the Unix second `now`.
    pub fn has_ended(&self, now: u64) -> bool {
        self.until.is_some_and(|until| until < now)
    }
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
    pub known: Known,
    /// That of the certificates which count whose key it has shown to have.
    pub before: Option<String>,
}

/// How many certificates of one holder go on counting beside the one it showed and the one it gets.
const OTHERS: usize = 2;

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

    /// Another certificate for someone who is known, and has shown an earlier one: that and the newest of the others go on
    /// counting until they end, for an answer may be lost, and sessions began with them.
    pub(super) fn renew(&mut self, known: &Known, shown: &str) -> Result<Effect, Refused> {
        let theirs = || self.intent.known.values().filter(|before| before.role == known.role);
        if theirs().next().is_none() {
            return Err(Refused::Conflict("whose certificate counts no more gets no other".into()));
        }
        let others = theirs().filter(|before| before.fingerprint != shown);
        let mut others: Vec<_> = others.map(|before| (before.until, before.fingerprint.clone())).collect();
        others.sort();
        let surplus = others.len().saturating_sub(OTHERS);
        others.into_iter().take(surplus).for_each(|(_, print)| self.remove(Key::Known(print)));
        self.put(Value::Known(Arc::new(known.clone())));
        Ok(Effect::Created)
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
        let Enrolment { node, known, before, .. } = asked;
        let same = |print: &&String| self.intent.known.get(*print).is_some_and(|before| before.role == known.role);
        if let Some(before) = before.as_ref().filter(same) {
            return self.renew(known, before);
        }
        if self.intent.known_of(node).next().is_some() {
            let what = format!(
                "another host has joined as {node}: give this one another --node name, or `sdnctl node rm {node}` first"
            );
            return Err(Refused::Conflict(what));
        }
        Ok(self.put_known(known))
    }

    /// What a node that is removed showed counts no more.
    pub(super) fn forget_certificates(&mut self, node: &Name) {
        let theirs: Vec<Key> = self.intent.known_of(node).map(|known| Key::Known(known.fingerprint.clone())).collect();
        theirs.into_iter().for_each(|key| self.remove(key));
    }
}

impl super::Intent {
    /// The Unix seconds until which the newest certificates of nodes are good.
    pub fn certificate_ends(&self) -> BTreeMap<Name, u64> {
        let mut ends = BTreeMap::new();
        for known in self.known.values() {
            if let (Role::Node(node), Some(until)) = (&known.role, known.until) {
                let newest = ends.entry(node.clone()).or_insert(until);
                *newest = until.max(*newest);
            }
        }
        ends
    }

    /// The certificates of a node.
    pub fn known_of<'a>(&'a self, node: &'a Name) -> impl Iterator<Item = &'a Arc<Known>> {
        self.known.values().filter(move |known| matches!(&known.role, Role::Node(name) if name == node))
    }
}

impl Token {
    /// What is kept of a token that is good until the Unix second `until`.
    pub fn of(token: &JoinToken, until: u64) -> Self {
        Self { name: token.name.clone(), hash: JoinToken::hash(token.secret()), until }
    }
}

#[cfg(test)]
mod tests;
