//! `sdnctl flows|groups|pipeline`

use api::{
    List, Name, Node,
    status::{Blame, Flow, FlowDump, GroupDump, PipelineTable},
};
use serde::de::DeserializeOwned;

use crate::{
    cli::{FlowQuery, Output, Remote},
    output::{json, print, show, table},
};

pub async fn dump_flows(remote: &Remote, query: FlowQuery) -> anyhow::Result<()> {
    let what = match query.at {
        Some(at) => format!("flows?at={at}"),
        None => format!("flows?diff={}", query.diff),
    };
    let mut dumps: Vec<FlowDump> = read(remote, query.node.as_ref(), &what).await?;
    for dump in &mut dumps {
        dump.flows.retain(|flow| wanted(flow, &query));
    }
    match remote.output {
        Output::Json if query.node.is_some() => json(&dumps.first()),
        Output::Json => json(&dumps),
        Output::Ofctl => {
            print(&dumps.iter().flat_map(|dump| &dump.flows).map(|f| format!(" {}\n", f.ofctl)).collect::<String>())
        }
        Output::Table => dumps.iter().try_for_each(|dump| {
            let which = match query.at {
                Some(at) => format!("flows it was to have at {at}"),
                None if query.diff => "flows that are not as they are to be".into(),
                None => "flows".into(),
            };
            print(&format!("{}: {} {which}\n", dump.node, dump.flows.len()))?;
            table(["TABLE", "PRIORITY", "PACKETS", "OWNER", "REVISION", "MATCH", "ACTIONS"], dump.flows.iter().map(row))
        }),
    }
}

pub async fn blame(remote: &Remote, node: &Name, flow: &str) -> anyhow::Result<()> {
    let blame: Blame = remote.client.get_query(&format!("/v1/nodes/{node}/blame"), &[("flow", flow)]).await?;
    show(remote, &blame, |blame| {
        let flow = &blame.flow;
        let owner = flow.owner.clone().unwrap_or_else(|| "nobody here: someone else added it".into());
        let revision = match (flow.revision, &blame.at) {
            (Some(revision), Some(at)) => format!(", revision {revision} of {at}"),
            (Some(revision), None) => format!(", revision {revision}, before what is kept of history"),
            (None, _) => String::new(),
        };
        let state = if blame.wanted { "as it is to be" } else { "not as it is to be" };
        let does = flow.reason.as_ref().map_or(flow.actions.clone(), |reason| format!("drop: {reason}"));
        print(&format!("asked for by {owner}{revision}; {state}\n"))?;
        print(&format!("table {}, priority {}, {}\n", flow.table, flow.priority, flow.matching))?;
        print(&format!("{does}\n{} packets, {} bytes\n", flow.packets, flow.bytes))?;
        blame.object.as_ref().map_or(Ok(()), json)
    })
}

pub async fn dump_groups(remote: &Remote, node: Option<Name>) -> anyhow::Result<()> {
    let dumps: Vec<GroupDump> = read(remote, node.as_ref(), "groups").await?;
    match remote.output {
        Output::Json if node.is_some() => json(&dumps.first()),
        Output::Json => json(&dumps),
        Output::Ofctl => {
            print(&dumps.iter().flat_map(|dump| &dump.groups).map(|g| format!(" {}\n", g.ofctl)).collect::<String>())
        }
        Output::Table => dumps.iter().try_for_each(|dump| {
            print(&format!("{}: {} groups\n", dump.node, dump.groups.len()))?;
            table(
                ["GROUP", "OWNER", "BUCKETS", "PACKETS PER BUCKET"],
                dump.groups.iter().map(|group| {
                    let packets: Vec<String> = group.bucket_packets.iter().map(u64::to_string).collect();
                    [
                        group.id.to_string(),
                        group.owner.clone().unwrap_or("-".into()),
                        packets.len().to_string(),
                        packets.join(" "),
                    ]
                }),
            )
        }),
    }
}

pub async fn pipeline(remote: &Remote) -> anyhow::Result<()> {
    let tables: Vec<PipelineTable> = remote.client.get("/v1/pipeline").await?;
    show(remote, &tables, |tables| {
        table(
            ["TABLE", "NAME", "DOES", "OTHERWISE"],
            tables.iter().map(|table| {
                let PipelineTable { id, name, does, miss } = table.clone();
                [id.to_string(), name, does, miss]
            }),
        )
    })
}

/// One node's dump, or those of all nodes.
async fn read<T: DeserializeOwned>(remote: &Remote, node: Option<&Name>, what: &str) -> anyhow::Result<Vec<T>> {
    let nodes = match node {
        Some(node) => vec![node.clone()],
        None => {
            let list: List<Node> = remote.client.get("/v1/nodes").await?;
            list.items.into_iter().map(|node| node.name).collect()
        }
    };
    let mut dumps = Vec::with_capacity(nodes.len());
    for node in nodes {
        dumps.push(remote.client.get(&format!("/v1/nodes/{node}/{what}")).await?);
    }
    Ok(dumps)
}

fn wanted(flow: &Flow, query: &FlowQuery) -> bool {
    let table = query.table.as_ref().is_none_or(|table| flow.table == *table || flow.table_id.to_string() == *table);
    table && query.owner.as_ref().is_none_or(|owner| flow.owner.as_ref() == Some(owner))
}

fn row(flow: &Flow) -> [String; 7] {
    let owner = flow.owner.clone().unwrap_or_else(|| format!("? cookie={:#x}", flow.cookie));
    let revision = flow.revision.map_or("-".into(), |revision| revision.to_string());
    let actions = match &flow.reason {
        Some(reason) => format!("drop: {reason}"),
        None => flow.actions.clone(),
    };
    let actions = flow.diff.as_ref().map_or(actions.clone(), |diff| format!("{diff}: {actions}"));
    [
        flow.table.clone(),
        flow.priority.to_string(),
        flow.packets.to_string(),
        owner,
        revision,
        flow.matching.clone(),
        actions,
    ]
}
