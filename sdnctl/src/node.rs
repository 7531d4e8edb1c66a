//! `sdnctl node|gossip`

use api::{List, Name, Node, NodeStatus, Written};
use jiff::Timestamp;
use serde::de::IgnoredAny;

use crate::{
    cli::{NodeVerb, Remote},
    objects::{inspect, remove},
    output::{print, show, table, written},
};

pub async fn run(remote: &Remote, verb: NodeVerb) -> anyhow::Result<()> {
    match verb {
        NodeVerb::Ls => {
            let list: List<NodeStatus> = remote.client.get("/v1/nodes").await?;
            show(remote, &list, |list| {
                table(
                    ["NAME", "ID", "ADDRESS", "MTU", "DATAPATH", "STATE", "FOR", "SEEN BY", "REVISION"],
                    list.items.iter().map(row),
                )
            })
        }
        NodeVerb::Inspect { name } => inspect::<NodeStatus>(remote, "nodes", &name).await,
        NodeVerb::Drain { name, undo } => drain(remote, &name, undo).await,
        NodeVerb::Rm { name, force: false } => remove::<Node>(remote, "nodes", &name).await,
        NodeVerb::Rm { name, force: true } => {
            let answer: Written<Node> = remote.client.delete(&format!("/v1/nodes/{name}/all"), remote.write).await?;
            written(remote, &answer, &format!("removed {name} and all its endpoints"))
        }
    }
}

async fn drain(remote: &Remote, name: &Name, undo: bool) -> anyhow::Result<()> {
    let path = format!("/v1/nodes/{name}/drain");
    let answer: Written<Node> = match undo {
        false => remote.client.put(&path, &serde_json::json!({}), remote.write).await?,
        true => remote.client.delete(&path, remote.write).await?,
    };
    written(remote, &answer, &format!("{} {name}", if undo { "no longer drained:" } else { "drained" }))
}

fn row(status: &NodeStatus) -> [String; 9] {
    let NodeStatus { node, membership, .. } = status;
    let spec = &node.spec;
    let unknown = || "-".to_owned();
    let since = membership.as_ref().and_then(|found| found.since.parse::<Timestamp>().ok());
    [
        node.name.to_string(),
        node.id.to_string(),
        spec.address.to_string(),
        spec.mtu.to_string(),
        spec.datapath.as_str().to_owned(),
        membership.as_ref().map_or_else(unknown, |found| found.state.clone())
            + if node.drained { ", drained" } else { "" },
        since.map_or_else(unknown, |since| format!("{} s", Timestamp::now().duration_since(since).as_secs().max(0))),
        membership.as_ref().map_or_else(unknown, |found| format!("{} of {}", found.seen_by, found.of)),
        node.revision.to_string(),
    ]
}

/// `sdnctl gossip rotate`
pub async fn rotate(remote: &Remote) -> anyhow::Result<()> {
    let path = "/v1/gossip/rotate";
    remote.client.post::<_, IgnoredAny>(path, &serde_json::json!({}), remote.write).await?;
    print("agents are given another gossip key\n")
}
