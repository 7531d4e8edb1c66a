use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Invalid;

/// The longest name, in bytes.
const MAX_LEN: usize = 128;

/// The name of an object: 1 to 128 letters, digits, `-`, `_` and `.`, of which the first is a letter or digit. Clones
/// share the text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, max_length = 128, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$", examples("web-1"))]
pub struct Name(Arc<str>);

impl Name {
    /// Checks `text` and makes it a name.
    ///
    /// # Errors
    /// When it is empty, too long, or holds a character that is not allowed.
    pub fn new(text: impl Into<String>) -> Result<Self, Invalid> {
        let text = text.into();
        let invalid = |reason: String| Err(Invalid::new("name", reason));
        if text.is_empty() {
            return invalid("is empty".into());
        }
        if text.len() > MAX_LEN {
            return invalid(format!("has {} bytes, at most {MAX_LEN} are allowed", text.len()));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            return invalid(format!("{text:?} does not begin with a letter or digit"));
        }
        match text.chars().find(|c| !(c.is_ascii_alphanumeric() || "-_.".contains(*c))) {
            Some(bad) => invalid(format!("{text:?} holds {bad:?}; letters, digits, '-', '_' and '.' are allowed")),
            None => Ok(Self(text.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Name {
    type Error = Invalid;

    fn try_from(text: String) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        name.0.as_ref().into()
    }
}

impl std::str::FromStr for Name {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::new(text)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_would_not_fit_a_url_or_a_screen() {
        for bad in ["", "-a", "a/b", "a b", "ü", &"x".repeat(129)] {
            assert!(Name::new(bad).is_err(), "{bad:?}");
        }
        assert!(Name::new("web-1.prod_x").is_ok());
        let error = Name::new("a/b").unwrap_err().to_string();
        assert!(error.contains("'/'"), "{error}");
    }
}
