//! A switch that keeps flows, groups and meters as bytes, and speaks OpenFlow 1.3 with any number of controllers.

mod answer;
mod bundle;
mod filter;
mod flow;
mod monitor;
mod prepare;
mod reply;
mod session;
mod state;

use std::collections::BTreeMap;

use openflow::msg::port::{Port, PortConfig, PortFeatures, PortReason, PortState, PortStatus};
use openflow::types::FixedStr;
use openflow::{Mac, Message, PortNo, TableId};
use thiserror::Error;

use session::Session;
pub(super) use session::next_frame;
use state::State;

/// How many tables Open vSwitch has.
const N_TABLES: u8 = 254;

/// Tells connections of a switch apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId(u32);

/// Why a connection ends.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SessionEnd {
    /// A length that cannot be.
    #[error("a message says it has {0} bytes")]
    BadFrame(u16),
    /// The peer does not speak OpenFlow 1.3.
    #[error("the peer speaks version {0}")]
    Version(u8),
    /// The connection was closed before.
    #[error("no such session")]
    Unknown,
}

/// What passed between a switch and its controllers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages from controllers.
    pub messages_in: u64,
    /// Bytes from controllers.
    pub bytes_in: u64,
    /// Messages to controllers.
    pub messages_out: u64,
    /// Bytes to controllers.
    pub bytes_out: u64,
    /// Flow-mods, those in bundles among them.
    pub flow_mods: u64,
    /// Group-mods, those in bundles among them.
    pub group_mods: u64,
    /// Bundles that were committed.
    pub bundles: u64,
    /// Times that flows were read.
    pub flow_dumps: u64,
    /// Messages and bundles that were refused.
    pub refused: u64,
    /// Handshakes that came as far as the features.
    pub handshakes: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.messages_in += other.messages_in;
        self.bytes_in += other.bytes_in;
        self.messages_out += other.messages_out;
        self.bytes_out += other.bytes_out;
        self.flow_mods += other.flow_mods;
        self.group_mods += other.group_mods;
        self.bundles += other.bundles;
        self.flow_dumps += other.flow_dumps;
        self.refused += other.refused;
        self.handshakes += other.handshakes;
    }
}

/// A simulated switch.
///
/// ```
/// use integration::load::switch::Switch;
/// use openflow::{Body, Message};
///
/// let mut switch = Switch::new(0xaa);
/// let controller = switch.connect();
/// let hello = switch.poll_transmit(controller).unwrap();
/// assert!(matches!(Message::decode(&hello).unwrap().body, Body::Hello(_)));
/// let barrier = Message::new(7, Body::BarrierRequest).encode().unwrap();
/// switch.handle_input(controller, &barrier).unwrap();
/// let answer = Message::decode(&switch.poll_transmit(controller).unwrap()).unwrap();
/// assert_eq!(answer, Message::new(7, Body::BarrierReply));
/// ```
#[derive(Debug)]
pub struct Switch {
    datapath_id: u64,
    ports: BTreeMap<u32, Port>,
    state: State,
    generation_id: Option<u64>,
    sessions: BTreeMap<SessionId, Session>,
    next_session: u32,
    counts: Counts,
}

impl Switch {
    /// A switch with only its local port.
    pub fn new(datapath_id: u64) -> Self {
        let mut switch = Self {
            datapath_id,
            ports: BTreeMap::new(),
            state: State::default(),
            generation_id: None,
            sessions: BTreeMap::new(),
            next_session: 0,
            counts: Counts::default(),
        };
        switch.add_port(PortNo::LOCAL, "local");
        switch
    }

    /// Its datapath id.
    pub fn datapath_id(&self) -> u64 {
        self.datapath_id
    }

    /// A connection to a controller begins; what is to be sent is in [`Switch::poll_transmit`].
    pub fn connect(&mut self) -> SessionId {
        let id = SessionId(self.next_session);
        self.next_session = self.next_session.wrapping_add(1);
        let mut session = Session::default();
        session.send(&session::hello(), &mut self.counts);
        self.sessions.insert(id, session);
        id
    }

    /// A connection ended: its bundles, monitors and role go with it, flows stay.
    pub fn disconnect(&mut self, id: SessionId) {
        self.sessions.remove(&id);
    }

    /// Bytes from a controller.
    ///
    /// # Errors
    /// If the connection has to end.
    pub fn handle_input(&mut self, id: SessionId, bytes: &[u8]) -> Result<(), SessionEnd> {
        self.counts.bytes_in += bytes.len() as u64;
        let mut input = std::mem::take(&mut self.session(id)?.input);
        input.extend_from_slice(bytes);
        let mut rest = input.as_slice();
        while let Some(frame) = session::next_frame(&mut rest)? {
            self.handle_frame(id, frame)?;
        }
        let left = input.len() - rest.len();
        input.drain(..left);
        input.shrink_to(session::INPUT_KEPT);
        self.session(id)?.input = input;
        Ok(())
    }

    /// Bytes for a controller, if there are any.
    pub fn poll_transmit(&mut self, id: SessionId) -> Option<Vec<u8>> {
        let out = &mut self.sessions.get_mut(&id)?.out;
        (!out.is_empty()).then(|| std::mem::take(out))
    }

    /// Sends a message unasked, such as a packet-in.
    pub fn send(&mut self, id: SessionId, message: &Message) {
        if let Some(session) = self.sessions.get_mut(&id) {
            session.send(message, &mut self.counts);
        }
    }

    /// Adds a port, or renames it, and tells controllers.
    pub fn add_port(&mut self, number: PortNo, name: &str) {
        let port = port(self.datapath_id, number, name);
        let reason = if self.ports.contains_key(&number.0) { PortReason::MODIFY } else { PortReason::ADD };
        self.ports.insert(number.0, port.clone());
        self.tell_port(PortStatus { reason, desc: port });
    }

    /// Removes a port and tells controllers.
    pub fn remove_port(&mut self, number: PortNo) {
        if let Some(desc) = self.ports.remove(&number.0) {
            self.tell_port(PortStatus { reason: PortReason::DELETE, desc });
        }
    }

    /// Has exactly these ports besides its own.
    pub fn set_ports(&mut self, wanted: &BTreeMap<PortNo, String>) {
        let gone = |number: &&u32| **number != PortNo::LOCAL.0 && !wanted.contains_key(&PortNo(**number));
        let gone: Vec<u32> = self.ports.keys().filter(gone).copied().collect();
        gone.into_iter().for_each(|number| self.remove_port(PortNo(number)));
        for (number, name) in wanted {
            let there = self.ports.get(&number.0).is_some_and(|port| port.name == port_name(name));
            if !there {
                self.add_port(*number, name);
            }
        }
    }

    /// What passed so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// How many flows it has.
    pub fn flows(&self) -> usize {
        self.state.flows.len()
    }

    /// How many groups it has.
    pub fn groups(&self) -> usize {
        self.state.groups.len()
    }

    /// How many flows each table has that has any.
    pub fn flows_by_table(&self) -> BTreeMap<TableId, usize> {
        let mut tables = BTreeMap::new();
        for flow in &self.state.flows {
            *tables.entry(TableId(flow.table())).or_default() += 1;
        }
        tables
    }

    fn session(&mut self, id: SessionId) -> Result<&mut Session, SessionEnd> {
        self.sessions.get_mut(&id).ok_or(SessionEnd::Unknown)
    }

    fn tell_port(&mut self, status: PortStatus) {
        let message = Message::new(0, status.clone());
        for session in self.sessions.values_mut().filter(|session| session.wants_port(status.reason)) {
            session.send(&message, &mut self.counts);
        }
    }
}

fn port(datapath_id: u64, number: PortNo, name: &str) -> Port {
    let [.., a, b, c] = datapath_id.to_be_bytes();
    let [.., d, e] = number.0.to_be_bytes();
    Port {
        port_no: number,
        hw_addr: Mac([0xaa, a, b, c, d, e]),
        name: port_name(name),
        config: PortConfig::NONE,
        state: PortState::LIVE,
        curr: PortFeatures::NONE,
        advertised: PortFeatures::NONE,
        supported: PortFeatures::NONE,
        peer: PortFeatures::NONE,
        curr_speed: 0,
        max_speed: 0,
    }
}

/// A name as it fits a port.
fn port_name(name: &str) -> FixedStr<16> {
    let name = name.as_bytes();
    FixedStr::new(name.get(..15).unwrap_or(name)).unwrap_or_default()
}
