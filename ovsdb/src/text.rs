//! Values as people read them: the form of ovs-vsctl and ovsdb-client (ovs-vsctl(8), "Database
//! Values").

use std::fmt;

use crate::atom::Atom;
use crate::datum::Datum;
use crate::schema::ColumnType;

/// Whether a string can stand without quotes: it looks like a word, and not like a boolean or a
/// UUID.
fn is_bare(text: &str) -> bool {
    let mut bytes = text.bytes();
    let word = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'));
    word && !matches!(text, "true" | "false") && text.parse::<crate::Uuid>().is_err()
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Atom::Integer(n) => n.fmt(f),
            Atom::Real(n) => n.fmt(f),
            Atom::Boolean(b) => b.fmt(f),
            Atom::String(text) if is_bare(text) => f.write_str(text),
            Atom::String(text) => serde_json::Value::from(&**text).fmt(f),
            Atom::Uuid(id) => id.fmt(f),
            Atom::Named(name) => f.write_str(name.as_str()),
        }
    }
}

impl Datum {
    /// The value as ovs-vsctl and ovsdb-client print it: `br0`, `[1, 2]`, `{a=b}`.
    pub fn to_text(&self, ty: &ColumnType) -> String {
        if ty.is_map() {
            let pairs: Vec<String> = self.pairs().iter().map(|(k, v)| format!("{k}={v}")).collect();
            return format!("{{{}}}", pairs.join(", "));
        }
        match self.scalar() {
            Some(atom) if ty.max == Some(1) => atom.to_string(),
            _ => {
                let atoms: Vec<String> = self.atoms().iter().map(Atom::to_string).collect();
                format!("[{}]", atoms.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ToDatum;

    #[test]
    fn values_print_as_open_vswitch_prints_them() {
        let ty = |text: &str| {
            let value: serde_json::Value = serde_json::from_str(text).expect("json");
            ColumnType::from_json(&value).expect("a type")
        };
        let optional = ty(r#"{"key":"string","min":0}"#);
        let set = ty(r#"{"key":"string","min":0,"max":"unlimited"}"#);
        let map = ty(r#"{"key":"string","value":"string","min":0,"max":"unlimited"}"#);
        assert_eq!("br0".to_datum().to_text(&optional), "br0");
        assert_eq!(Datum::empty().to_text(&optional), "[]");
        assert_eq!("".to_datum().to_text(&optional), r#""""#);
        assert_eq!("true".to_datum().to_text(&optional), r#""true""#);
        assert_eq!("a b".to_datum().to_text(&optional), r#""a b""#);
        assert_eq!("one".to_datum().to_text(&set), "[one]");
        assert_eq!(["x", "10"].to_datum().to_text(&set), r#"["10", x]"#);
        assert_eq!([("a", "b"), ("c", "d e")].to_datum().to_text(&map), r#"{a=b, c="d e"}"#);
    }
}
