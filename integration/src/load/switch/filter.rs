//! Which flows a message is about.

use openflow::msg::flow::{FlowMod, FlowModCommand, FlowRequest, FlowStats};
use openflow::msg::monitor::FlowMonitor;
use openflow::{Action, GroupId, Instruction, Match, Oxm, OxmId, PortNo, TableId};

use super::flow::Flow;

/// Flows of a table that match at least something, and more.
#[derive(Debug)]
pub(super) struct Filter {
    table: TableId,
    /// Only the flow that compares equal.
    strict: Option<Flow>,
    matching: Match,
    cookie: u64,
    cookie_mask: u64,
    out_port: PortNo,
    out_group: GroupId,
}

impl Filter {
    /// The flows a change or delete means. Output port and group count for deletes only (section 7.3.4.1).
    pub fn of_mod(flow_mod: &FlowMod) -> Option<Self> {
        let deletes = matches!(flow_mod.command, FlowModCommand::DELETE | FlowModCommand::DELETE_STRICT);
        let matching = flow_mod.matching.canonical();
        let strict = match flow_mod.command {
            FlowModCommand::MODIFY_STRICT | FlowModCommand::DELETE_STRICT => {
                Some(Flow::key(flow_mod.table_id, flow_mod.priority, matching.clone())?)
            }
            _ => None,
        };
        Some(Self {
            table: flow_mod.table_id,
            strict,
            matching,
            cookie: flow_mod.cookie,
            cookie_mask: flow_mod.cookie_mask,
            out_port: if deletes { flow_mod.out_port } else { PortNo::ANY },
            out_group: if deletes { flow_mod.out_group } else { GroupId::ANY },
        })
    }

    /// The flows somebody asks for.
    pub fn of_request(request: &FlowRequest) -> Self {
        Self {
            table: request.table_id,
            strict: None,
            matching: request.matching.canonical(),
            cookie: request.cookie,
            cookie_mask: request.cookie_mask,
            out_port: request.out_port,
            out_group: request.out_group,
        }
    }

    /// The flows a monitor tells of.
    pub fn of_monitor(monitor: &FlowMonitor) -> Self {
        let request = FlowRequest {
            table_id: monitor.table_id,
            out_port: monitor.out_port,
            matching: monitor.matching.clone(),
            ..FlowRequest::default()
        };
        Self::of_request(&request)
    }

    /// The flows that use a group.
    pub fn users(group: GroupId) -> Self {
        Self::of_request(&FlowRequest { out_group: group, ..FlowRequest::default() })
    }

    /// The only flow that can be meant, where there is only one.
    pub fn strict(&self) -> Option<&Flow> {
        self.strict.as_ref().filter(|_| self.table != TableId::ALL)
    }

    /// Whether a flow is meant.
    pub fn meets(&self, flow: &Flow) -> bool {
        if !matches!(self.table, TableId::ALL) && self.table.0 != flow.table()
            || (flow.cookie() ^ self.cookie) & self.cookie_mask != 0
        {
            return false;
        }
        let plain = self.strict.is_none()
            && self.matching.is_empty()
            && self.out_port == PortNo::ANY
            && self.out_group == GroupId::ANY;
        plain || self.meets_in_full(&flow.stats())
    }

    fn meets_in_full(&self, stats: &FlowStats) -> bool {
        let strict = self.strict.as_ref().is_none_or(|key| {
            let key = key.stats();
            key.priority == stats.priority && key.matching == stats.matching
        });
        let outputs = |action: &Action| matches!(action, Action::Output { port, .. } if *port == self.out_port);
        strict
            && covers(&self.matching, &stats.matching)
            && (self.out_port == PortNo::ANY || any_action(&stats.instructions, &outputs))
            && (self.out_group == GroupId::ANY || groups(&stats.instructions).contains(&self.out_group))
    }
}

/// Whether every packet that `flow` matches is matched by `criteria`.
fn covers(criteria: &Match, flow: &Match) -> bool {
    let bits = |oxm: &Oxm| {
        let ones = u128::MAX.checked_shr(128 - u32::from(OxmId::from(oxm.field()).n_bits())).unwrap_or(0);
        let mask = oxm.mask_u128().unwrap_or(ones);
        (oxm.value_u128().unwrap_or(0) & mask, mask)
    };
    criteria.iter().all(|wanted| {
        let (value, mask) = bits(wanted);
        flow.iter().filter(|oxm| oxm.field() == wanted.field()).any(|oxm| {
            let (has, in_bits) = bits(oxm);
            in_bits & mask == mask && has & mask == value
        })
    })
}

/// The groups that instructions lead to.
pub(super) fn groups(instructions: &[Instruction]) -> Vec<GroupId> {
    let found = std::cell::RefCell::new(Vec::new());
    any_action(instructions, &|action| {
        if let Action::Group { group_id } = action {
            found.borrow_mut().push(*group_id);
        }
        false
    });
    found.into_inner()
}

fn any_action(instructions: &[Instruction], test: &dyn Fn(&Action) -> bool) -> bool {
    instructions.iter().any(|instruction| match instruction {
        Instruction::ApplyActions { actions } | Instruction::WriteActions { actions } => any_of(actions, test),
        _ => false,
    })
}

fn any_of(actions: &[Action], test: &dyn Fn(&Action) -> bool) -> bool {
    actions.iter().any(|action| {
        let within = match action {
            Action::NxClone { actions } => any_of(actions, test),
            Action::NxCt(ct) => any_of(&ct.actions, test),
            _ => false,
        };
        within || test(action)
    })
}
