//! Random groups, flows and packets, from small domains so that they meet.

use std::net::Ipv4Addr;

use openflow::action::{Ct, Nat, Subfield};
use openflow::msg::flow::FlowMod;
use openflow::msg::group::{Bucket, GroupDesc, GroupMod, GroupType};
use openflow::oxm::ct_state;
use openflow::{Action, Field, GroupId, Instruction, Mac, Match, PortNo, TableId, text};

const TABLES: u8 = 8;
const FLOWS: u16 = 7;

/// What the packets of a flow are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Any,
    Arp,
    Ip,
    Tcp,
    Udp,
}

/// A splitmix64 generator: the same seed, the same tables.
///
/// Open vSwitch 3.1 dies of a ct that goes on in a table while there is an action set: odd seeds
/// write action sets, even ones let ct go on.
pub struct Generator {
    state: u64,
    writes: bool,
}

impl Generator {
    pub fn new(seed: u64) -> Self {
        Self { state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), writes: seed % 2 == 1 }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn ip(&mut self) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, self.below(2) as u8, self.below(4) as u8)
    }

    fn mac(&mut self) -> Mac {
        Mac([0, 0, 0, 0, 0, 0x10 + self.below(4) as u8])
    }

    fn transport(&mut self) -> u16 {
        self.pick(&[53, 80, 443, 8080])
    }

    /// Groups and flows that Open vSwitch takes.
    pub fn program(&mut self) -> (Vec<GroupMod>, Vec<FlowMod>) {
        let groups = (1..=4).map(|id| self.group(id)).collect();
        let mut flows = Vec::new();
        for table in 0..TABLES {
            for n in 0..FLOWS {
                flows.push(self.flow(table, 10 + n * 10));
            }
            if self.chance(75) {
                flows.push(FlowMod::add(table, 1, Match::new()).apply(self.actions(Kind::Any, table, 0)));
            }
            flows.extend(self.conjunction(table));
        }
        (groups, flows)
    }

    fn group(&mut self, id: u32) -> GroupMod {
        let kind = self.pick(&[GroupType::ALL, GroupType::SELECT, GroupType::INDIRECT, GroupType::FF]);
        let n = if kind == GroupType::INDIRECT { 1 } else { 1 + self.below(3) };
        let bucket = |random: &mut Self| {
            let mut actions = random.actions(Kind::Any, random.state as u8 % TABLES, 0);
            // groups refer to groups before them only: add-groups sends them in order
            actions.retain(|a| !matches!(a, Action::Group { group_id } if group_id.0 >= id));
            let mut bucket = Bucket::new(actions);
            match kind {
                GroupType::SELECT => bucket.weight = 1 + random.below(3) as u16,
                GroupType::FF => bucket.watch_port = PortNo(random.pick(&[1, 2, 3, 77])),
                _ => {}
            }
            bucket
        };
        GroupMod::add(id, kind, (0..n).map(|_| bucket(self)).collect())
    }

    fn flow(&mut self, table: u8, priority: u16) -> FlowMod {
        let kind = self.pick(&[Kind::Any, Kind::Arp, Kind::Ip, Kind::Ip, Kind::Tcp, Kind::Udp]);
        let mut flow = FlowMod::add(table, priority, self.matching(kind));
        if self.chance(92) {
            flow = flow.apply(self.actions(kind, table, 0));
        }
        if self.chance(10) {
            flow = flow.instruction(Instruction::ClearActions);
        }
        if self.writes && self.chance(25) {
            let mut actions = self.actions(kind, table, 0);
            actions.retain(in_set);
            flow = flow.instruction(Instruction::WriteActions { actions });
        }
        if self.chance(15) {
            let metadata_mask = self.pick(&[u64::MAX, 0xff, 0xf0]);
            let metadata = self.below(256) & metadata_mask;
            flow = flow.instruction(Instruction::WriteMetadata { metadata, metadata_mask });
        }
        if self.chance(35) && table + 1 < TABLES {
            flow = flow.goto(self.after(table));
        }
        flow
    }

    fn after(&mut self, table: u8) -> u8 {
        table + 1 + self.below(u64::from(TABLES - table - 1)) as u8
    }

    fn matching(&mut self, kind: Kind) -> Match {
        let mut m = Match::new();
        if self.chance(15) {
            m = m.in_port(PortNo(1 + self.below(4) as u32));
        }
        if self.chance(15) {
            let mask = self.pick(&[u32::MAX, 0xff, 1]);
            m = m.reg_masked(self.below(4) as u8, self.below(4) as u32 & mask, mask);
        }
        if self.chance(10) {
            m = m.metadata_masked(self.below(2), 1);
        }
        if self.chance(8) {
            m = m.eth_dst(self.mac());
        }
        if self.chance(10) {
            m = if self.chance(50) { m.vlan_none() } else { m.vlan_vid(self.below(3) as u16) };
        }
        if self.chance(12) {
            let bit = self.pick(&[ct_state::NEW, ct_state::EST, ct_state::TRK, ct_state::RPL]);
            m = m.ct_state(if self.chance(50) { bit } else { 0 }, bit);
        }
        match kind {
            Kind::Any => m,
            Kind::Arp => {
                let m = m.eth_type(0x0806);
                if self.chance(50) { m.arp_op(1 + self.below(2) as u16) } else { m.arp_tpa(self.ip()) }
            }
            Kind::Ip => self.addresses(m.eth_type(0x0800)),
            Kind::Tcp => {
                let m = self.addresses(m.eth_type(0x0800)).ip_proto(6);
                if self.chance(50) { m.tcp_dst(self.transport()) } else { m }
            }
            Kind::Udp => {
                let m = self.addresses(m.eth_type(0x0800)).ip_proto(17);
                if self.chance(50) { m.udp_src_masked(self.transport() & 0xfff0, 0xfff0) } else { m }
            }
        }
    }

    fn addresses(&mut self, mut m: Match) -> Match {
        if self.chance(25) {
            m = m.ipv4_dst((self.ip(), self.pick(&[24, 31, 32])));
        }
        if self.chance(15) {
            m = m.ipv4_src(self.ip());
        }
        if self.chance(10) {
            m = m.ip_ttl(self.pick(&[1, 2, 64]));
        }
        m
    }

    fn actions(&mut self, kind: Kind, table: u8, depth: u8) -> Vec<Action> {
        let n = self.below(6);
        (0..n).map(|_| self.action(kind, table, depth)).collect()
    }

    fn action(&mut self, kind: Kind, table: u8, depth: u8) -> Action {
        let ip = !matches!(kind, Kind::Any | Kind::Arp);
        let port = 1 + self.below(4) as u32;
        let reg = self.below(4) as u8;
        match self.below(32) {
            0..=3 => Action::output(PortNo(port)),
            4 => Action::output(self.pick(&[PortNo::IN_PORT, PortNo::LOCAL, PortNo::ALL, PortNo::CONTROLLER])),
            5 => Action::output_reg(Subfield::new(Field::reg(reg), 0, 16)),
            6 => Action::set_reg(reg, self.below(5) as u32),
            7 => Action::load(Subfield::new(Field::reg(reg), 4, 8), self.below(256)),
            8 => Action::copy(Subfield::new(Field::reg(reg), 0, 16), Subfield::new(Field::OXM_OF_METADATA, 8, 16)),
            9 => Action::copy(Field::NXM_OF_ETH_SRC, Field::NXM_OF_ETH_DST),
            10 => Action::set_field(Field::OXM_OF_ETH_DST, self.mac()),
            11 => Action::set_field_masked(Field::reg(reg), self.below(16) as u32, 0xf),
            12 => Action::NxStackPush { ofs: 0, field: Field::reg(reg).into(), n_bits: 32 },
            13 => Action::NxStackPop { ofs: 4, field: Field::reg(reg).into(), n_bits: 16 },
            14 | 15 => Action::resubmit(self.target(table)),
            16 => Action::NxResubmitTable { in_port: port as u16, table_id: TableId(self.target(table)) },
            17 if depth < 2 => Action::NxClone { actions: self.actions(kind, table, depth + 1) },
            18 => Action::group(GroupId(1 + self.below(4) as u32)),
            19 if self.chance(30) => Action::NxExit,
            19 => Action::set_field(Field::OXM_OF_TUNNEL_ID, self.below(5)),
            20 => Action::set_field(Field::NXM_NX_TUN_IPV4_DST, self.ip()),
            21..=23 if ip => self.ip_action(kind, table),
            24..=26 if ip => self.ct(table),
            27..=29 => Action::resubmit(self.target(table)),
            21..=23 if kind == Kind::Arp => self.arp_action(),
            _ => Action::output(PortNo(port)),
        }
    }

    /// Mostly forward, from the last table into an empty one, or everything would loop.
    fn target(&mut self, table: u8) -> u8 {
        match () {
            () if self.chance(1) => self.below(u64::from(TABLES)) as u8,
            () if table + 1 < TABLES => self.after(table),
            () => TABLES,
        }
    }

    fn ip_action(&mut self, kind: Kind, table: u8) -> Action {
        match self.below(8) {
            0 => Action::DecNwTtl,
            1 => Action::set_field(Field::OXM_OF_IPV4_SRC, self.ip()),
            2 => Action::copy(Subfield::new(Field::NXM_OF_IP_DST, 0, 8), Subfield::new(Field::NXM_OF_IP_SRC, 0, 8)),
            3 => Action::set_field(Field::OXM_OF_IP_DSCP, self.below(64) as u8),
            4 if kind == Kind::Tcp => Action::set_field(Field::OXM_OF_TCP_DST, self.transport()),
            4 if kind == Kind::Udp => Action::set_field(Field::OXM_OF_UDP_SRC, self.transport()),
            5 => Action::SetNwTtl { nw_ttl: self.pick(&[1, 2, 64]) },
            _ => self.ct(table),
        }
    }

    fn arp_action(&mut self) -> Action {
        match self.below(4) {
            0 => Action::set_field(Field::OXM_OF_ARP_OP, 2u16),
            1 => Action::copy(Field::NXM_OF_ARP_SPA, Field::NXM_OF_ARP_TPA),
            2 => Action::copy(Field::NXM_NX_ARP_SHA, Field::NXM_NX_ARP_THA),
            _ => Action::set_field(Field::OXM_OF_ARP_SHA, self.mac()),
        }
    }

    fn ct(&mut self, table: u8) -> Action {
        let mut ct = Ct::new(self.below(3) as u16);
        if self.chance(40) {
            ct = Ct::new(Subfield::new(Field::reg(self.below(4) as u8), 0, 16));
        }
        if !self.writes && table + 1 < TABLES && self.chance(70) {
            ct = ct.table(self.after(table));
        }
        if self.chance(60) {
            ct = ct.commit();
            match self.below(3) {
                0 => ct = ct.nat(Nat::dst(self.ip())),
                1 => ct = ct.nat(Nat::src(self.ip()).port(self.transport())),
                _ => {}
            }
        } else if self.chance(50) {
            ct = ct.nat(Nat::existing());
        }
        ct.into()
    }

    /// Two clauses of two flows each, above what else the table has.
    fn conjunction(&mut self, table: u8) -> Vec<FlowMod> {
        if !self.chance(30) {
            return Vec::new();
        }
        let id = u32::from(table) + 1;
        let clause = |n| [Action::conjunction(id, n, 2)];
        let mut flows: Vec<FlowMod> = Vec::new();
        for port in [1, 1 + self.below(4) as u32] {
            flows.push(FlowMod::add(table, 200, Match::new().in_port(PortNo(port))).apply(clause(1)));
        }
        for _ in 0..2 {
            flows.push(FlowMod::add(table, 200, Match::new().eth_type(0x0800).ipv4_dst(self.ip())).apply(clause(2)));
        }
        let hit = Match::new().conj_id(id).eth_type(0x0800);
        flows.push(FlowMod::add(table, 200, hit).apply(self.actions(Kind::Ip, table, 0)));
        flows
    }

    /// A packet, the port it comes in by, and the state the conntrack gives it.
    pub fn packet(&mut self) -> (Match, u32) {
        let m = Match::new().in_port(PortNo(1 + self.below(4) as u32)).eth_src(self.mac()).eth_dst(self.mac());
        let m = if self.chance(15) { m.vlan_vid(self.below(3) as u16).vlan_pcp(self.below(8) as u8) } else { m };
        let m = match self.below(8) {
            0 => m.eth_type(0x88b5),
            1 | 2 => {
                let m = m.eth_type(0x0806).arp_op(1 + self.below(2) as u16);
                m.arp_spa(self.ip()).arp_tpa(self.ip()).arp_sha(self.mac()).arp_tha(self.mac())
            }
            3..=5 => self.ip_packet(m).ip_proto(6).tcp_src(self.transport()).tcp_dst(self.transport()),
            6 => self.ip_packet(m).ip_proto(17).udp_src(self.transport()).udp_dst(self.transport()),
            _ => self.ip_packet(m).ip_proto(1).icmpv4_type(8).icmpv4_code(0),
        };
        let direction = if self.chance(50) { ct_state::RPL } else { 0 };
        let state = self.pick(&[ct_state::NEW, ct_state::EST | direction]);
        (m, state | ct_state::TRK)
    }

    fn ip_packet(&mut self, m: Match) -> Match {
        let m = m.eth_type(0x0800).ipv4_src(self.ip()).ipv4_dst(self.ip());
        m.ip_dscp(self.below(64) as u8).ip_ttl(self.pick(&[1, 2, 64]))
    }
}

/// Whether an action can be in an action set.
fn in_set(action: &Action) -> bool {
    !matches!(
        action,
        Action::NxClone { .. }
            | Action::NxExit
            | Action::NxStackPush { .. }
            | Action::NxStackPop { .. }
            | Action::NxOutputReg { .. }
    )
}

pub fn flow_text(flow: &FlowMod) -> String {
    let matching = text::Match(&flow.matching).to_string();
    let comma = if matching.is_empty() { "" } else { "," };
    let actions = text::Instructions(&flow.instructions);
    format!("table={},priority={}{comma}{matching},actions={actions}", flow.table_id, flow.priority)
}

pub fn group_text(group: &GroupMod) -> String {
    let desc = GroupDesc { group_type: group.group_type, group_id: group.group_id, buckets: group.buckets.clone() };
    // the usual dp_hash cannot be traced
    text::GroupDesc(&desc).to_string().replace("type=select", "type=select,selection_method=hash")
}

/// A packet as `ofproto/trace` reads it, which takes `tp_src` to be of TCP.
pub fn packet_text(packet: &Match) -> String {
    let text = text::Match(packet).to_string().replace("/0xfc", "");
    if text.starts_with("udp") { text.replace("tp_", "udp_") } else { text }
}

pub fn ct_text(state: u32) -> String {
    let names = [(ct_state::NEW, "new"), (ct_state::EST, "est"), (ct_state::RPL, "rpl"), (ct_state::TRK, "trk")];
    names.iter().filter(|(bit, _)| state & bit != 0).map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}
