//! Services whose nodes differ in which backends they send connections to: by traffic policies and preferences.
//!
//! Connections that a node has to a backend which it would not choose now go on: that backend stays in a group,
//! with no chance to be chosen.

use api::{Node, Prefer, Reach, Service};

use super::{
    View,
    render::backend,
    service::{Backend, Slices},
};
use crate::intent::slice_count;

/// What `here` chooses among, for clients outside or for all others.
pub(super) fn slices(view: &View<'_>, service: &Service, here: &Node, external: bool) -> Slices {
    let traffic = &service.traffic;
    let reach = if external { traffic.external } else { traffic.internal };
    let backends = view.intent.backends(service).into_iter().take(api::MAX_BACKENDS);
    let there = backends.filter_map(|(endpoint, _)| {
        Some((view.intent.nodes.get(&endpoint.node).map(|node| &**node)?, backend(view, service, endpoint)?))
    });
    let there: Vec<(&Node, Backend)> = there.collect();
    let is_chosen = chosen(&there, here, reach, traffic.prefer);
    let open = there.iter().filter(|(node, backend)| backend.weight > 0 && is_chosen(node));
    let open: Vec<Backend> = open.map(|(_, backend)| *backend).collect();
    let shut = there.iter().filter(|(node, backend)| !(backend.weight > 0 && is_chosen(node)));
    // Connections are kept by what the others have: see reconcile's moves.
    let shut: Vec<Backend> = shut.filter(|_| !external).map(|(_, backend)| Backend { weight: 0, ..*backend }).collect();
    let chosen = slice_count(open.len());
    let mut groups = vec![Vec::new(); chosen.max(slice_count(open.len() + shut.len()))];
    let elsewhere = there.iter().any(|(_, backend)| backend.weight > 0);
    open.into_iter().enumerate().for_each(|(at, backend)| groups[at % chosen].push(backend));
    let count = groups.len();
    shut.into_iter().enumerate().for_each(|(at, backend)| groups[at % count].push(backend));
    Slices { groups, chosen, external, elsewhere }
}

/// Whether a node's backends are chosen.
fn chosen<'a>(
    there: &[(&Node, Backend)],
    here: &'a Node,
    reach: Reach,
    prefer: Prefer,
) -> Box<dyn Fn(&Node) -> bool + 'a> {
    let on_node = |node: &Node| node.name == here.name;
    let in_zone = |node: &Node| here.spec.zone.is_some() && node.spec.zone == here.spec.zone;
    let any = |is: &dyn Fn(&Node) -> bool| there.iter().any(|(node, backend)| backend.weight > 0 && is(node));
    match prefer {
        _ if reach == Reach::Local => Box::new(on_node),
        Prefer::Node if any(&on_node) => Box::new(on_node),
        Prefer::Node | Prefer::Zone if any(&in_zone) => Box::new(in_zone),
        _ => Box::new(|_| true),
    }
}
