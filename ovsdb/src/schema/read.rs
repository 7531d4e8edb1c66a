//! Reading schemas and types from JSON, as strictly as ovsdb-server reads them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::{BaseType, ColumnSchema, ColumnType, DatabaseSchema, RefType, SchemaError, TableSchema, is_id};
use crate::atom::{Atom, AtomType, as_integer};

type Members = Map<String, Value>;

fn object<'a>(value: &'a Value, at: &str) -> Result<&'a Members, SchemaError> {
    value.as_object().ok_or_else(|| SchemaError::new(at, "not an object"))
}

fn text<'a>(members: &'a Members, name: &str) -> Result<Option<&'a str>, SchemaError> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(SchemaError::new(name, "not a string")),
    }
}

fn boolean(members: &Members, name: &str, default: bool) -> Result<bool, SchemaError> {
    match members.get(name) {
        None => Ok(default),
        Some(Value::Bool(b)) => Ok(*b),
        Some(_) => Err(SchemaError::new(name, "not a boolean")),
    }
}

fn integer(members: &Members, name: &str) -> Result<Option<i64>, SchemaError> {
    let Some(value) = members.get(name) else { return Ok(None) };
    let number = as_integer(value).ok_or_else(|| SchemaError::new(name, "not an integer"))?;
    Ok(Some(number))
}

fn id(name: &str) -> Result<(), SchemaError> {
    if is_id(name) { Ok(()) } else { Err(SchemaError::new(name, "not an identifier")) }
}

pub(super) fn database(value: &Value) -> Result<DatabaseSchema, SchemaError> {
    let members = object(value, "schema")?;
    let missing = |name: &str| SchemaError::new(name, "missing");
    let name = text(members, "name")?.ok_or_else(|| missing("name"))?;
    id(name)?;
    let tables = members.get("tables").ok_or_else(|| missing("tables"))?;
    let mut read = BTreeMap::new();
    for (name, value) in object(tables, "tables")? {
        id(name)?;
        read.insert(name.clone(), table(value).map_err(|error| error.within(name))?);
    }
    Ok(DatabaseSchema {
        name: name.to_owned(),
        version: text(members, "version")?.unwrap_or_default().to_owned(),
        cksum: text(members, "cksum")?.map(str::to_owned),
        tables: read,
    })
}

fn table(value: &Value) -> Result<TableSchema, SchemaError> {
    let members = object(value, "table")?;
    let columns = members.get("columns").ok_or_else(|| SchemaError::new("columns", "missing"))?;
    let mut read = BTreeMap::new();
    for (name, value) in object(columns, "columns")? {
        id(name)?;
        let column = column(value).map_err(|error| error.within(name))?;
        read.insert(Arc::from(name.as_str()), column);
    }
    let max_rows = integer(members, "maxRows")?;
    let max_rows = max_rows.map(u64::try_from).transpose();
    Ok(TableSchema {
        columns: read,
        max_rows: max_rows.map_err(|_| SchemaError::new("maxRows", "negative"))?,
        is_root: boolean(members, "isRoot", false)?,
        indexes: members.get("indexes").map_or(Ok(Vec::new()), indexes)?,
    })
}

fn indexes(value: &Value) -> Result<Vec<Vec<String>>, SchemaError> {
    let names = |value: &Value| -> Option<Vec<String>> {
        value.as_array()?.iter().map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let read = value.as_array().and_then(|sets| sets.iter().map(names).collect());
    read.ok_or_else(|| SchemaError::new("indexes", "not an array of arrays of names"))
}

fn column(value: &Value) -> Result<ColumnSchema, SchemaError> {
    let members = object(value, "column")?;
    let ty = members.get("type").ok_or_else(|| SchemaError::new("type", "missing"))?;
    Ok(ColumnSchema {
        ty: Arc::new(ColumnType::from_json(ty)?),
        ephemeral: boolean(members, "ephemeral", false)?,
        mutable: boolean(members, "mutable", true)?,
    })
}

fn known(members: &Members, names: &[&str]) -> Result<(), SchemaError> {
    match members.keys().find(|key| !names.contains(&key.as_str())) {
        Some(key) => Err(SchemaError::new(key, "not allowed here")),
        None => Ok(()),
    }
}

impl ColumnType {
    /// Reads a `<type>`: the name of an atomic type, or an object.
    pub fn from_json(value: &Value) -> Result<ColumnType, SchemaError> {
        if value.is_string() {
            let key = BaseType::from_json(value)?;
            return Ok(ColumnType { key, value: None, min: 1, max: Some(1) });
        }
        let members = object(value, "type")?;
        known(members, &["key", "value", "min", "max"])?;
        let key = members.get("key").ok_or_else(|| SchemaError::new("key", "missing"))?;
        let min = match integer(members, "min")? {
            None | Some(1) => 1,
            Some(0) => 0,
            Some(_) => return Err(SchemaError::new("min", "neither 0 nor 1")),
        };
        let max = match members.get("max") {
            Some(Value::String(text)) if text == "unlimited" => None,
            _ => match integer(members, "max")?.unwrap_or(1).try_into() {
                Ok(max) if max >= 1 => Some(max),
                _ => return Err(SchemaError::new("max", "less than 1")),
            },
        };
        let value = members.get("value").map(BaseType::from_json).transpose()?;
        Ok(ColumnType { key: BaseType::from_json(key)?, value, min, max })
    }
}

impl BaseType {
    /// Reads a `<base-type>`: the name of an atomic type, or an object with constraints.
    pub fn from_json(value: &Value) -> Result<BaseType, SchemaError> {
        let atomic =
            |name: &str| AtomType::from_name(name).ok_or_else(|| SchemaError::new("type", "unknown atomic type"));
        if let Value::String(name) = value {
            return Ok(BaseType::unconstrained(atomic(name)?));
        }
        let members = object(value, "type")?;
        let name = text(members, "type")?.ok_or_else(|| SchemaError::new("type", "missing"))?;
        let ty = atomic(name)?;
        let mut base = BaseType::unconstrained(ty);
        if let Some(allowed) = members.get("enum") {
            known(members, &["type", "enum"])?;
            base.allowed = Some(read_enum(ty, allowed)?);
            return Ok(base);
        }
        match ty {
            AtomType::Integer => base.read_integers(members)?,
            AtomType::Real => base.read_reals(members)?,
            AtomType::Boolean => known(members, &["type"])?,
            AtomType::String => base.read_lengths(members)?,
            AtomType::Uuid => base.read_reference(members)?,
        }
        Ok(base)
    }

    fn read_integers(&mut self, members: &Members) -> Result<(), SchemaError> {
        known(members, &["type", "minInteger", "maxInteger"])?;
        let (min, max) = (integer(members, "minInteger")?, integer(members, "maxInteger")?);
        self.integers = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
        ordered(self.integers.0 <= self.integers.1, "minInteger")
    }

    fn read_reals(&mut self, members: &Members) -> Result<(), SchemaError> {
        known(members, &["type", "minReal", "maxReal"])?;
        let real = |name: &str, default: f64| match members.get(name) {
            None => Ok(default),
            Some(value) => value.as_f64().ok_or_else(|| SchemaError::new(name, "not a number")),
        };
        self.reals = (real("minReal", f64::MIN)?, real("maxReal", f64::MAX)?);
        ordered(self.reals.0 <= self.reals.1, "minReal")
    }

    fn read_lengths(&mut self, members: &Members) -> Result<(), SchemaError> {
        known(members, &["type", "minLength", "maxLength"])?;
        let length = |name: &str, default: u64| match integer(members, name)? {
            None => Ok(default),
            Some(n) => u32::try_from(n).map(u64::from).map_err(|_| SchemaError::new(name, "out of range")),
        };
        self.lengths = (length("minLength", 0)?, length("maxLength", u64::MAX)?);
        ordered(self.lengths.0 <= self.lengths.1, "minLength")
    }

    fn read_reference(&mut self, members: &Members) -> Result<(), SchemaError> {
        known(members, &["type", "refTable", "refType"])?;
        if let Some(table) = text(members, "refTable")? {
            id(table)?;
            self.ref_table = Some(table.to_owned());
        }
        self.ref_type = match text(members, "refType")? {
            None | Some("strong") => RefType::Strong,
            Some("weak") => RefType::Weak,
            Some(_) => return Err(SchemaError::new("refType", "neither strong nor weak")),
        };
        Ok(())
    }
}

fn ordered(holds: bool, name: &str) -> Result<(), SchemaError> {
    if holds { Ok(()) } else { Err(SchemaError::new(name, "greater than the maximum")) }
}

fn read_enum(ty: AtomType, value: &Value) -> Result<Vec<Atom>, SchemaError> {
    let set = ColumnType { max: None, ..ColumnType::scalar(ty) };
    let allowed =
        crate::datum::Datum::from_json(&set, value).map_err(|error| SchemaError::new("enum", error.to_string()))?;
    Ok(allowed.atoms().to_vec())
}
