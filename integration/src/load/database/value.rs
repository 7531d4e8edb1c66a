//! Conditions, mutations and differences of values (RFC 7047 section 5.1, ovsdb-server(7) section 4.1.14).

use std::cmp::Ordering;

use ovsdb::schema::ColumnType;
use ovsdb::{Atom, Datum};
use serde_json::Value;

use super::transact::Failure;

/// Whether a column's value passes a condition.
pub(super) fn passes(has: &Datum, function: &str, given: &Datum) -> Result<bool, Failure> {
    let includes = || {
        let atoms = given.atoms().iter().all(|atom| has.atoms().binary_search(atom).is_ok());
        atoms && given.pairs().iter().all(|pair| has.pairs().binary_search(pair).is_ok())
    };
    let excludes = || {
        let atoms = given.atoms().iter().all(|atom| has.atoms().binary_search(atom).is_err());
        atoms && given.pairs().iter().all(|pair| has.pairs().binary_search(pair).is_err())
    };
    let order = has.scalar().zip(given.scalar()).map(|(has, given)| has.cmp(given));
    Ok(match function {
        "==" => has == given,
        "!=" => has != given,
        "includes" => includes(),
        "excludes" => excludes(),
        "<" => order == Some(Ordering::Less),
        "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        ">=" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
        ">" => order == Some(Ordering::Greater),
        _ => return Err(Failure::syntax(format!("no function {function:?}"))),
    })
}

/// A column's value after a mutation.
pub(super) fn mutated(ty: &ColumnType, has: &Datum, mutator: &str, argument: &Value) -> Result<Datum, Failure> {
    let bad = |error: ovsdb::ValueError| Failure::new("constraint violation", error.to_string());
    match mutator {
        "insert" => {
            let new = Datum::diff_from_json(ty, argument).map_err(bad)?;
            let kept = has.pairs().iter().chain(new.pairs().iter().filter(|(key, _)| !has_key(has, key)));
            Ok(match ty.is_map() {
                true => Datum::map(kept.cloned()),
                false => Datum::set(has.atoms().iter().chain(new.atoms()).cloned()),
            })
        }
        "delete" => {
            let keys = ColumnType { value: None, min: 0, max: None, ..ty.clone() };
            let gone = Datum::diff_from_json(ty, argument).or_else(|_| Datum::diff_from_json(&keys, argument));
            let gone = gone.map_err(bad)?;
            let stays = |(key, value): &&(Atom, Atom)| {
                gone.atoms().binary_search(key).is_err() && !gone.pairs().iter().any(|(k, v)| k == key && v == value)
            };
            Ok(match ty.is_map() {
                true => Datum::map(has.pairs().iter().filter(stays).cloned()),
                false => {
                    let stays = |atom: &&Atom| gone.atoms().binary_search(atom).is_err();
                    Datum::set(has.atoms().iter().filter(stays).cloned())
                }
            })
        }
        _ => {
            let by = Datum::diff_from_json(&ColumnType::scalar(ty.key.ty), argument).map_err(bad)?;
            let by = by.scalar().ok_or_else(|| Failure::syntax("a mutation needs one number"))?;
            let atoms: Result<Vec<Atom>, Failure> =
                has.atoms().iter().map(|atom| computed(atom, mutator, by)).collect();
            Ok(Datum::set(atoms?))
        }
    }
}

fn has_key(map: &Datum, key: &Atom) -> bool {
    map.pairs().binary_search_by(|(k, _)| k.cmp(key)).is_ok()
}

fn computed(atom: &Atom, mutator: &str, by: &Atom) -> Result<Atom, Failure> {
    let range = || Failure::new("range error", "the result is out of range");
    let domain = || Failure::new("domain error", "division by zero");
    match (atom, by) {
        (Atom::Integer(_), Atom::Integer(0)) if matches!(mutator, "/=" | "%=") => Err(domain()),
        (Atom::Integer(a), Atom::Integer(b)) => {
            let result = match mutator {
                "+=" => a.checked_add(*b),
                "-=" => a.checked_sub(*b),
                "*=" => a.checked_mul(*b),
                "/=" => a.checked_div(*b),
                "%=" => a.checked_rem(*b),
                _ => return Err(Failure::syntax(format!("no mutator {mutator:?}"))),
            };
            result.map(Atom::Integer).ok_or_else(range)
        }
        (Atom::Real(a), Atom::Real(b)) => {
            let result = match mutator {
                "+=" => a + b,
                "-=" => a - b,
                "*=" => a * b,
                "/=" => a / b,
                _ => return Err(Failure::syntax(format!("no mutator {mutator:?} of reals"))),
            };
            Atom::real(result).ok_or_else(range)
        }
        _ => Err(Failure::syntax("a mutation of what is no number")),
    }
}

/// What has to be sent for a client to turn one value into another.
pub(super) fn difference(ty: &ColumnType, old: &Datum, new: &Datum) -> Datum {
    if ty.max == Some(1) {
        return new.clone();
    }
    if ty.is_map() {
        let gone = old.pairs().iter().filter(|(key, _)| !has_key(new, key));
        let other = new.pairs().iter().filter(|pair| old.pairs().binary_search(pair).is_err());
        return Datum::map(gone.chain(other).cloned());
    }
    let gone = old.atoms().iter().filter(|atom| new.atoms().binary_search(atom).is_err());
    let other = new.atoms().iter().filter(|atom| old.atoms().binary_search(atom).is_err());
    Datum::set(gone.chain(other).cloned())
}
