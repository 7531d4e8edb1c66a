//! Clients that keep their backend: the flows that Open vSwitch learns in table affinity.
//!
//! A learned flow says which backend a client of a service's port is bound to, and does nothing else. Its cookie is
//! `service kind << 56 | service id << 32 | tag << 24 | backend`; it goes when the last flow goes that learns with this
//! cookie (`delete_learned`): when the backend leaves the service or takes no new connections, or the timeout becomes
//! another. Flows of timeouts that OpenFlow cannot say have none; the controller ends them.

use std::time::Duration;

use api::{Affinity, Kind, Protocol};
use openflow::{
    Action, Field, Instruction, TableId,
    action::{Learn, Learn2, LearnDst, LearnFlags, LearnSpec, LearnSrc},
    oxm::OxmId,
};

use super::{Cookie, Family, Table, reg};

/// The priority of learned flows.
const LEARNED: u16 = 100;

/// How many clients of one node are bound to a backend at most; more of them are balanced as without affinity.
const MOST_CLIENTS: u32 = 8_192;

/// For how long a client whose backend is gone is bound to the next one, in seconds, until it is bound as all others.
const MOMENT: u16 = 1;

/// How many bits a backend's number has.
pub const BACKEND_BITS: u16 = 24;

/// Binds the client of this packet to a backend of a service.
pub fn bind((service, backend): (u32, u32), of: (Family, Protocol), affinity: Affinity) -> Action {
    // A client that was bound with another timeout is bound anew.
    let tag = digest(affinity) << BACKEND_BITS;
    let cookie = Cookie::new(Kind::Service, service, u64::from(tag | backend & 0x00ff_ffff)).to_u64();
    let number = LearnSrc::Immediate(backend.to_be_bytes().to_vec().into());
    let learn = Learn {
        idle_timeout: u16::try_from(affinity.timeout).unwrap_or(0),
        flags: LearnFlags::DELETE_LEARNED,
        ..learn(of, cookie, to_backend(32, number))
    };
    Action::NxLearn2(Box::new(Learn2 { learn, limit: MOST_CLIENTS, result_dst_ofs: 0, result_dst: None }))
}

/// What a bucket says of the backend that it chose.
pub fn pick(backend: u32) -> Action {
    super::act::load(reg::PICK, backend | 1 << reg::PICKED)
}

/// The backend, if this is what [`pick`] makes.
pub fn picked(action: &Action) -> Option<u32> {
    let Action::SetField { field } = action else { return None };
    let value = field.value_u128().filter(|_| field.field() == Field::reg(reg::PICK))?;
    Some(value as u32 & 0x00ff_ffff)
}

/// Binds the client of this packet to whom a group chose, for a moment.
pub fn rebind(of: (Family, Protocol)) -> Action {
    let cookie = Cookie::new(Kind::Service, 0, 0).to_u64();
    let picked = to_backend(BACKEND_BITS, LearnSrc::Field(field(Field::reg(reg::PICK)), 0));
    Action::NxLearn(Box::new(Learn { hard_timeout: MOMENT, ..learn(of, cookie, picked) }))
}

/// What makes learned flows.
fn learn((family, protocol): (Family, Protocol), cookie: u64, to_backend: LearnSpec) -> Learn {
    let port = match protocol {
        Protocol::Tcp => Field::OXM_OF_TCP_DST,
        Protocol::Udp => Field::OXM_OF_UDP_DST,
        Protocol::Sctp => Field::OXM_OF_SCTP_DST,
    };
    let (source, destination, bits) = match family {
        Family::V4 => (Field::OXM_OF_IPV4_SRC, Field::OXM_OF_IPV4_DST, 32),
        Family::V6 => (Field::OXM_OF_IPV6_SRC, Field::OXM_OF_IPV6_DST, 128),
    };
    let specs = vec![
        same(Field::reg(reg::NETWORK), 32),
        is(Field::OXM_OF_ETH_TYPE, family.ethertype()),
        is(Field::OXM_OF_IP_PROTO, u16::from(protocol.number())),
        same(source, bits),
        same(destination, bits),
        same(port, 16),
        to_backend,
    ];
    Learn {
        idle_timeout: 0,
        hard_timeout: 0,
        priority: LEARNED,
        cookie,
        flags: LearnFlags(0),
        table_id: TableId(Table::Affinity.id()),
        fin_idle_timeout: 0,
        fin_hard_timeout: 0,
        specs,
    }
}

fn to_backend(n_bits: u16, src: LearnSrc) -> LearnSpec {
    LearnSpec { n_bits, src, dst: LearnDst::Load(field(Field::reg(reg::BACKEND)), 0) }
}

/// Whether this is how a learned flow looks, whoever made it: all it can do is bind.
pub fn is_learned(table: TableId, priority: u16, cookie: u64, instructions: &[Instruction]) -> bool {
    let only_binds = |instruction: &Instruction| match instruction {
        Instruction::ApplyActions { actions } => actions
            .iter()
            .all(|action| matches!(action, Action::NxRegLoad { dst, .. } if *dst == field(Field::reg(reg::BACKEND)))),
        _ => false,
    };
    table.0 == Table::Affinity.id()
        && priority == LEARNED
        && service(cookie).is_some()
        && instructions.iter().all(only_binds)
}

/// The service of a learned flow.
pub fn service(cookie: u64) -> Option<u32> {
    Cookie::from_u64(cookie).filter(|cookie| cookie.kind == Kind::Service).map(|cookie| cookie.id)
}

/// For how long the controller is to keep what OpenFlow has no timeout for.
pub fn kept_by_controller(affinity: Affinity) -> Option<Duration> {
    u16::try_from(affinity.timeout).is_err().then(|| Duration::from_secs(affinity.timeout.into()))
}

/// Tells timeouts apart.
fn digest(affinity: Affinity) -> u32 {
    affinity.timeout.wrapping_mul(0x9e37_79b1) >> 24
}

/// The same as in the packet.
fn same(which: Field, n_bits: u16) -> LearnSpec {
    LearnSpec { n_bits, src: LearnSrc::Field(field(which), 0), dst: LearnDst::Match(field(which), 0) }
}

/// This value, of 8 or 16 bits.
fn is(which: Field, value: u16) -> LearnSpec {
    let n_bits = if which == Field::OXM_OF_IP_PROTO { 8 } else { 16 };
    let value = LearnSrc::Immediate(value.to_be_bytes().to_vec().into());
    LearnSpec { n_bits, src: value, dst: LearnDst::Match(field(which), 0) }
}

/// A field as Open vSwitch gives it back within an action.
fn field(which: Field) -> OxmId {
    let id = OxmId::from(which);
    OxmId { field: id.field.canonical_id(), ..id }
}
