//! An in-memory switch for tests: takes flow-mods, group-mods and bundles, and walks packets
//! through its tables as Open vSwitch 3.1 does (`tests/model_trace.rs` holds it against a real
//! one).
//!
//! ```
//! use openflow::model::{Packet, Switch};
//! use openflow::msg::flow::FlowMod;
//! use openflow::{Action, Field, Match, PortNo};
//!
//! let mut switch = Switch::with_ports(1, 1..=3);
//! let ip = || Match::new().eth_type(0x0800);
//! switch.apply(FlowMod::add(0, 10, ip()).apply([Action::set_reg(0, 3), Action::DecNwTtl]).goto(1))?;
//! switch.apply(FlowMod::add(1, 10, Match::new().reg(0, 3)).apply([Action::output(PortNo(3))]))?;
//!
//! let packet = Packet::from(ip().ipv4_dst(std::net::Ipv4Addr::LOCALHOST).ip_ttl(64));
//! let trace = switch.packet(PortNo(1), &packet).unwrap();
//! assert_eq!(trace.ports(), [PortNo(3)]);
//! assert_eq!(trace.outputs()[0].1.get(Field::NXM_NX_IP_TTL), 63);
//! assert_eq!(trace.visited().count(), 2);
//! # Ok::<(), openflow::model::Refusal>(())
//! ```
//!
//! What it does not know (MPLS, NSH, `NORMAL`, sampling, ...) it says with a [`WalkError`]
//! rather than guess. Meters let everything pass. Time is what [`Switch::advance`] says.
//!
//! [`Session`] speaks the switch's side of a connection with a controller, without any I/O; with
//! feature `net`, `serve` runs it over a stream.

mod action_set;
mod bundle;
mod check;
mod conntrack;
mod flow;
mod flow_mod;
mod frame;
mod groups;
mod packet;
mod packet_io;
mod prerequisite;
mod refusal;
#[cfg(feature = "net")]
mod serve;
mod session;
mod stats;
mod table;
mod trace;
mod walk;

use std::collections::BTreeMap;
use std::time::Duration;

pub use conntrack::{Connection, Conntrack, Tuple};
pub use flow::Flow;
pub use packet::Packet;
pub use refusal::Refusal;
#[cfg(feature = "net")]
pub use serve::serve;
pub use session::{Session, SessionEnd};
pub use trace::{Choices, Effect, Limit, Pass, ToController, Trace, WalkError};

use crate::message::Body;
use crate::msg::flow::{FlowRemoved, FlowRequest, FlowStats};
use crate::msg::group::GroupDesc;
use crate::msg::port::{Port, PortConfig, PortFeatures, PortState};
use crate::types::{FixedStr, GroupId, Mac, PortNo};

/// How many tables Open vSwitch has.
const N_TABLES: u8 = 254;

/// A switch in memory.
#[derive(Clone, Debug)]
pub struct Switch {
    datapath_id: u64,
    ports: BTreeMap<PortNo, Port>,
    state: State,
    conntrack: Conntrack,
    generation_id: Option<u64>,
    removed: Vec<FlowRemoved>,
    now: Duration,
}

/// What bundles change: all of it, or nothing.
#[derive(Clone, Debug, Default)]
struct State {
    tables: BTreeMap<u8, table::Table>,
    groups: groups::Groups,
}

impl Switch {
    /// A switch with only its local port.
    pub fn new(datapath_id: u64) -> Self {
        let mut switch = Self {
            datapath_id,
            ports: BTreeMap::new(),
            state: State::default(),
            conntrack: Conntrack::default(),
            generation_id: None,
            removed: Vec::new(),
            now: Duration::ZERO,
        };
        switch.add_port(PortNo::LOCAL, "local");
        switch
    }

    /// A switch with ports of these numbers, named `p1` and so on.
    pub fn with_ports(datapath_id: u64, ports: impl IntoIterator<Item = u32>) -> Self {
        let mut switch = Self::new(datapath_id);
        for port in ports {
            switch.add_port(PortNo(port), &format!("p{port}"));
        }
        switch
    }

    /// Adds a port; only the first 15 bytes of the name count.
    pub fn add_port(&mut self, port_no: PortNo, name: &str) {
        let [.., a, b, c, d] = port_no.0.to_be_bytes();
        let name = name.as_bytes().get(..15).unwrap_or(name.as_bytes());
        let port = Port {
            port_no,
            hw_addr: Mac([0xaa, 0x55, a, b, c, d]),
            name: FixedStr::new(name).unwrap_or_default(),
            config: PortConfig::NONE,
            state: PortState::LIVE,
            curr: PortFeatures::NONE,
            advertised: PortFeatures::NONE,
            supported: PortFeatures::NONE,
            peer: PortFeatures::NONE,
            curr_speed: 0,
            max_speed: 0,
        };
        self.ports.insert(port_no, port);
    }

    /// Removes a port.
    pub fn remove_port(&mut self, port_no: PortNo) {
        self.ports.remove(&port_no);
    }

    /// Says whether a port has a carrier.
    pub fn set_link(&mut self, port_no: PortNo, up: bool) {
        if let Some(port) = self.ports.get_mut(&port_no) {
            port.state = if up { PortState::LIVE } else { PortState::LINK_DOWN };
        }
    }

    /// Its ports.
    pub fn ports(&self) -> impl Iterator<Item = &Port> {
        self.ports.values()
    }

    /// Applies a flow-mod or a group-mod.
    ///
    /// # Errors
    /// As Open vSwitch would refuse it; [`Refusal::BAD_TYPE`] for other messages.
    pub fn apply(&mut self, message: impl Into<Body>) -> Result<(), Refusal> {
        let removed = self.state.apply(&message.into(), self.now)?;
        self.removed.extend(removed);
        Ok(())
    }

    /// Applies all messages or none.
    ///
    /// # Errors
    /// The position of the first message that is refused, and why.
    pub fn apply_all(&mut self, messages: &[Body]) -> Result<(), (usize, Refusal)> {
        let mut state = self.state.clone();
        let mut removed = Vec::new();
        for (i, message) in messages.iter().enumerate() {
            removed.extend(state.apply(message, self.now).map_err(|refusal| (i, refusal))?);
        }
        self.state = state;
        self.removed.extend(removed);
        Ok(())
    }

    /// Walks a packet that came in by a port through the tables. Learned flows and connections
    /// stay.
    ///
    /// # Errors
    /// If the packet meets something that the model does not know.
    pub fn packet(&mut self, in_port: PortNo, packet: &Packet) -> Result<Trace, WalkError> {
        self.packet_with(in_port, packet, &Choices::default())
    }

    /// The same, with what OpenFlow leaves open decided.
    ///
    /// # Errors
    /// If the packet meets something that the model does not know.
    pub fn packet_with(&mut self, in_port: PortNo, packet: &Packet, choices: &Choices) -> Result<Trace, WalkError> {
        let packet = packet.clone().with(crate::Field::OXM_OF_IN_PORT, in_port);
        walk::from_table(self, packet, choices)
    }

    /// The flows that a request asks for, by table, highest priority first.
    pub fn flows(&self, request: &FlowRequest) -> Vec<FlowStats> {
        self.state.select(request).map(|(_, entry)| entry.stats(self.now)).collect()
    }

    /// All groups.
    pub fn groups(&self) -> impl Iterator<Item = &GroupDesc> {
        self.state.groups.values()
    }

    /// One group.
    pub fn group(&self, id: GroupId) -> Option<&GroupDesc> {
        self.state.groups.get(&id)
    }

    /// The connections it tracks.
    pub fn conntrack(&mut self) -> &mut Conntrack {
        &mut self.conntrack
    }

    /// Lets time pass: flows whose timeouts are over end.
    pub fn advance(&mut self, by: Duration) {
        self.now += by;
        let removed = self.state.expire(self.now);
        self.removed.extend(removed);
    }

    /// What there is to tell of flows that ended and were to be told of.
    pub fn take_removed(&mut self) -> Vec<FlowRemoved> {
        std::mem::take(&mut self.removed)
    }

    fn is_live(&self, port: PortNo) -> bool {
        self.ports
            .get(&port)
            .is_some_and(|p| p.state.contains(PortState::LIVE) && !p.config.contains(PortConfig::PORT_DOWN))
    }
}
