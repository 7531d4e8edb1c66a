//! What was measured: JSON for programs, lines for people.

use std::fmt;

use serde::Serialize;

use crate::load::figures::{Spread, Times};

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Hosts.
    pub nodes: usize,
    /// Endpoints of all.
    pub endpoints: usize,
    /// Services.
    pub services: u32,
    /// Backends of each.
    pub backends: usize,
    /// Hosts whose switches misbehave.
    pub misbehaving: usize,
    /// From the first connection until all is in sync.
    pub cold_start_seconds: f64,
    /// Processor time the controller used meanwhile, where it is on this machine.
    pub cold_start_cpu_seconds: Option<f64>,
    /// One endpoint more, until acknowledged everywhere.
    pub endpoint_seconds: Times,
    /// One service more, until acknowledged everywhere.
    pub service_seconds: Times,
    /// One endpoint more of a flat network that all hosts have an endpoint of, until acknowledged everywhere.
    pub flat_seconds: Times,
    /// Flows per switch.
    pub flows: Spread,
    /// Groups per switch.
    pub groups: Spread,
    /// Resident memory.
    pub memory: Memory,
    /// What passed per host until all was in sync.
    pub traffic: Traffic,
    /// All hosts going and coming back with their tables kept.
    pub restart: Option<Restart>,
}

/// Resident memory in bytes.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Memory {
    /// The controller's, where it is on this machine.
    pub controller_bytes: Option<u64>,
    /// That of all simulated hosts.
    pub own_bytes: Option<u64>,
}

/// What passed per host.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Traffic {
    /// OpenFlow messages from the controller.
    pub messages_to_switch: Spread,
    /// Their bytes.
    pub bytes_to_switch: Spread,
    /// OpenFlow messages to the controller.
    pub messages_from_switch: Spread,
    /// Their bytes.
    pub bytes_from_switch: Spread,
    /// Flow-mods.
    pub flow_mods: Spread,
    /// Group-mods.
    pub group_mods: Spread,
    /// Bytes from the controller over OVSDB.
    pub bytes_to_database: Spread,
    /// Bytes to the controller over OVSDB.
    pub bytes_from_database: Spread,
}

/// All hosts going and coming back with their tables kept.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Restart {
    /// From the first connection until all is in sync again.
    pub seconds: f64,
    /// Handshakes of switches.
    pub handshakes: u64,
    /// Flow-mods sent meanwhile.
    pub flow_mods: u64,
    /// Group-mods sent meanwhile.
    pub group_mods: u64,
    /// Changes of hosts' databases meanwhile.
    pub commits: u64,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { nodes, endpoints, services, backends, .. } = self;
        writeln!(f, "{nodes} hosts, {endpoints} endpoints, {services} services of {backends} backends")?;
        if self.misbehaving > 0 {
            writeln!(f, "{} of the switches misbehave; figures are those of the others", self.misbehaving)?;
        }
        write!(f, "cold start to all in sync     {:.2} s", self.cold_start_seconds)?;
        match self.cold_start_cpu_seconds {
            Some(cpu) => writeln!(f, " ({cpu:.2} s of processor time in the controller)")?,
            None => writeln!(f)?,
        }
        line(f, "one endpoint more", &self.endpoint_seconds)?;
        line(f, "one service more", &self.service_seconds)?;
        line(f, "one endpoint more, flat network", &self.flat_seconds)?;
        if let Some(restart) = &self.restart {
            writeln!(
                f,
                "all go and come back          {:.2} s, {} handshakes, {} flow-mods, {} group-mods, {} OVSDB changes",
                restart.seconds, restart.handshakes, restart.flow_mods, restart.group_mods, restart.commits
            )?;
        }
        let megabytes =
            |bytes: Option<u64>| bytes.map_or("?".to_owned(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6));
        writeln!(f, "memory of the controller      {}", megabytes(self.memory.controller_bytes))?;
        writeln!(f, "memory of the simulation      {}", megabytes(self.memory.own_bytes))?;
        writeln!(f, "\nper switch                         min     median        max          sum")?;
        let rows = [
            ("flows", &self.flows),
            ("groups", &self.groups),
            ("flow-mods until in sync", &self.traffic.flow_mods),
            ("group-mods until in sync", &self.traffic.group_mods),
            ("OpenFlow messages to it", &self.traffic.messages_to_switch),
            ("OpenFlow bytes to it", &self.traffic.bytes_to_switch),
            ("OpenFlow messages from it", &self.traffic.messages_from_switch),
            ("OpenFlow bytes from it", &self.traffic.bytes_from_switch),
            ("OVSDB bytes to it", &self.traffic.bytes_to_database),
            ("OVSDB bytes from it", &self.traffic.bytes_from_database),
        ];
        for (name, spread) in rows {
            let Spread { min, median, max, sum } = spread;
            writeln!(f, "{name:28} {min:10} {median:10} {max:10} {sum:12}")?;
        }
        Ok(())
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, times: &Times) -> fmt::Result {
    if times.count == 0 {
        return Ok(());
    }
    let ms = |seconds: f64| seconds * 1000.0;
    let (median, p99, max) = (ms(times.median), ms(times.p99), ms(times.max));
    writeln!(f, "{name:28}  median {median:.1} ms, p99 {p99:.1} ms, max {max:.1} ms of {}", times.count)
}
