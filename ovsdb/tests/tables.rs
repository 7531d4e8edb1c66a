//! The typed rows are what the schemas say. `UPDATE_TABLES=1 cargo test -p ovsdb --test tables`
//! writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use ovsdb::schema::{BaseType, ColumnType};
use ovsdb::{AtomType, DatabaseSchema};

const VERSIONS: [&str; 4] = ["2.15", "3.1", "3.5", "4.0"];

fn schema(version: &str) -> DatabaseSchema {
    let path = format!("tests/schema/vswitch-{version}.ovsschema");
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("schema");
    let value = ovsdb::json::parse(&text, 1000).expect("json");
    DatabaseSchema::from_json(&value).expect("a database schema")
}

#[derive(Default)]
struct Column {
    ty: Option<std::sync::Arc<ColumnType>>,
    versions: Vec<&'static str>,
}

type Tables = BTreeMap<String, BTreeMap<String, Column>>;

/// Every column of every version, with its newest type.
fn all_tables() -> Tables {
    let mut tables = Tables::new();
    for version in VERSIONS {
        for (name, table) in schema(version).tables {
            for (column, read) in table.columns {
                let known = tables.entry(name.clone()).or_default();
                let known = known.entry(column.to_string()).or_default();
                known.ty = Some(read.ty);
                known.versions.push(version);
            }
        }
    }
    tables
}

fn rust_name(table: &str) -> String {
    match table {
        "SSL" => "Ssl".to_owned(),
        "IPFIX" => "Ipfix".to_owned(),
        "QoS" => "Qos".to_owned(),
        "sFlow" => "Sflow".to_owned(),
        "NetFlow" => "Netflow".to_owned(),
        "Open_vSwitch" => "OpenVswitch".to_owned(),
        "CT_Zone" => "CtZone".to_owned(),
        "CT_Timeout_Policy" => "CtTimeoutPolicy".to_owned(),
        _ => table.replace('_', ""),
    }
}

fn module(table: &str) -> String {
    match table {
        "AutoAttach" => "auto_attach".to_owned(),
        _ => table.to_lowercase(),
    }
}

fn atom(ty: &BaseType) -> &'static str {
    match ty.ty {
        AtomType::Integer => "i64",
        AtomType::Boolean => "bool",
        AtomType::String => "String",
        AtomType::Uuid => "Uuid",
        AtomType::Real => panic!("no table has reals yet"),
    }
}

fn rust_type(ty: &ColumnType) -> String {
    let key = atom(&ty.key);
    match (&ty.value, ty.min, ty.max) {
        (Some(value), ..) => format!("BTreeMap<{key}, {}>", atom(value)),
        (None, 1, Some(1)) => key.to_owned(),
        (None, 0, Some(1)) => format!("Option<{key}>"),
        _ => format!("BTreeSet<{key}>"),
    }
}

fn base_doc(ty: &BaseType) -> String {
    let mut out = match &ty.ref_table {
        Some(table) => format!("row of {table}"),
        None => ty.ty.name().to_owned(),
    };
    if let Some(allowed) = &ty.allowed {
        let list: Vec<String> = allowed.iter().map(|a| format!("`{}`", a.to_json().as_str().expect("text"))).collect();
        write!(out, ", one of {}", list.join(", ")).expect("write");
    }
    let (min, max) = ty.integers;
    match (min == i64::MIN, max == i64::MAX) {
        (false, false) => write!(out, ", {min} to {max}").expect("write"),
        (false, true) => write!(out, ", at least {min}").expect("write"),
        (true, false) => write!(out, ", at most {max}").expect("write"),
        (true, true) => {}
    }
    out
}

fn doc(name: &str, column: &Column, ty: &ColumnType) -> String {
    let key = base_doc(&ty.key);
    let what = match (&ty.value, ty.min, ty.max) {
        (Some(value), ..) => format!("map of {key} to {}", base_doc(value)),
        (None, 1, Some(1)) => key,
        (None, 0, Some(1)) => format!("optional {key}"),
        _ => format!("set of {key}"),
    };
    let lacking = match column.versions.as_slice() {
        all if all.len() == VERSIONS.len() => String::new(),
        some if some.last() == VERSIONS.last() => format!(" Since OVS {}.", some[0]),
        some => format!(" Until OVS {}.", some[some.len() - 1]),
    };
    format!("`{name}`: {what}.{lacking}")
}

/// Text at most 100 columns wide, as doc comments.
fn wrapped(text: &str) -> String {
    let mut out = String::new();
    let mut line = String::from("    ///");
    for word in text.split(' ') {
        if line.len() + word.len() >= 100 {
            writeln!(out, "{line}").expect("write");
            line = String::from("    ///");
        }
        write!(line, " {word}").expect("write");
    }
    writeln!(out, "{line}").expect("write");
    out
}

fn render(table: &str, columns: &BTreeMap<String, Column>) -> String {
    let mut fields = String::new();
    for (name, column) in columns {
        let ty = column.ty.as_ref().expect("a type");
        let field = if name == "type" { "type_" } else { name };
        fields += &wrapped(&doc(name, column, ty));
        writeln!(fields, "    {field}: {} = \"{name}\",", rust_type(ty)).expect("write");
    }
    let mut out = format!(
        "//! Table {table}; written by the test `tables` from the schemas. See \
         ovs-vswitchd.conf.db(5).\n\n"
    );
    let collections = ["BTreeMap", "BTreeSet"].map(|name| fields.contains(name).then_some(name));
    let collections: Vec<&str> = collections.into_iter().flatten().collect();
    match collections.as_slice() {
        [] => {}
        [one] => writeln!(out, "use std::collections::{one};\n").expect("write"),
        more => writeln!(out, "use std::collections::{{{}}};\n", more.join(", ")).expect("write"),
    }
    if fields.contains("Uuid") {
        out += "use crate::Uuid;\n\n";
    }
    writeln!(out, "typed_row! {{\n/// A row of {table}.").expect("write");
    writeln!(out, "{} of \"{table}\" {{\n{fields}}}\n}}", rust_name(table)).expect("write");
    out
}

#[test]
fn typed_rows_are_what_the_schemas_say() {
    let tables = all_tables();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tables");
    let mod_file = std::fs::read_to_string(folder.join("mod.rs")).expect("mod.rs");
    for (table, columns) in &tables {
        let path = folder.join(format!("{}.rs", module(table)));
        let wanted = render(table, columns);
        if std::env::var_os("UPDATE_TABLES").is_some() {
            std::fs::write(&path, &wanted).expect("write");
            continue;
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(found, wanted, "{table}: run with UPDATE_TABLES=1");
        let line = format!("pub use {}::{};", module(table), rust_name(table));
        assert!(mod_file.contains(&line), "tables/mod.rs lacks: {line}");
    }
}

#[test]
fn every_version_can_be_read_with_one_set_of_types() {
    for version in VERSIONS {
        let schema = schema(version);
        for (table, columns) in all_tables() {
            let Some(read) = schema.table(&table) else { continue };
            for (name, column) in columns {
                let Some(here) = read.column(&name) else { continue };
                let newest = column.ty.expect("a type");
                assert_eq!(rust_type(&here.ty), rust_type(&newest), "{version} {table}.{name}");
            }
        }
    }
}
