use std::{fmt, str::FromStr, sync::Arc};

/// The longest domain, in bytes: with a service's, a network's and a port's name before it, it must fit 255.
const MAX_LEN: usize = 64;

/// The domain below which all names are, like `sdn.internal`.
///
/// `internal` is kept free for private use: no name outside ever ends with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain(Arc<str>);

/// A text that is no domain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:.80?} is no domain like sdn.internal: letters, digits and inner '-', with single dots between, 64 in all")]
pub struct BadDomain(String);

impl Default for Domain {
    fn default() -> Self {
        Self("sdn.internal".into())
    }
}

impl FromStr for Domain {
    type Err = BadDomain;

    fn from_str(text: &str) -> Result<Self, BadDomain> {
        let lower = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let label = |label: &str| {
            let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
            (1..=63).contains(&label.len()) && inner && !label.starts_with('-') && !label.ends_with('-')
        };
        if lower.len() > MAX_LEN || !lower.split('.').all(label) {
            return Err(BadDomain(text.into()));
        }
        Ok(Self(lower.into()))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
