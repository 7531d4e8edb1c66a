//! A service's groups in the words of intent: who balances what, and how often.

use std::collections::BTreeMap;

use api::{
    Endpoint, Kind, Name, Service,
    balance::{GroupBalance, Member, NodeBalance, Target},
};
use openflow::{
    Field,
    msg::{
        flow::{FlowRequest, FlowStats},
        group::{Bucket, GroupDesc, GroupStats},
    },
    types::TableId,
};

use crate::{
    intent::Intent,
    pipeline::{Cookie, Table, affinity, group, reg, translations},
};

/// The flows that count the connections of clients who keep their backend; none for a service without affinity.
pub fn counting(service: &Service) -> Option<FlowRequest> {
    service.affinity?;
    let cookie = Cookie::new(Kind::Service, service.id, 0).to_u64();
    let bind = TableId(Table::Bind.id());
    Some(FlowRequest { table_id: bind, cookie, cookie_mask: 0xffff_ffff_0000_0000, ..FlowRequest::default() })
}

/// What a node balances of a service.
pub fn node(
    intent: &Intent,
    service: &Service,
    node: &Name,
    (described, counted): &(Vec<GroupDesc>, Vec<GroupStats>),
    bound: &[FlowStats],
) -> NodeBalance {
    let counts: BTreeMap<u32, &GroupStats> = counted.iter().map(|stats| (stats.group_id.0, stats)).collect();
    let mut bound = bound_connections(bound);
    let of_service = described.iter().filter(|desc| group::port(desc.group_id.0) >> 8 == service.id & 0xffff);
    let groups = of_service.filter_map(|desc| {
        let id = desc.group_id.0;
        let packets =
            |at: usize| counts.get(&id).and_then(|stats| stats.bucket_stats.get(at)).map_or(0, |it| it.packet_count);
        let mut target = |(at, bucket): (usize, &Bucket)| {
            let endpoint = target(intent, service, bucket);
            let number = endpoint.map_or(0, |endpoint| endpoint.id);
            let connections = match service.affinity {
                None => packets(at),
                // Those of the group's other buckets are the same ones.
                Some(_) => bound.remove(&(group::slices(id), number)).unwrap_or(0),
            };
            Target { endpoint: endpoint.map(|it| it.name.clone()), weight: bucket.weight.into(), connections }
        };
        Some(GroupBalance {
            id,
            port: *service.ports.get((id & 0xff) as usize)?,
            clients: if id & group::EXTERNAL == 0 { "all" } else { "external" }.into(),
            targets: merged(desc.buckets.iter().enumerate().map(&mut target)),
        })
    });
    let mut groups: Vec<GroupBalance> = groups.collect();
    groups.sort_by_key(|group| group.id);
    NodeBalance { node: node.clone(), groups }
}

/// A backend can have its share in two buckets of a group.
fn merged(targets: impl Iterator<Item = Target>) -> Vec<Target> {
    let mut merged: Vec<Target> = Vec::new();
    for target in targets {
        match merged.iter_mut().find(|there| there.endpoint.is_some() && there.endpoint == target.endpoint) {
            Some(there) => {
                there.weight += target.weight;
                there.connections += target.connections;
            }
            None => merged.push(target),
        }
    }
    merged
}

/// The endpoint that a bucket leads to, if there is one.
fn target<'a>(intent: &'a Intent, service: &'a Service, bucket: &Bucket) -> Option<&'a Endpoint> {
    let ip = translations(bucket.actions.iter()).first().map(|to| to.ip);
    if let Some(ip) = ip {
        return intent.backend_at(&service.network, ip);
    }
    let picked = bucket.actions.iter().find_map(affinity::picked)?;
    intent.backends(service).into_iter().map(|(endpoint, _)| endpoint).find(|endpoint| endpoint.id == picked)
}

/// Connections of bound clients by port of the service and backend.
fn bound_connections(flows: &[FlowStats]) -> BTreeMap<(u32, u32), u64> {
    let value =
        |stats: &FlowStats, register| stats.matching.get(Field::reg(register))?.value_u128().map(|it| it as u32);
    let bound = flows.iter().filter_map(|stats| {
        Some(((group::slices(value(stats, reg::GROUP)?), value(stats, reg::BACKEND)?), stats.packet_count))
    });
    bound.collect()
}

/// The backends of a service, with what `nodes` have opened to them.
pub fn members(intent: &Intent, service: &Service, nodes: &[NodeBalance]) -> Vec<Member> {
    let mut connections: BTreeMap<&Name, u64> = BTreeMap::new();
    for node in nodes {
        let targets = node.groups.iter().flat_map(|group| &group.targets);
        for target in targets {
            let Some(endpoint) = &target.endpoint else { continue };
            *connections.entry(endpoint).or_default() += target.connections;
        }
    }
    let member = |(endpoint, _): (&Endpoint, u64)| {
        let node = intent.nodes.get(&endpoint.node);
        let of_family = |ip: &&std::net::IpAddr| service.vip.is_none_or(|vip| vip.is_ipv4() == ip.is_ipv4());
        let weight = endpoint.ips.iter().find(of_family).map_or(1, |ip| service.weight(*ip));
        let state = match node {
            _ if endpoint.terminating => "terminating",
            Some(node) if node.down => "down",
            Some(node) if node.drained => "drained",
            _ if weight == 0 => "closed",
            _ => "open",
        };
        Member {
            endpoint: endpoint.name.clone(),
            node: endpoint.node.clone(),
            ips: endpoint.ips.clone(),
            state: state.into(),
            weight,
            connections: connections.get(&endpoint.name).copied().unwrap_or(0),
        }
    };
    intent.backends(service).into_iter().map(member).collect()
}
