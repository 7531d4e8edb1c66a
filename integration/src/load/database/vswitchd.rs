//! What ovs-vswitchd reads from the database and writes there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use openflow::PortNo;
use ovsdb::{Datum, ToDatum, Uuid};

use super::monitor::uuids;
use super::{Database, NAME, Row, Touched};

/// The number of a bridge's own port, as the database has it.
const LOCAL: i64 = 65_534;

/// The highest number that ovs-vswitchd gives.
const LAST: i64 = 65_279;

/// A bridge that the database asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bridge {
    /// Its name.
    pub name: String,
    /// Its datapath id, where one is asked for.
    pub datapath_id: Option<u64>,
    /// Where its controllers are, such as `tcp:10.0.0.1:6653`.
    pub controllers: BTreeSet<String>,
    /// Its ports by number.
    pub ports: BTreeMap<PortNo, String>,
}

impl Database {
    /// The bridges that the database asks for.
    pub fn bridges(&self) -> Vec<Bridge> {
        let Some(bridges) = self.tables.get("Bridge") else { return Vec::new() };
        bridges.values().map(|row| self.bridge(row)).collect()
    }

    fn bridge(&self, row: &Row) -> Bridge {
        let column = |name: &str| self.column("Bridge", row, name);
        let name = column("name").as_str().unwrap_or_default().to_owned();
        let id = column("other_config").get_str("datapath-id").and_then(|id| u64::from_str_radix(id, 16).ok());
        let target = |uuid: Uuid| {
            let row = self.row("Controller", uuid)?;
            self.column("Controller", row, "target").as_str().map(str::to_owned)
        };
        let port = |uuid: Uuid| {
            let interface = self.row("Interface", uuid)?;
            let number = self.column("Interface", interface, "ofport").as_integer().filter(|number| *number > 0)?;
            let number = PortNo::from_u16(u16::try_from(number).ok()?);
            Some((number, self.column("Interface", interface, "name").as_str()?.to_owned()))
        };
        Bridge {
            datapath_id: id,
            controllers: uuids(&column("controller")).filter_map(target).collect(),
            ports: self.interfaces(row).into_iter().filter_map(port).collect(),
            name,
        }
    }

    fn interfaces(&self, bridge: &Row) -> Vec<Uuid> {
        let ports = self.column("Bridge", bridge, "ports");
        let ports = uuids(&ports).filter_map(|uuid| self.row("Port", uuid));
        ports.flat_map(|port| uuids(&self.column("Port", port, "interfaces")).collect::<Vec<_>>()).collect()
    }

    /// Gives new interfaces their numbers, and says which configuration is in place.
    pub(super) fn run_vswitchd(&mut self) {
        let mut touched = Touched::new();
        let bridges: Vec<(Uuid, Row)> =
            self.tables.get("Bridge").into_iter().flatten().map(|(uuid, row)| (*uuid, row.clone())).collect();
        for (uuid, row) in bridges {
            self.number_ports(&row, &mut touched);
            if let Some(id) = self.bridge(&row).datapath_id {
                let id = [("datapath_id", format!("{id:016x}").to_datum())];
                self.set_changed("Bridge", uuid, &id, &mut touched);
            }
        }
        let roots: Vec<Uuid> = self.tables.get(NAME).into_iter().flatten().map(|(uuid, _)| *uuid).collect();
        for uuid in roots {
            let Some(row) = self.row(NAME, uuid) else { continue };
            let next = [("cur_cfg", self.column(NAME, row, "next_cfg"))];
            self.set_changed(NAME, uuid, &next, &mut touched);
        }
        self.publish(&touched);
    }

    /// A number that is asked for is given if it is free, else the lowest that is.
    fn number_ports(&mut self, bridge: &Row, touched: &mut Touched) {
        let local = self.column("Bridge", bridge, "name");
        let integer = |database: &Self, row: &Row, column| database.column("Interface", row, column).as_integer();
        let mut used = BTreeSet::new();
        let mut new = Vec::new();
        for uuid in self.interfaces(bridge) {
            let Some(row) = self.row("Interface", uuid) else { continue };
            let asked = integer(self, row, "ofport_request");
            match integer(self, row, "ofport") {
                Some(has) if asked.is_none_or(|asked| asked == has) => drop(used.insert(has)),
                _ if self.column("Interface", row, "name") == local => new.push((uuid, Some(LOCAL))),
                _ => new.push((uuid, asked)),
            }
        }
        for (uuid, asked) in new {
            let free = || (1..=LAST).find(|number| !used.contains(number));
            let Some(number) = asked.filter(|number| !used.contains(number)).or_else(free) else { continue };
            used.insert(number);
            let up = [
                ("ofport", number.to_datum()),
                ("admin_state", "up".to_datum()),
                ("link_state", "up".to_datum()),
                ("mtu", 1500i64.to_datum()),
            ];
            self.set_changed("Interface", uuid, &up, touched);
        }
    }

    /// Says in the database whether a bridge's connection to a controller is up.
    pub fn set_connected(&mut self, target: &str, connected: bool) {
        let mut touched = Touched::new();
        let is_it = |row: &Row| self.column("Controller", row, "target").as_str() == Some(target);
        let rows = self.tables.get("Controller").into_iter().flatten().filter(|(_, row)| is_it(row));
        let rows: Vec<Uuid> = rows.map(|(uuid, _)| *uuid).collect();
        for uuid in rows {
            self.set_changed("Controller", uuid, &[("is_connected", connected.to_datum())], &mut touched);
        }
        self.publish(&touched);
    }

    fn set_changed(&mut self, table: &str, uuid: Uuid, values: &[(&str, Datum)], touched: &mut Touched) {
        let (Some((name, _)), Some(row)) = (self.schema.table(table), self.row(table, uuid)) else { return };
        let differs = values.iter().any(|(column, value)| self.column(table, row, column) != *value);
        if differs {
            let name: Arc<str> = name;
            self.set(&name, uuid, values, touched);
        }
    }
}
